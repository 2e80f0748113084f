package tui

import (
	"tcptop/internal/conn"
	"tcptop/internal/table"
)

const (
	maxHistories = 1024
	historyTicks = 240
)

// history is what a connection did in the last ticks.
type history struct {
	rx, tx, rtt, retrans ring
	both                 ring   // scratch of sum
	tick                 uint64 // of the newest values
	since                uint64 // the first tick
	wanted               uint64 // the last tick that somebody looked at it
	retransmitted        uint32
}

// histories are those of the connections that were looked at, a bounded number.
type histories struct {
	of   map[conn.ID]*history
	tick uint64
}

func newHistories() *histories { return &histories{of: make(map[conn.ID]*history)} }

// want returns the history of r, which starts here if nobody asked before; nil
// where there is no room.
func (hs *histories) want(r *table.Row) *history {
	h := hs.of[r.ID]
	if h == nil {
		if len(hs.of) >= maxHistories && !hs.evict() {
			return nil
		}
		h = &history{
			rx: newRing(historyTicks), tx: newRing(historyTicks), rtt: newRing(historyTicks), retrans: newRing(historyTicks),
			since: hs.tick, retransmitted: r.RetransPackets,
		}
		h.add(r, hs.tick)
		hs.of[r.ID] = h
	}
	h.wanted = hs.tick
	return h
}

// evict forgets what nobody looked at for a minute of ticks.
func (hs *histories) evict() bool {
	found := false
	for id, h := range hs.of {
		if h.wanted+60 < hs.tick {
			delete(hs.of, id)
			found = true
		}
	}
	return found
}

// see takes a row that moved in this tick.
func (hs *histories) see(r *table.Row) {
	if h := hs.of[r.ID]; h != nil && h.tick < hs.tick {
		h.rest(hs.tick - 1)
		h.add(r, hs.tick)
	}
}

// rest fills the ticks up to this one in which the row did not move.
func (h *history) rest(tick uint64) {
	rtt := h.rtt.back(0)
	for n := min(tick-min(h.tick, tick), historyTicks); n > 0; n-- {
		h.rx.add(0)
		h.tx.add(0)
		h.rtt.add(rtt)
		h.retrans.add(0)
	}
	h.tick = max(h.tick, tick)
}

func (h *history) add(r *table.Row, tick uint64) {
	h.rx.add(float32(r.RxRate))
	h.tx.add(float32(r.TxRate))
	h.rtt.add(float32(r.RTT))
	h.retrans.add(float32(r.RetransPackets - min(h.retransmitted, r.RetransPackets)))
	h.retransmitted = r.RetransPackets
	h.tick = tick
}

// sum is the rate of both directions over the last n ticks.
func (h *history) sum(n int) *ring {
	n = min(n, h.rx.len())
	if cap(h.both.values) < historyTicks {
		h.both = newRing(historyTicks)
	}
	h.both.next, h.both.full = 0, false
	for i := n - 1; i >= 0; i-- {
		h.both.add(h.rx.back(i) + h.tx.back(i))
	}
	return &h.both
}
