package table_test

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	diff "github.com/google/go-cmp/cmp"

	"tcptop/internal/table"
)

func byRx(a, b *table.Row) int { return cmp.Compare(b.RxBytes, a.RxBytes) }

func TestQueryEqualsAFullSort(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for range 50 {
		tab, s := table.New(table.Config{}), at(0)
		for i := range rng.IntN(500) {
			s.Conns = append(s.Conns, tcp(uint64(i*7919%1000+1), rng.Uint64N(20), 0))
		}
		tab.Apply(s)
		snap := tab.Snapshot()
		odd := func(r *table.Row) bool { return r.ID.Cookie%2 == 1 }
		for _, match := range []func(*table.Row) bool{nil, odd} {
			var all []*table.Row
			for r := range snap.Rows() {
				if match == nil || match(r) {
					all = append(all, r)
				}
			}
			stable := slices.Clone(all)
			slices.SortFunc(all, func(a, b *table.Row) int {
				return cmp.Or(byRx(a, b), cmp.Compare(a.ID.Cookie, b.ID.Cookie))
			})
			for _, limit := range []int{0, 1, 2, 50, 499, 1 << 30} {
				n := len(all)
				if limit > 0 {
					n = min(n, limit)
				}
				same(t, limit, all[:n], snap.Query(match, byRx, limit))
				same(t, limit, stable[:n], snap.Query(match, nil, limit))
			}
		}
	}
}

func same(t *testing.T, limit int, want, got []*table.Row) {
	t.Helper()
	if !slices.Equal(want, got) {
		t.Fatalf("limit %d:\n%s", limit, diff.Diff(want, got))
	}
}
