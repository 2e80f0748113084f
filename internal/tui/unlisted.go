package tui

import (
	"math"

	"tcptop/internal/column"
	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// notKnown is the group of connections without a row of which nobody knows what is grouped by.
var notKnown = groupKey{math.MaxUint64, math.MaxUint64 - 1}

// unlisted are connections of one owner to one remote that have no row: a part of their group's sum
// that is no line of its own.
type unlisted struct {
	row   table.Row // with what is known of them
	group int32
	next  int32 // of the same group, from 1; 0 is none
	conns uint64
	open  uint64 // of these; the others ended in this tick
	rated bool   // the row's rates are known
}

// unlistedRow is what t says of connections that carried so much.
func unlistedRow(t *conn.OwnerTotal, rx, tx uint64) table.Row {
	r := table.Row{Conn: conn.Conn{
		Has: conn.HasBytes, Owner: conn.Owner{PID: t.PID, Comm: t.Comm}, UID: t.UID, Cgroup: t.Cgroup, Proto: t.Proto, Raddr: t.Raddr, RxBytes: rx, TxBytes: tx,
	}}
	if t.UID != conn.NoUID {
		r.Has |= conn.HasUID | conn.HasCgroup
	}
	if t.Raddr != (conn.Addr{}) {
		r.Has |= conn.HasRaddr
	}
	return r
}

// collectUnlisted finds the groups of the connections that have no row: those that are open, those
// that ended in this tick, as rows do, and the flows whose datagrams came or went in it.
func (m *Model) collectUnlisted(v *view, by *column.Column, join func(a, b int64) int64) {
	s := m.shown
	if len(s.Totals) == 0 || s.Hosts != nil { // of several hosts nobody says whose they are
		return
	}
	g, match := v.grouping, m.match(s)
	processes := g.processes()
	add := func(r table.Row, u unlisted) {
		if !match(&r) {
			return
		}
		if started, known := processes[r.Owner.PID]; known {
			r.Owner.Start = started
		}
		u.row = r
		of := g.addUnlisted(u)
		if join == nil {
			return
		}
		if n, ok := by.Num(s, &r); ok {
			if of.known {
				n = join(of.value, n)
			}
			of.value, of.known = n, true
		}
	}
	for i := range s.Totals {
		if t := &s.Totals[i]; t.Open > 0 {
			add(unlistedRow(t, t.OpenRx, t.OpenTx), unlisted{conns: t.Open, open: t.Open})
		}
	}
	for i := range s.Ended {
		t := &s.Ended[i]
		r := unlistedRow(t, t.RxBytes, t.TxBytes)
		u := unlisted{conns: t.Conns}
		r.RxRate, r.TxRate, u.rated = s.DatagramRates(t)
		add(r, u)
	}
}

// processes are the starts of the processes that groups are of, by pid: which of one pid a
// connection without a row belongs to, nobody says.
func (g *grouping) processes() map[uint32]uint32 {
	if g.by.name != "process" {
		return nil
	}
	all := make(map[uint32]uint32, len(g.groups))
	for i := range g.groups {
		if k := g.groups[i].key; k.hi>>32 == 0 && k.hi != 0 {
			all[uint32(k.hi)] = max(all[uint32(k.hi)], uint32(k.lo))
		}
	}
	return all
}

// addUnlisted puts u into its group.
func (g *grouping) addUnlisted(u unlisted) *members {
	u.group = g.group(g.unlistedKey(&u.row))
	of := &g.groups[u.group]
	u.next = of.unlisted
	g.unlisted = append(g.unlisted, u)
	of.unlisted = int32(len(g.unlisted))
	of.more += u.conns
	return of
}

// unlistedKey is the group of a row of which owner, user, protocol and remote are all that may be known.
func (g *grouping) unlistedKey(r *table.Row) groupKey {
	switch g.by.name {
	case "process", "user", "remote", "host":
		if key, ok := g.by.key(r); ok {
			return key
		}
	case "proto":
		if r.Proto != 0 {
			return g.keyOf(r)
		}
	}
	return notKnown
}

// addUnlisted takes connections without a row into the sum, after the rows. What these share stays.
func (gr *group) addUnlisted(u *unlisted) {
	if gr.n == 0 && !gr.unlisted {
		gr.sum, gr.mixed = u.row, mixed{}
	} else {
		gr.mixed.remote = gr.mixed.remote || gr.sum.Raddr != u.row.Raddr
		grow(&gr.sum.RxBytes, u.row.RxBytes)
		grow(&gr.sum.TxBytes, u.row.TxBytes)
		grow(&gr.sum.RxRate, u.row.RxRate)
		grow(&gr.sum.TxRate, u.row.TxRate)
		gr.sum.Has |= conn.HasBytes
		if gr.n == 0 {
			gr.shareUnlisted(&u.row)
		}
	}
	gr.unlisted = true
	gr.rated = gr.rated || u.rated
	gr.more += u.conns
	gr.open += u.open
}

// shareUnlisted forgets what connections of which none has a row do not have in common.
func (gr *group) shareUnlisted(r *table.Row) {
	if gr.sum.Owner != r.Owner {
		gr.sum.Owner = conn.Owner{}
	}
	if gr.sum.UID != r.UID {
		gr.sum.Has &^= conn.HasUID
	}
}

// conns is how many connections gr has, with and without a row.
func (gr *group) conns() uint64 { return uint64(gr.n) + gr.more }
