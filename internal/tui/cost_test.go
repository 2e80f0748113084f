package tui

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"tcptop/internal/conn"
)

// TestCost shows what tcptop takes: of its own time, and of others' where the kernel
// times BPF programs, never a number where it does not.
func TestCost(t *testing.T) {
	for _, c := range []struct {
		name     string
		timed    bool
		programs [2][]conn.Program
		header   string
		help     []string
		not      string
	}{
		{"not timed", false, [2][]conn.Program{}, "cpu  1.5%  mem 34.0 MB",
			[]string{"1.5% of a core for this process, in the last 1s", "34.0 MB, what is in use of BPF maps among it; all of them take 19.0 MB", "not timed; --bpf-stats"}, "runs/s"},
		{"timed", true, [2][]conn.Program{
			{{Name: "tt_dev_queue", Runs: 10, Time: 1000}, {Name: "tt_idle"}, {Name: "tt_sweep", Own: true, Runs: 1, Time: 10}},
			{{Name: "tt_dev_queue", Runs: 40_010, Time: 4_001_000}, {Name: "tt_idle"}, {Name: "tt_sweep", Own: true, Runs: 2, Time: 5_000_010}},
		}, "cpu  1.5%  bpf  0.4%  mem 34.0 MB",
			[]string{"0.40% of a core in other processes' time, 40000 runs/s of 100ns;", "tt_sweep          0.50% 1 runs/s of 5ms, in this process", "tt_dev_queue      0.40% 40000 runs/s of 100ns"}, "tt_idle"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := start(t, 200, 50, Config{})
			for i, s := range ticks()[:2] {
				s.Programs = c.programs[i]
				s.Cost.Timed = c.timed
				for _, p := range s.Programs {
					if !p.Own {
						s.Cost.HookRuns += p.Runs
						s.Cost.HookTime += p.Time
					}
				}
				d.tick(s, i)
			}
			if first, _, _ := strings.Cut(ansi.Strip(d.View().Content), "\n"); !strings.Contains(first, c.header) {
				t.Errorf("the header is %q, want %q in it", first, c.header)
			}
			d.press("?")
			var lines strings.Builder
			for _, l := range d.pane.(*textPane).lines {
				lines.WriteString(pad(l.name, 18) + l.text + "\n")
			}
			for _, want := range c.help {
				if !strings.Contains(lines.String(), want) {
					t.Errorf("the help lacks %q:\n%s", want, lines.String())
				}
			}
			if strings.Contains(lines.String(), c.not) {
				t.Errorf("the help says %q:\n%s", c.not, lines.String())
			}
		})
	}
}

func pad(s string, n int) string { return s + strings.Repeat(" ", max(n-len(s), 0)) }
