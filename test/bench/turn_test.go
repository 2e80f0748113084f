package bench

import (
	"testing"

	"tcptop/internal/testkit"
)

// BenchmarkTurnHooks says what the time from a request to its answer would cost on the
// data path, which is why tcptop does not measure it (docs/limit.md).
func BenchmarkTurnHooks(b *testing.B) {
	testkit.Kernel(b)
	for _, load := range []workload{
		{"load=messages", nil},
		{"load=rr/conns=1", []string{"bench-rr", "-conns", "1"}},
		{"load=bulk/conns=1", []string{"bench-bulk", "-conns", "1"}},
	} {
		c := &comparison{load: load, subjects: []subject{
			{"hooks=none", nothing},
			{"hooks=none-again", nothing},
			{"hooks=empty-segment", otherHooks(loadTurn, "tb_no_probe")},
			{"hooks=turn-segment", otherHooks(loadTurn, "tb_turn_probe")},
			{"hooks=empty-read", otherHooks(loadTurn, "tb_no_read")},
			{"hooks=turn-read", otherHooks(loadTurn, "tb_turn_read")},
		}}
		b.Run(load.name, c.bench)
	}
}
