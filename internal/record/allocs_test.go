package record

import (
	"testing"

	"tcptop/internal/conn"
)

// TestTickAllocations encodes ticks in which all connections move: what a tick allocates
// does not depend on how many there are.
func TestTickAllocations(t *testing.T) {
	allocations := func(conns int) float64 {
		h, e := busy(conns), newEncoder(t)
		s := &conn.Sample{Time: start, Mono: h.now(), Host: "testhost", Conns: h.conns}
		discard := func(Block) {}
		e.Tick(s, discard)
		step := func() {
			s.Mono += second
			s.Time = s.Time.Add(1e9)
			for i := range s.Conns {
				s.Conns[i].RxBytes += 1000 + uint64(i)
				s.Conns[i].RTT = uint32(1000 + i%77)
			}
			e.Tick(s, discard)
		}
		step()
		return testing.AllocsPerRun(10, step)
	}
	few, many := allocations(100), allocations(4000)
	if many > few+8 || many > 64 {
		t.Errorf("%v allocations for 100 connections, %v for 4000", few, many)
	}
	t.Logf("%v and %v", few, many)
}
