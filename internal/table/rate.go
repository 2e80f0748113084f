package table

import (
	"maps"
	"math"
	"math/bits"
	"slices"

	"tcptop/internal/conn"
)

// traffic is payload bytes in both directions.
type traffic struct{ rx, tx uint64 }

// count adds d to the row's rates. Where the tick took no time it is carried into
// the next one.
func (t *Table) count(s slot, d traffic) {
	if d == (traffic{}) || t.tick.first {
		return
	}
	if t.tick.elapsed == 0 {
		c := t.carried[s.pos]
		t.carried[s.pos] = traffic{c.rx + d.rx, c.tx + d.tx}
		return
	}
	s.RxRate += perSecond(d.rx, t.tick.elapsed)
	s.TxRate += perSecond(d.tx, t.tick.elapsed)
}

// countListener notes what a listener, or a UDP socket, accepted and dropped in this tick.
func (t *Table) countListener(s slot, next *conn.Conn) {
	both := s.Has & next.Has
	if both&conn.HasDrops != 0 {
		s.Dropped += next.Drops - s.Drops
	}
	if both&conn.HasAccepts != 0 && t.tick.elapsed != 0 && !t.tick.first {
		s.AcceptRate += perSecond(next.Accepts-s.Accepts, t.tick.elapsed)
	}
}

// catchUp counts what was carried, once time has passed.
func (t *Table) catchUp() {
	if len(t.carried) == 0 || t.tick.elapsed == 0 {
		return
	}
	for _, pos := range slices.Sorted(maps.Keys(t.carried)) {
		s := t.slot(pos)
		s.Moved = true
		t.touch(s)
		t.count(s, t.carried[pos])
	}
	clear(t.carried)
}

// DatagramRates are the bytes per second of t, a part of Ended, where it is datagrams: what connections
// had carried when they ended is not of this tick alone.
func (s *Snapshot) DatagramRates(t *conn.OwnerTotal) (rx, tx uint64, known bool) {
	if t.Datagrams == 0 || t.Conns > 0 || s.Elapsed <= 0 {
		return 0, 0, false
	}
	return perSecond(t.RxBytes, uint64(s.Elapsed)), perSecond(t.TxBytes, uint64(s.Elapsed)), true
}

// perSecond is n over elapsed ns, to the nearest; it saturates.
func perSecond(n, elapsed uint64) uint64 {
	hi, lo := bits.Mul64(n, 1e9)
	lo, c := bits.Add64(lo, elapsed/2, 0)
	hi += c
	if hi >= elapsed {
		return math.MaxUint64
	}
	q, _ := bits.Div64(hi, lo, elapsed)
	return q
}
