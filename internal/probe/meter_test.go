package probe

import (
	"fmt"
	"slices"
	"testing"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

// TestMeter has the kernel time the programs, or not: without, nothing is said of them.
func TestMeter(t *testing.T) {
	if !kernelIs(t, 6, 1) {
		return
	}
	testkit.Kernel(t)
	for _, stats := range []bool{false, true} {
		t.Run(fmt.Sprintf("stats=%v", stats), func(t *testing.T) { meterOf(t, stats) })
	}
}

func meterOf(t *testing.T, stats bool) {
	cfg := bothProtocols
	cfg.Stats = stats
	p, err := Open(cfg)
	must(t, err)
	l := keep(t, p)
	const pairs, changes = 50, 9 // of state, of both ends, from connect to the last close
	server := listen(t, "127.0.0.1:0")
	for range pairs {
		pair := connect(t, server)
		pair.say(1, 1)
		must(t, pair.client.Close())
		must(t, pair.server.Close())
	}
	l.until(func() error {
		i := slices.IndexFunc(l.programs, func(p conn.Program) bool { return p.Name == "tt_set_state" })
		if i < 0 {
			return fmt.Errorf("no tt_set_state among %+v", l.programs)
		}
		var sum conn.Program
		for _, p := range l.programs {
			if !p.Own {
				sum.Runs += p.Runs
				sum.Time += p.Time
			}
		}
		c, ran := l.cost, l.programs[i]
		switch {
		case c.CPU == 0 || c.Resident == 0 || c.Maps < uint64(cfg.MaxConns)*bytesPerConn || c.Mono == 0:
			return fmt.Errorf("of the process: %+v", c)
		case sum.Runs != c.HookRuns || sum.Time != c.HookTime:
			return fmt.Errorf("%+v is not the sum of %+v", c, l.programs)
		case c.Timed != stats:
			return fmt.Errorf("timed: %v, want %v", c.Timed, stats)
		case !stats && c.HookRuns > 0:
			return fmt.Errorf("nobody times, and there are %d runs", c.HookRuns)
		case stats && (ran.Runs < pairs*changes || ran.Time < ran.Runs):
			return fmt.Errorf("%d runs of %d ns for %d changes of state", ran.Runs, ran.Time, pairs*changes)
		}
		return nil
	})
}
