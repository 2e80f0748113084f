package probe

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
)

// flowTable is the kernel's table of UDP flows, shared with the programs.
type flowTable struct {
	prog   *ebpf.Program // nil when UDP is not measured
	flows  []tcptopFlow
	mapped []byte
	seen   []movement          // by slot: what it was when it was last read
	older  map[uint64]struct{} // cookies of the sockets that are older than tcptop
}

// movement tells whether a flow moved, and when it was last seen to.
type movement struct {
	key, packets, bytes uint64
	at                  int64 // monotonic ns of that sample
}

func mapFlows(coll *ebpf.Collection, udp bool) (*flowTable, error) {
	t := &flowTable{older: map[uint64]struct{}{}}
	if !udp {
		return t, nil
	}
	m := coll.Maps["tt_flows"]
	flows, mem, err := mapArray[tcptopFlow](m, int(m.MaxEntries()))
	if err != nil {
		return nil, err
	}
	t.prog, t.flows, t.mapped = coll.Programs["tt_age_flows"], flows, mem
	t.seen = make([]movement, len(flows))
	return t, nil
}

func (t *flowTable) Close() error {
	if t.mapped == nil {
		return nil
	}
	mem := t.mapped
	t.mapped, t.flows = nil, nil
	if err := unix.Munmap(mem); err != nil {
		return fmt.Errorf("unmap the flow table: %w", err)
	}
	return nil
}

// age takes idle flows out of the kernel's table, a step per call.
func (t *flowTable) age(used uint64) error {
	if t.prog == nil {
		return nil
	}
	args := tcptopSweepArgs{N: uint32(min(used, uint64(len(t.flows))))}
	if err := runSweep(t.prog, &args); err != nil {
		return fmt.Errorf("age the flow table: %w", err)
	}
	return nil
}

// read appends the flows that moved to conns and those that are final to closed;
// one that did not move for longer than idle is marked to be taken out.
func (t *flowTable) read(used uint64, now int64, idle time.Duration, conns, closed []conn.Conn) (moved, ended []conn.Conn) {
	for i := range t.flows[:min(used, uint64(len(t.flows)))] {
		f, seen := &t.flows[i], &t.seen[i]
		key, phase := atomic.LoadUint64(&f.Key), atomic.LoadUint32(&f.Phase)
		if key == 0 || phase == phaseFree {
			*seen = movement{}
			continue
		}
		packets := atomic.LoadUint64(&f.TxPackets) + atomic.LoadUint64(&f.RxPackets)
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
		c.LastActive = seen.at
		if phase == phaseDead {
			c.Reason = conn.Idle
			closed = append(closed, c)
			continue
		}
		conns = append(conns, c)
	}
	return conns, closed
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
