package probe

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

// TestTickAllocations takes ticks in which all of many connections moved: what a tick
// allocates does not depend on how many there are.
func TestTickAllocations(t *testing.T) {
	if !kernelIs(t, 6, 1) {
		return
	}
	testkit.Kernel(t)
	few, many := tickAllocations(t, 200), tickAllocations(t, 4000)
	if many > few+20 || many > 200 {
		t.Errorf("%v allocations for 200 sockets, %v for 4000", few, many)
	}
}

func tickAllocations(t *testing.T, sockets int) float64 {
	load := testkit.Start(t, testkit.NetNS(t), "idle", "-n", fmt.Sprint(sockets/2), "-touch")
	load.Ready()
	p, err := Open(conn.Config{Interval: bothProtocols.Interval, TCP: true, MaxConns: 16384})
	must(t, err)
	defer func() { must(t, p.Close()) }()
	ctx, cancel := context.WithCancel(context.Background())
	allocs := 0.0
	for s, err := range p.Samples(ctx) {
		must(t, err)
		if s.Last {
			break
		}
		if len(s.Conns) < sockets {
			continue // owners come in a later tick
		}
		sampler := &sampler{Probe: p, unowned: map[uint32]orphan{}, began: true}
		tick := func() {
			for i := range p.slots.hot {
				atomic.StoreUint64(&p.slots.hot[i].Stamp, 0) // as if it had moved
			}
			must(t, sampler.take())
			if len(sampler.out.Conns) < sockets {
				t.Errorf("%d of %d sockets are in the sample", len(sampler.out.Conns), sockets)
			}
		}
		p.sockets.next, p.sockets.soon, p.files.nextCheck, p.files.next = 1<<62, 1<<62, 1<<62, 1<<62 // no pass over the whole host
		tick()
		allocs = testing.AllocsPerRun(10, tick)
		cancel()
	}
	cancel()
	load.Finish()
	return allocs
}
