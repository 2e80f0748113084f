package tui

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"tcptop/internal/column"
	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// costText is what tcptop itself takes: of a core, in other processes' time where the
// kernel tells, of memory.
func (m *Model) costText() string {
	s := m.head()
	if s == nil || m.width < 60 {
		return ""
	}
	cost := ""
	if over := s.Spent.Mono; over > 0 {
		cost = fmt.Sprintf("cpu %4.1f%%", percent(s.Spent.CPU, over))
		if s.Spent.Timed {
			cost += fmt.Sprintf("  bpf %4.1f%%", percent(s.Spent.HookTime, over))
		}
	}
	if s.Cost.Resident > 0 {
		cost += "  mem " + bytesText(s.Cost.Resident)
	}
	return cost
}

func percent(ns uint64, over int64) float64 { return 100 * float64(ns) / float64(over) }

func bytesText(n uint64) string {
	return strings.TrimLeft(string(column.AppendBytes(nil, n)), " ")
}

// addCost says what tcptop takes of the host, program by program where the kernel times
// them.
func (t *textPane) addCost(s *table.Snapshot) {
	if s == nil || s.Cost.Mono == 0 {
		return
	}
	t.lines = append(t.lines, textLine{head: "what tcptop costs"})
	memory := bytesText(s.Cost.Resident)
	if s.Cost.Maps > 0 {
		memory += ", what is in use of BPF maps among it; all of them take " + bytesText(s.Cost.Maps)
	}
	over := s.Spent.Mono
	if over > 0 {
		t.lines = append(t.lines, textLine{name: "cpu", text: fmt.Sprintf("%.1f%% of a core for this process, in the last %v", percent(s.Spent.CPU, over), time.Duration(over).Round(100*time.Millisecond))})
	}
	t.lines = append(t.lines, textLine{name: "mem", text: memory})
	switch {
	case s.Origin != conn.FromBPF || over == 0:
	case !s.Spent.Timed:
		t.lines = append(t.lines, textLine{name: "bpf", text: "not timed; --bpf-stats or sysctl kernel.bpf_stats_enabled=1 has the kernel do it, some 55 ns more for each run of any BPF program"})
	default:
		t.lines = append(t.lines, textLine{name: "bpf", text: fmt.Sprintf("%.2f%% of a core in other processes' time, %s; some 55 ns of each run are the timing itself", percent(s.Spent.HookTime, over), runsText(s.Spent.HookRuns, s.Spent.HookTime, over))})
		t.addPrograms(s.Ran, over)
	}
}

// addPrograms lists those that ran, the dearest first.
func (t *textPane) addPrograms(ran []conn.Program, over int64) {
	ran = slices.DeleteFunc(slices.Clone(ran), func(p conn.Program) bool { return p.Runs == 0 })
	slices.SortStableFunc(ran, func(a, b conn.Program) int { return cmp.Compare(b.Time, a.Time) })
	for _, p := range ran {
		text := fmt.Sprintf("%.2f%% %s", percent(p.Time, over), runsText(p.Runs, p.Time, over))
		if p.Own {
			text += ", in this process"
		}
		t.lines = append(t.lines, textLine{name: p.Name, text: text})
	}
}

func runsText(runs, ns uint64, over int64) string {
	if runs == 0 {
		return "no runs"
	}
	perSecond := strings.TrimLeft(string(column.AppendCount(nil, uint64(float64(runs)*1e9/float64(over)+0.5))), " ")
	return fmt.Sprintf("%s runs/s of %v", perSecond, time.Duration(ns/runs))
}
