package tui

import (
	"cmp"
	"slices"

	"tcptop/internal/table"
)

// history is what one connection did, tick by tick.
type history struct {
	rx, tx, rtt, retrans ring
	first                *table.Snapshot // the first tick, without rows
	found                []*moment       // scratch, the newest first
}

func newHistory(ticks int) *history {
	return &history{rx: newRing(ticks), tx: newRing(ticks), rtt: newRing(ticks), retrans: newRing(ticks)}
}

// fill recalls the last ticks of r, from when it was first seen or as far back as
// is remembered. Of a connection that ended it stops at its end.
func (h *history) fill(t *tally, r *table.Row, ended bool) {
	all := t.moved.digests
	all = all[max(len(all)-len(h.rx.values), 0):]
	h.found = h.found[:0]
	for i := len(all) - 1; i >= 0 && all[i].at.Mono >= r.Opened; i-- {
		m := all[i].find(r.Pos, mark(r.ID))
		if m != nil || !ended || len(h.found) > 0 {
			h.found = append(h.found, m)
			h.first = all[i].at
		}
	}
	for _, of := range []*ring{&h.rx, &h.tx, &h.rtt, &h.retrans} {
		of.next, of.full = 0, false
	}
	if len(h.found) > 0 {
		h.replay(r)
	}
}

// replay adds what was found to the series, the oldest first. A tick without a
// moment is one in which the connection stood still.
func (h *history) replay(r *table.Row) {
	rtt, sent := h.before(r)
	for _, m := range slices.Backward(h.found) {
		if m == nil {
			m = &moment{rtt: rtt, retrans: sent}
		}
		h.rx.add(m.rx)
		h.tx.add(m.tx)
		h.rtt.add(float32(m.rtt))
		h.retrans.add(float32(m.retrans - min(sent, m.retrans)))
		rtt, sent = m.rtt, max(sent, m.retrans)
	}
}

// before is the rtt, and how many packets were sent again, before the first tick
// recalled. Where that is not known they are taken to be as in the first moment.
func (h *history) before(r *table.Row) (rtt, sent uint32) {
	rtt, sent = r.RTT, r.RetransPackets
	for i, m := range slices.Backward(h.found) {
		if m == nil {
			continue
		}
		rtt, sent = m.rtt, m.retrans
		if h.first.First && i < len(h.found)-1 { // the first tick tells of all that had sent some
			sent = 0
		}
		break
	}
	if r.Opened > 0 && h.first.Mono-int64(h.first.Elapsed) <= r.Opened {
		sent = 0
	}
	return rtt, sent
}

// both turns the rates into their sum.
func (h *history) both() *ring {
	for i := range h.rx.values {
		h.rx.values[i] += h.tx.values[i]
	}
	return &h.rx
}

// find is what the connection did in this tick; nil where it stood still.
func (n *digest) find(pos int32, mark uint32) *moment {
	i, ok := slices.BinarySearchFunc(n.moments, pos, func(m moment, pos int32) int { return cmp.Compare(m.pos, pos) })
	if !ok || n.moments[i].mark != mark {
		return nil
	}
	return &n.moments[i]
}
