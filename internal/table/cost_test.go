package table_test

import (
	"slices"
	"testing"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// TestSpent follows what tcptop takes: from one reading to the next, over ticks without
// one, and never against what another run has taken.
func TestSpent(t *testing.T) {
	cost := func(seconds int64, cpu, runs uint64) conn.Cost {
		return conn.Cost{Mono: seconds * second, CPU: cpu, Resident: 7, HookRuns: runs, HookTime: 100 * runs}
	}
	programs := func(runs uint64) []conn.Program {
		return []conn.Program{{Name: "a", Runs: runs, Time: 100 * runs}, {Name: "b", Own: true}}
	}
	tab := table.New(table.Config{})
	for i, c := range []struct {
		name     string
		cost     conn.Cost
		programs []conn.Program
		spent    conn.Cost
		ran      []conn.Program
	}{
		{"first", cost(10, 500, 3), programs(3), conn.Cost{}, nil},
		{"next", cost(11, 700, 13), programs(13), cost(1, 200, 10), programs(10)},
		{"no new reading", cost(11, 700, 13), programs(13), cost(1, 200, 10), programs(10)},
		{"after two seconds", cost(13, 701, 13), programs(13), cost(2, 1, 0), programs(0)},
		{"another run", cost(14, 9, 2), programs(2), conn.Cost{}, nil},
		{"its next", cost(15, 10, 3), programs(3), cost(1, 1, 1), programs(1)},
		{"no programs", cost(16, 11, 3), nil, cost(1, 1, 0), nil},
	} {
		s := at(float64(i))
		s.Cost, s.Programs = c.cost, c.programs
		tab.Apply(s)
		snap := tab.Snapshot()
		if snap.Cost != c.cost || snap.Spent != c.spent || !slices.Equal(snap.Programs, c.programs) || !slices.Equal(snap.Ran, c.ran) {
			t.Errorf("%s: spent %+v, want %+v; ran %+v, want %+v", c.name, snap.Spent, c.spent, snap.Ran, c.ran)
		}
	}
}
