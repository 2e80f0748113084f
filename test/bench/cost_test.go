package bench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"tcptop/internal/testkit"
)

// cost is what a program takes of a workload.
type cost struct {
	program      string
	nanoseconds  float64 // for each operation
	runs, perRun float64 // how often in an operation, and how long
}

func (p cost) report(b *testing.B) {
	b.ReportMetric(p.nanoseconds, "ns/op")
	if p.runs > 0 {
		b.ReportMetric(p.runs, "runs/op")
		b.ReportMetric(p.perRun, "ns/run")
	}
}

// price runs the workload once more with the kernel's statistics on, which cost
// something themselves and so are off where speeds are compared.
func (c *comparison) price(b *testing.B, ns *testkit.NS, s subject) []cost {
	stats, err := ebpf.EnableStats(unix.BPF_STATS_RUN_TIME)
	if err != nil {
		b.Fatal(err)
	}
	defer stats.Close()
	pid, stop := s.start(b)
	defer stop()
	if pid == 0 {
		return nil
	}
	before := runTimes(b, pid)
	o := c.load.run(b, ns, c.effort.seconds)
	var costs []cost
	all := cost{program: "all"}
	for name, end := range runTimes(b, pid) {
		took, runs := float64(end.Runtime-before[name].Runtime), float64(end.RunCount-before[name].RunCount)
		all.nanoseconds += took / o.Ops
		if runs > o.Ops/100 { // the others are the host's, or a connection's
			costs = append(costs, cost{name, took / o.Ops, runs / o.Ops, took / runs})
		}
	}
	slices.SortFunc(costs, func(p, q cost) int { return strings.Compare(p.program, q.program) })
	return append(costs, all)
}

// runTimes returns how long and how often each program that a process holds has run.
func runTimes(b *testing.B, pid int) map[string]ebpf.ProgramStats {
	times := map[string]ebpf.ProgramStats{}
	for _, id := range programs(b, pid) {
		name, t, err := runTime(id)
		if err != nil {
			b.Fatal(err)
		}
		times[name] = *t
	}
	return times
}

func runTime(id ebpf.ProgramID) (name string, t *ebpf.ProgramStats, err error) {
	p, err := ebpf.NewProgramFromID(id)
	if err != nil {
		return "", nil, fmt.Errorf("program %d: %w", id, err)
	}
	defer p.Close()
	info, err := p.Info()
	if err != nil {
		return "", nil, fmt.Errorf("program %d: %w", id, err)
	}
	if t, err = p.Stats(); err != nil {
		return "", nil, fmt.Errorf("program %d: %w", id, err)
	}
	return info.Name, t, nil
}

// programs are those that a process holds: others may run programs of the same names.
func programs(b *testing.B, pid int) (ids []ebpf.ProgramID) {
	infos, err := filepath.Glob(fmt.Sprintf("/proc/%d/fdinfo/*", pid))
	if err != nil {
		b.Fatal(err)
	}
	for _, path := range infos {
		info, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			b.Fatal(err)
		}
		if id, ok := programID(bytes.NewReader(info)); ok && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

func programID(info io.Reader) (ebpf.ProgramID, bool) {
	for lines := bufio.NewScanner(info); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "prog_id:"); ok {
			id, err := strconv.ParseUint(strings.TrimSpace(value), 10, 32)
			return ebpf.ProgramID(id), err == nil
		}
	}
	return 0, false
}
