package column

import (
	"slices"

	"tcptop/internal/table"
)

// peerFields are fields of own as the other end of the connection has them, where its host is seen, too.
func peerFields(own []Column) []Column {
	var all []Column
	for _, p := range []struct{ name, title, help string }{
		{"host", "PEERHOST", "Host of the connection's other end, where that is seen, too: the row stands for both, and all other fields are as host has them (docs/fleet.md). Missing, as every peer_ field, where it is not."},
		{"pid", "PEERPID", "Process of the other end."},
		{"comm", "PEERCOMM", "Name of the other end's process."},
		{"exe", "PEEREXE", "Path of the program that the other end's process runs."},
		{"user", "PEERUSER", "User of the other end's socket."},
		{"unit", "PEERUNIT", "systemd unit of the other end."},
		{"container", "PEERCONTAINER", "Container of the other end."},
		{"pod", "PEERPOD", "Pod of the other end."},
		{"state", "PEERSTATE", "State of the other end's socket."},
		{"rtt_us", "PEERRTT", "Smoothed round-trip time as the other end measures it."},
		{"retrans_packets", "PEERRETR", "Segments that the other end sent again: what was lost on the way here, where retrans_packets was on the way there."},
		{"send_queue", "PEERSENDQ", "Bytes that wait in the other end's send queue."},
		{"recv_queue", "PEERRECVQ", "Bytes that the other end's program has not read."},
		{"limit", "PEERLIMIT", "What holds the other end back, as limit has it for this one."},
		{"limit_share", "PEERSHARE", "Share of the tick for which it did."},
	} {
		c := own[slices.IndexFunc(own, func(c Column) bool { return c.Name == p.name })]
		c.Name, c.Title, c.Help = "peer_"+p.name, p.title, p.help
		c.Width = max(c.Width, len(p.title))
		all = append(all, c.ofOther())
	}
	return all
}

// ofOther is c, which is no address, of the other end.
func (c Column) ofOther() Column {
	if of := c.Num; of != nil {
		c.Num = func(s *table.Snapshot, r *table.Row) (int64, bool) {
			if o := s.Other(r); o != nil {
				return of(s, o)
			}
			return 0, false
		}
	}
	if of := c.Text; of != nil {
		c.Text = func(dst []byte, s *table.Snapshot, r *table.Row) ([]byte, bool) {
			if o := s.Other(r); o != nil {
				return of(dst, s, o)
			}
			return dst, false
		}
	}
	return c
}
