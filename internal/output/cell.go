package output

import (
	"slices"
	"strconv"
	"time"

	"tcptop/internal/column"
	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// cell is one column of a text line.
type cell struct {
	title   string
	width   int
	right   bool
	grow    bool // widens to the widest value so far: addresses, whose width is bounded
	outside bool // the value may come from a process or a peer
	append  func(dst []byte, s *table.Snapshot, r *table.Row) ([]byte, bool)
}

// defaultCells is what fits a terminal of about 140 columns, of events 210.
func defaultCells(list *column.List, cfg Config) []cell {
	field := func(name string) cell {
		c, _ := list.Find(name)
		return newCell(c, cfg)
	}
	if cfg.Events {
		return []cell{
			field("ts"), field("event"), field("old_state"), field("state"), field("old_state_us"), field("proto"), localCell(), remoteCell(), field("pid"), field("comm"), field("age_ms"),
			field("rx_bytes"), field("tx_bytes"), field("connect_us"), field("syn_retries"), field("close_reason"), field("errno"), field("close_detail"),
		}
	}
	cells := []cell{
		field("ts"), field("proto"), field("state"), localCell(), remoteCell(), field("pid"), field("comm"),
		field("rx_rate"), field("tx_rate"), field("rx_bytes"), field("tx_bytes"), field("rtt_us"), field("retrans_packets"),
	}
	if cfg.Hosts {
		host, other := field("host"), field("peer_host")
		host.grow, other.grow = true, true
		cells = slices.Insert(cells, 7, other, field("peer_comm"))
		cells = slices.Insert(cells, 0, host)
	}
	return cells
}

// newCell is c for people: numbers to the right, text and addresses to the left.
func newCell(c *column.Column, cfg Config) cell {
	n := cell{title: c.Title, width: max(c.Width, len(c.Title))}
	switch {
	case c.Text != nil:
		n.outside = c.Values == nil
		n.append = c.Text
	case c.Addr != nil:
		n.grow = true
		n.append = c.Append
	case c.Kind == column.Time:
		layout := "2006-01-02 15:04:05"
		if c.Group == "frame" {
			layout = time.TimeOnly
		}
		n.width = len(layout)
		n.append = timeOf(c, layout, cfg.Local)
	default:
		n.right = true
		n.append = func(dst []byte, s *table.Snapshot, r *table.Row) ([]byte, bool) {
			v, ok := c.Num(s, r)
			if !ok {
				return dst, false
			}
			return cfg.Style.Append(dst, c.Kind, v), true
		}
	}
	return n
}

func timeOf(c *column.Column, layout string, zone *time.Location) func([]byte, *table.Snapshot, *table.Row) ([]byte, bool) {
	if zone == nil {
		zone = time.UTC
	}
	return func(dst []byte, s *table.Snapshot, r *table.Row) ([]byte, bool) {
		ns, ok := c.Num(s, r)
		if !ok {
			return dst, false
		}
		return time.Unix(0, ns).In(zone).AppendFormat(dst, layout), true
	}
}

// endpointWidth holds any IPv4 address and port.
const endpointWidth = 21

func localCell() cell {
	return cell{title: "LOCAL", width: endpointWidth, grow: true,
		append: func(dst []byte, _ *table.Snapshot, r *table.Row) ([]byte, bool) {
			return appendEndpoint(dst, r.Laddr, r.Lport), true
		}}
}

func remoteCell() cell {
	return cell{title: "REMOTE", width: endpointWidth, grow: true,
		append: func(dst []byte, _ *table.Snapshot, r *table.Row) ([]byte, bool) {
			if r.Has&conn.HasRaddr == 0 {
				return dst, false
			}
			return appendEndpoint(dst, r.Raddr, r.Rport), true
		}}
}

// appendEndpoint appends 192.0.2.1:443 or [2001:db8::1]:443, and * for a port
// that is not bound yet.
func appendEndpoint(dst []byte, a conn.Addr, port uint16) []byte {
	ip := a.Netip()
	if ip.Is4() {
		dst = ip.AppendTo(dst)
	} else {
		dst = append(dst, '[')
		dst = ip.AppendTo(dst)
		dst = append(dst, ']')
	}
	dst = append(dst, ':')
	if port == 0 {
		return append(dst, '*')
	}
	return strconv.AppendUint(dst, uint64(port), 10)
}
