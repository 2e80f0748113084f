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
			{name: "hooks=none", start: nothing},
			{name: "hooks=none-again", start: nothing},
			{name: "hooks=empty-segment", start: otherHooks(loadTurn, "tb_no_probe")},
			{name: "hooks=turn-segment", start: otherHooks(loadTurn, "tb_turn_probe")},
			{name: "hooks=empty-read", start: otherHooks(loadTurn, "tb_no_read")},
			{name: "hooks=turn-read", start: otherHooks(loadTurn, "tb_turn_read")},
		}}
		b.Run(load.name, c.bench)
	}
}
