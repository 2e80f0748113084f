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
	seen   []uint64            // by slot: last_ns when it was last read
	older  map[uint64]struct{} // cookies of the sockets that are older than tcptop
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
	t.seen = make([]uint64, len(flows))
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

// age lets flows that were idle for longer than idle leave the kernel's table, a
// step per call.
func (t *flowTable) age(used uint64, idle time.Duration) error {
	if t.prog == nil {
		return nil
	}
	args := tcptopSweepArgs{N: uint32(min(used, uint64(len(t.flows)))), IdleNs: uint64(idle)}
	if err := runSweep(t.prog, &args); err != nil {
		return fmt.Errorf("age the flow table: %w", err)
	}
	return nil
}

// read appends the flows that moved to conns and those that are final to closed.
func (t *flowTable) read(used uint64, conns, closed []conn.Conn) (moved, ended []conn.Conn) {
	for i := range t.flows[:min(used, uint64(len(t.flows)))] {
		f := &t.flows[i]
		key := atomic.LoadUint64(&f.Key)
		phase := atomic.LoadUint32(&f.Phase)
		if key == 0 || phase == phaseFree {
			t.seen[i] = 0
			continue
		}
		last := atomic.LoadUint64(&f.LastNs)
		if last == t.seen[i] && phase != phaseDead {
			continue
		}
		var c conn.Conn
		decodeFlow(&c, f)
		if atomic.LoadUint64(&f.Key) != key {
			continue
		}
		if _, old := t.older[c.ID.Cookie]; old {
			c.Partial, c.Dir = true, 0
		}
		t.seen[i] = last
		if phase == phaseDead {
			c.Reason = conn.Idle
			closed = append(closed, c)
			continue
		}
		conns = append(conns, c)
	}
	return conns, closed
}
