package probe

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cilium/ebpf"

	"tcptop/internal/conn"
)

// flowTable is the kernel's table of UDP flows, shared with the programs.
type flowTable struct {
	prog   *ebpf.Program // nil when UDP is not measured
	free   *ebpf.Map     // stack of places that were used and are nobody's
	flows  []tcptopFlow  // as far as places are in use
	seat   uint32        // of the first; TCP's are below
	window *window[tcptopFlow]
	seen   []movement          // by slot: what it was when it was last read
	older  map[uint64]struct{} // cookies of the sockets that are older than tcptop
}

// movement tells whether a flow moved, and when it was last seen to.
type movement struct {
	key, packets, bytes uint64
	at                  int64 // monotonic ns of that sample
}

// mapFlows maps the flows that age takes out; nil where UDP is not measured. The first one
// has the seat.
func mapFlows(coll *ebpf.Collection, age *ebpf.Program, seat uint32) (*flowTable, error) {
	t := &flowTable{prog: age, seat: seat, free: coll.Maps["tt_flow_free"], older: map[uint64]struct{}{}}
	if age == nil {
		return t, nil
	}
	m := coll.Maps["tt_flows"]
	var err error
	if t.window, err = openWindow[tcptopFlow](m, int(m.MaxEntries())); err != nil {
		return nil, err
	}
	t.seen = make([]movement, m.MaxEntries())
	return t, nil
}

func (t *flowTable) Close() error {
	if t.window == nil {
		return nil
	}
	t.flows = nil
	return t.window.Close()
}

// age takes idle flows out of the kernel's table, a step per call.
func (t *flowTable) age(used uint64) error {
	if t.prog == nil {
		return nil
	}
	args := tcptopSweepArgs{N: uint32(min(used, uint64(len(t.seen))))}
	if err := runSweep(t.prog, &args); err != nil {
		return fmt.Errorf("age the flow table: %w", err)
	}
	return nil
}

// read appends the flows that moved to conns and those that are final to closed,
// whose places it gives back; one that did not move for longer than idle is marked
// to be taken out.
func (t *flowTable) read(used uint64, now int64, idle time.Duration, conns, closed []conn.Conn) (moved, ended []conn.Conn, err error) {
	if t.window == nil {
		return conns, closed, nil
	}
	n := int(min(used, uint64(len(t.seen))))
	if t.flows, err = t.window.upTo(n); err != nil {
		return conns, closed, err
	}
	for i := range t.flows[:n] {
		f, seen := &t.flows[i], &t.seen[i]
		key, phase := atomic.LoadUint64(&f.Key), atomic.LoadUint32(&f.Phase)
		if key == 0 || phase == phaseFree {
			*seen = movement{}
			continue
		}
		packets := atomic.LoadUint64(&f.TxPackets) + atomic.LoadUint64(&f.RxPackets) + uint64(atomic.LoadUint32(&f.SendErrors))
		bytes := atomic.LoadUint64(&f.TxBytes) + atomic.LoadUint64(&f.RxBytes)
		still := *seen == movement{key, packets, bytes, seen.at}
		if still && phase != phaseDead {
			if phase == phaseOpen && now-seen.at >= int64(idle) {
				atomic.CompareAndSwapUint32(&f.Phase, phaseOpen, phaseIdle)
			}
			continue
		}
		if !still {
			*seen = movement{key, packets, bytes, now}
		}
		var c conn.Conn
		if !t.decode(&c, f, key) {
			continue
		}
		c.Seat = t.seat + uint32(i)
		c.LastActive = seen.at
		if phase == phaseDead {
			c.Reason = conn.Idle
			closed = append(closed, c)
			*seen = movement{} // whoever comes here next may have moved as much
			if err := t.release(uint32(i)); err != nil {
				return conns, closed, err
			}
			continue
		}
		conns = append(conns, c)
	}
	return conns, closed, nil
}

// release gives the place of a flow back that has left the index a tick ago: nobody
// counts into it any more.
func (t *flowTable) release(place uint32) error {
	atomic.StoreUint64(&t.flows[place].Key, 0)
	atomic.StoreUint32(&t.flows[place].Phase, phaseFree)
	if err := t.free.Put(nil, place); err != nil {
		return fmt.Errorf("give place %d back: %w", place, err)
	}
	return nil
}

// decode fills c from f; false when the flow went meanwhile.
func (t *flowTable) decode(c *conn.Conn, f *tcptopFlow, key uint64) bool {
	decodeFlow(c, f)
	if atomic.LoadUint64(&f.Key) != key {
		return false
	}
	if _, old := t.older[c.ID.Cookie]; old {
		c.Partial, c.Dir = true, 0
	}
	return true
}
