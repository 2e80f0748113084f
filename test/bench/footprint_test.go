package bench

import (
	"testing"

	"tcptop/internal/testkit"
)

// BenchmarkFootprint is what a host pays for being watched: workloads with tcptop
// running, as ratios to without.
func BenchmarkFootprint(b *testing.B) {
	testkit.Kernel(b)
	path := buildTcptop(b)
	for _, load := range footprintLoads {
		c := &comparison{load: load, subjects: []subject{
			without, again, program("with=tcptop", path), program("with=tcptop-tcp", path, "--tcp"),
		}}
		b.Run(load.name, c.bench)
	}
}
