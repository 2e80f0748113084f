package probe

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
)

// meter reads what our own programs take, as the kernel counts it.
type meter struct {
	stats    io.Closer // has the kernel time programs; nil where it was not asked to
	programs []metered // by name
	maps     uint64    // bytes
	own      uint64    // runs of those that we run, as of the last reading
}

type metered struct {
	conn.Program
	prog *ebpf.Program
}

// openMeter finds the programs of sets. What can't be had is in lacks.
func openMeter(sets []*set, maps map[string]*ebpf.Map, stats bool) (m *meter, lacks string) {
	m = &meter{}
	for _, s := range sets {
		for name, prog := range s.programs {
			own := prog.Type() == ebpf.Syscall || s.iters[name] != nil
			m.programs = append(m.programs, metered{conn.Program{Name: name, Own: own}, prog})
		}
	}
	slices.SortFunc(m.programs, func(a, b metered) int { return cmp.Compare(a.Name, b.Name) })
	for _, of := range maps {
		if info, err := of.Info(); err == nil {
			n, _ := info.Memlock()
			m.maps += n
		}
	}
	if !stats {
		return m, ""
	}
	var err error
	if m.stats, err = ebpf.EnableStats(unix.BPF_STATS_RUN_TIME); err != nil {
		lacks = "the time that its own BPF programs take (" + oneLine(err) + "; needs CAP_SYS_ADMIN)"
	}
	return m, lacks
}

// read brings c up to date and returns what each program has taken, and how many events
// the kernel kept from them: it does not run a tracing program for one task while another
// is preempted within it on the same CPU (prog->active, kernel/bpf; counted since 5.12).
// Tracepoints are not preempted before 7.0.
func (m *meter) read(c *conn.Cost) (programs []conn.Program, skipped uint64, _ error) {
	programs = make([]conn.Program, len(m.programs))
	c.Maps, c.HookRuns, c.HookTime = m.maps, 0, 0
	var own uint64
	for i := range m.programs {
		p := &m.programs[i]
		stats, err := p.prog.Stats()
		if err != nil {
			return nil, skipped, fmt.Errorf("statistics of %s: %w", p.Name, err)
		}
		skipped += stats.RecursionMisses
		p.Runs, p.Time = stats.RunCount, uint64(stats.Runtime)
		if p.Own {
			own += p.Runs
		} else {
			c.HookRuns += p.Runs
			c.HookTime += p.Time
		}
		programs[i] = p.Program
	}
	c.Timed = own > m.own // one of ours runs in every tick
	m.own = own
	return programs, skipped, nil
}

func (m *meter) Close() error {
	if m.stats == nil {
		return nil
	}
	err := m.stats.Close()
	m.stats = nil
	return err
}
