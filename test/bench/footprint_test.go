package bench

import (
	"testing"

	"tcptop/internal/testkit"
)

// BenchmarkFootprint is what a host pays for being watched: workloads with tcptop's
// screen open, as ratios to without. Connections that come and go also have it stream
// every row, which is most work.
func BenchmarkFootprint(b *testing.B) {
	testkit.Kernel(b)
	path := buildTcptop(b)
	for _, load := range footprintLoads {
		c := &comparison{load: load, subjects: []subject{
			without, again, screen("with=tcptop", path), screen("with=tcptop-tcp", path, "--tcp"),
		}}
		switch {
		case load.args == nil:
		case load.args[0] == "bench-bulk":
			c.longer = 3 // windows grow at first, each time in another way
		case load.args[0] == "bench-churn":
			c.longer = 5 // what tcptop does at a tick is of weight
			c.subjects = append(c.subjects, program("with=tcptop-jsonl", path, "--tcp"))
		}
		b.Run(load.name, c.bench)
	}
}
