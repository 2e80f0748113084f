package bench

import (
	"encoding/json"
	"fmt"
	"testing"

	"tcptop/internal/testkit"
)

// workload is what the host does while it is watched: a command of test/load, or
// messages where there is none.
type workload struct {
	name string
	args []string
}

var footprintLoads = []workload{
	{"load=bulk/conns=1", []string{"bench-bulk", "-conns", "1"}},
	{"load=bulk/conns=8", []string{"bench-bulk", "-conns", "8"}},
	{"load=messages", nil},
	{"load=rr/conns=1", []string{"bench-rr", "-conns", "1"}},
	{"load=rr/conns=64", []string{"bench-rr", "-conns", "64"}},
	{"load=churn", []string{"bench-churn"}},
	{"load=udp/connected=false", []string{"bench-udp"}},
	{"load=udp/connected=true", []string{"bench-udp", "-connected"}},
}

// Small messages, because per call or packet is how a hook costs.
var hookLoads = []workload{
	{"load=messages", nil},
	{"load=udp/connected=false", []string{"bench-udp"}},
	{"load=udp/connected=true", []string{"bench-udp", "-connected"}},
}

// outcome is the line that a workload prints.
type outcome struct {
	Ops       float64 `json:"ops"`
	OpsPerSec float64 `json:"ops_per_s"`
	P99       float64 `json:"p99_us"`
	CPU       float64 `json:"-"` // nanoseconds of processor time per operation
}

// run does the workload once. On a machine so busy that it got nothing done it
// tries again: that says nothing of us.
func (w workload) run(b *testing.B, ns *testkit.NS, seconds float64) outcome {
	for range 5 {
		if o := w.try(b, ns, seconds); o.Ops > 0 {
			return o
		}
	}
	b.Fatalf("%s: nothing done in %v s", w.name, seconds)
	return outcome{}
}

func (w workload) try(b *testing.B, ns *testkit.NS, seconds float64) (o outcome) {
	if w.args == nil {
		var err error
		ns.Do(func() { o, err = messages(seconds) })
		if err != nil {
			b.Fatalf("%s: %v", w.name, err)
		}
		return o
	}
	args := append([]string{w.args[0], "-sec", fmt.Sprint(seconds)}, w.args[1:]...)
	cmd := ns.Command(testkit.Load(b), args...)
	cmd.Stderr = b.Output()
	out, err := cmd.Output()
	if err != nil {
		b.Fatalf("%s: %v", w.name, err)
	}
	if err := json.Unmarshal(out, &o); err != nil {
		b.Fatalf("%s printed %q: %v", w.name, out, err)
	}
	o.CPU = float64(cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()) / o.Ops
	return o
}
