package kernel

import (
	"fmt"
	"syscall"
	"testing"

	"tcptop/internal/testkit"
)

// TestPair runs two at once: both are exact, and the end of one, however it ends,
// does not disturb the other.
func TestPair(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(sig.String(), func(t *testing.T) {
			ns, many := testkit.NetNS(t), fmt.Sprint(testkit.Scaled(30))
			args := append([]string{"-d", often, "--udp-timeout", "10m"}, netns(ns)...)
			stays := stream(t, "jsonl", args...)
			goes := stream(t, "jsonl", args...)
			ready(t, ns, stays, goes)
			bulk := testkit.Start(t, ns, "bulk", "-n", many, "-max", "100000", "-hold")
			udp := testkit.Start(t, ns, "udp", "-flows", "39", "-hold")
			tcps, udps := bulk.Ready(), udp.Ready()
			for _, p := range []*program{stays, goes} {
				p.until(patience, func(rows []record) error { return agreed(rows, tcps, udps) })
			}
			objects := holds(t, goes.cmd.Process.Pid)
			must(t, goes.cmd.Process.Signal(sig))
			<-goes.done
			_ = goes.cmd.Wait()
			noneLeft(t, objects)

			more := testkit.Start(t, ns, "bulk", "-n", many, "-max", "100000", "-hold", "-seed", "2")
			flows := testkit.Start(t, ns, "udp", "-flows", "39", "-hold", "-seed", "2")
			tcps, udps = append(tcps, more.Ready()...), append(udps, flows.Ready()...)
			stays.until(patience, func(rows []record) error { return agreed(rows, tcps, udps) })
			for _, w := range []*testkit.Workload{bulk, udp, more, flows} {
				w.Finish()
			}
			stays.stop()
			quiet(t, stays.stderr.String())
		})
	}
}

// ready waits until each program sees the namespace.
func ready(t *testing.T, ns *testkit.NS, programs ...*program) {
	t.Helper()
	first := testkit.Start(t, ns, "bulk", "-n", "1", "-max", "1", "-hold")
	truths := first.Ready()
	for _, p := range programs {
		p.until(patience, func(rows []record) error { return printed(rows, truths) })
	}
	first.Finish()
}

func agreed(rows []record, tcps, udps []testkit.Truth) error {
	if err := printed(rows, tcps); err != nil {
		return err
	}
	return printedFlows(rows, udps)
}
