package tui

import (
	"tcptop/internal/conn"
	"tcptop/internal/table"
)

const (
	trafficTicks = 1200
	maxEvents    = 2000
	maxClosed    = 2000
)

// event is a row as it was when it opened, closed or failed.
type event struct {
	table.Row
	at  *table.Snapshot // time and host of the tick, without rows
	seq uint64
}

// tally is what the screen knows of all rows, from one look at each tick.
type tally struct {
	conns, udp, listeners int
	states                [conn.NewSynRecv + 1]int
	rxRate, txRate        uint64
	opened, closed        uint64 // in this tick
	rx, tx                ring
	ticks                 uint64
	events                []event // the oldest is overwritten
	seq                   uint64
	histories             *histories
}

func newTally() *tally {
	return &tally{rx: newRing(trafficTicks), tx: newRing(trafficTicks), histories: newHistories()}
}

// add takes the rows of a tick.
func (t *tally) add(s *table.Snapshot) {
	t.conns, t.udp, t.listeners, t.rxRate, t.txRate, t.opened, t.closed = 0, 0, 0, 0, 0, 0, 0
	clear(t.states[:])
	t.ticks++
	t.histories.tick = t.ticks
	var head *table.Snapshot
	for r := range s.Rows() {
		t.count(r)
		if r.Moved {
			t.histories.see(r)
		}
		if r.Event == conn.EventSample {
			continue
		}
		if head == nil {
			head = headOfTick(s)
		}
		t.happened(r, head)
	}
	t.rx.add(float32(t.rxRate))
	t.tx.add(float32(t.txRate))
}

// headOfTick is s without its rows, which may be kept.
func headOfTick(s *table.Snapshot) *table.Snapshot {
	return &table.Snapshot{Time: s.Time, Mono: s.Mono, Elapsed: s.Elapsed, First: s.First, Host: s.Host, Origin: s.Origin}
}

func (t *tally) count(r *table.Row) {
	t.rxRate += r.RxRate
	t.txRate += r.TxRate
	switch {
	case r.Event == conn.EventClose || r.Event == conn.EventFail:
		return
	case r.Proto == conn.UDP:
		t.udp++
	case r.State == conn.Listen:
		t.listeners++
	case int(r.State) < len(t.states):
		t.states[r.State]++
	}
	t.conns++
}

func (t *tally) happened(r *table.Row, head *table.Snapshot) {
	if r.Event == conn.EventOpen {
		t.opened++
	} else {
		t.closed++
	}
	t.seq++
	e := event{Row: *r, at: head, seq: t.seq}
	if len(t.events) < maxEvents {
		t.events = append(t.events, e)
		return
	}
	t.events[(t.seq-1)%maxEvents] = e
}

// newest yields the events, the newest first.
func (t *tally) newest(yield func(*event) bool) {
	for i := range uint64(len(t.events)) {
		if !yield(&t.events[(t.seq-1-i)%maxEvents]) {
			return
		}
	}
}
