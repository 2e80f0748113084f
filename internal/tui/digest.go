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
	seq      uint64
	moved    int          // in the tick before
	still    []still      // by page
	happened []*table.Row // in this tick, the last of them: less than twice maxEvents
}

// still is a page in which nothing happened, and how many of its rows are what. It need
// not be looked at again before something does.
type still struct {
	table.Version
	udp, listeners uint8
	states         [conn.NewSynRecv + 1]uint8
}

func (o *observer) digest(s *table.Snapshot) *digest {
	n := &digest{at: headOfTick(s), moments: make([]moment, 0, o.moved)}
	known := !s.First && s.Hosts == nil
	for at, p := range s.Pages() {
		for len(o.still) <= at {
			o.still = append(o.still, still{})
		}
		if k := &o.still[at]; !known || k.Version != p.Version() {
			*k = o.look(n, s, p)
		} else {
			n.addStill(k)
		}
	}
	for i := range s.Ended { // without a row
		n.closed += s.Ended[i].Conns
		rx, tx, _ := s.DatagramRates(&s.Ended[i])
		n.rxRate, n.txRate = n.rxRate+rx, n.txRate+tx
	}
	o.keep(n, s)
	o.moved = len(n.moments)
	return n
}

// keep takes over the last events, which alone are copied.
func (o *observer) keep(n *digest, s *table.Snapshot) {
	last := o.happened[max(len(o.happened)-maxEvents, 0):]
	if len(last) > 0 {
		n.events = make([]event, len(last))
	}
	for i, r := range last {
		n.events[i] = event{Row: *r, at: n.at, seq: o.seq - uint64(len(last)-1-i)}
		n.at.Keep(s, r)
	}
	clear(o.happened)
	o.happened = o.happened[:0]
}

// look digests the rows of a page.
func (o *observer) look(n *digest, s *table.Snapshot, p table.Page) still {
	before, moments, seq := n.count, len(n.moments), o.seq
	for r, shown := range p.Ends() {
		if r.Moved || s.FirstOf(r) && r.RetransPackets > 0 {
			n.moments = append(n.moments, moment{r.Pos, mark(r.ID), float32(r.RxRate), float32(r.TxRate), r.RTT, r.RetransPackets})
		}
		if !shown {
			continue
		}
		n.count.add(r)
		if r.Event != conn.EventSample {
			o.note(r)
		}
	}
	if n.rxRate != before.rxRate || n.txRate != before.txRate || n.alarm.n != before.alarm.n || len(n.moments) != moments || o.seq != seq {
		return still{}
	}
	k := still{Version: p.Version(), udp: uint8(n.udp - before.udp), listeners: uint8(n.listeners - before.listeners)}
	for i := range k.states {
		k.states[i] = uint8(n.states[i] - before.states[i])
	}
	return k
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
		if r.Brief {
			c.opened++
		}
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

func (c *count) addStill(k *still) {
	c.udp += int(k.udp)
	c.listeners += int(k.listeners)
	c.conns += int(k.udp) + int(k.listeners)
	for i, n := range k.states {
		c.states[i] += int(n)
		c.conns += int(n)
	}
}

// note says that something happened to r. Of more than maxEvents the first are forgotten in bulk.
func (o *observer) note(r *table.Row) {
	o.seq++
	if len(o.happened) == 2*maxEvents {
		o.happened = append(o.happened[:0], o.happened[maxEvents:]...)
	}
	o.happened = append(o.happened, r)
}
