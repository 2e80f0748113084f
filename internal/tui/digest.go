package tui

import (
	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// digest is what the screen remembers of one tick. It is made where the tick comes
// from, so that a tick whose frame nobody takes is remembered too, and never changed.
type digest struct {
	at *table.Snapshot // without rows
	count
	events  []event  // the oldest first, at most the last maxEvents
	moments []moment // of the rows that moved, in the first tick also of those that sent packets again, by position
}

// count is what a tick's rows are together.
type count struct {
	conns, udp, listeners int
	states                [conn.NewSynRecv + 1]int
	rxRate, txRate        uint64
	opened, closed        uint64 // in this tick
	alarm                 alarm
}

// event is a row as it was when it opened, closed or failed.
type event struct {
	table.Row
	at  *table.Snapshot // time and host of the tick, without rows
	seq uint64
}

// moment is what a connection did in one tick.
type moment struct {
	pos     int32  // the row's
	mark    uint32 // the connection's: another one may have had the row before
	rx, tx  float32
	rtt     uint32
	retrans uint32 // since it opened
}

// mark tells connections apart that had the same row one after the other.
func mark(id conn.ID) uint32 {
	return uint32(id.Cookie) ^ uint32(id.Serial) ^ uint32(id.Serial>>32) ^ uint32(id.Host)<<20
}

// observer digests one tick after the other.
type observer struct {
	seq   uint64
	moved int // in the tick before
}

func (o *observer) digest(s *table.Snapshot) *digest {
	n := &digest{at: headOfTick(s), moments: make([]moment, 0, o.moved)}
	for r := range s.Rows() {
		n.count.add(r)
		if r.Moved || s.FirstOf(r) && r.RetransPackets > 0 {
			n.moments = append(n.moments, moment{r.Pos, mark(r.ID), float32(r.RxRate), float32(r.TxRate), r.RTT, r.RetransPackets})
		}
		if r.Event != conn.EventSample {
			o.seq++
			n.happened(event{Row: *r, at: n.at, seq: o.seq})
		}
	}
	n.events = n.events[max(len(n.events)-maxEvents, 0):]
	o.moved = len(n.moments)
	return n
}

// headOfTick is s without its rows, which may be kept.
func headOfTick(s *table.Snapshot) *table.Snapshot {
	return &table.Snapshot{Time: s.Time, Mono: s.Mono, Elapsed: s.Elapsed, First: s.First, Host: s.Host, Origin: s.Origin, Hosts: s.Hosts}
}

func (c *count) add(r *table.Row) {
	c.rxRate += r.RxRate
	c.txRate += r.TxRate
	switch {
	case r.Event == conn.EventClose || r.Event == conn.EventFail:
		c.closed++
		return
	case r.Event == conn.EventOpen:
		c.opened++
	}
	if r.Overflows() {
		c.alarm.add(r)
	}
	switch {
	case r.Proto == conn.UDP:
		c.udp++
	case r.State == conn.Listen:
		c.listeners++
	case int(r.State) < len(c.states):
		c.states[r.State]++
	}
	c.conns++
}

// happened keeps e. Of more than maxEvents the first are forgotten in bulk.
func (n *digest) happened(e event) {
	if len(n.events) == 2*maxEvents {
		n.events = append(n.events[:0], n.events[maxEvents:]...)
	}
	n.events = append(n.events, e)
}
