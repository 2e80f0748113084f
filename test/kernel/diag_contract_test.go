package kernel

import (
	"fmt"
	"testing"

	"tcptop/internal/conn"
	"tcptop/internal/probe"
	"tcptop/internal/testkit"
)

// TestContract holds every collector to what a conn.Source promises, beside all kinds
// of traffic, and a recording of it, which must give the same snapshots.
func TestContract(t *testing.T) {
	traffic := func(t *testing.T) func() {
		ns := testkit.NetNS(t)
		return func() {
			states := testkit.Start(t, ns, "states")
			states.Ready()
			testkit.Start(t, ns, "bulk", "-n", fmt.Sprint(testkit.Scaled(60)), "-max", "1048576").Finish()
			testkit.Start(t, ns, "short", "-n", fmt.Sprint(testkit.Scaled(200))).Finish()
			testkit.Start(t, ns, "udp", "-flows", "39").Finish()
			states.Finish()
		}
	}
	t.Run("diag", func(t *testing.T) {
		testkit.Root(t)
		tape := newTape(t)
		testkit.CheckSource(t, tape.record(openDiag(t, conn.Config{}).Samples), 5, traffic(t))
		tape.checkReplay()
	})
	t.Run("bpf", func(t *testing.T) {
		testkit.Kernel(t)
		p, err := probe.Open(conn.Config{TCP: true, UDP: true, Interval: tick})
		must(t, err)
		tape := newTape(t)
		testkit.CheckSource(t, tape.record(p.Samples), 5, traffic(t))
		must(t, p.Close())
		tape.checkReplay()
	})
}
