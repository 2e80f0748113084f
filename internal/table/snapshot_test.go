package table_test

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// TestSnapshotIsImmutable holds snapshots for different times, releases them in
// and out of order, and compares each with a copy made when it was taken.
func TestSnapshotIsImmutable(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	tab := table.New(table.Config{MaxRows: 350})
	type held struct {
		snap *table.Snapshot
		copy []table.Row
	}
	var open []held
	for n := range 400 {
		tab.Apply(churn(rng, n))
		for range rng.IntN(3) {
			s := tab.Snapshot()
			open = append(open, held{s, rows(s)})
		}
		for _, h := range open {
			if got := rows(h.snap); !slices.Equal(h.copy, got) {
				t.Fatalf("tick %d changed the snapshot of %v:\n%s", n, h.snap.Time, cmp.Diff(h.copy, got))
			}
		}
		for len(open) > 0 && rng.IntN(5) > 1 {
			i := rng.IntN(len(open))
			if rng.IntN(10) > 0 { // else it is never released
				open[i].snap.Release()
			}
			open = append(open[:i], open[i+1:]...)
		}
	}
}

// TestVersion holds that a page of the same version has the same rows, and that what
// does not move keeps its version.
func TestVersion(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	tab := table.New(table.Config{})
	known := map[int]map[table.Version][]table.Row{}
	var open []*table.Snapshot
	same := 0
	for n := range 1000 {
		tick := churn(rng, n)
		tick.Reset = n%300 == 299
		if rng.IntN(2) > 0 {
			tick.Conns, tick.Closed, tick.Gone = nil, nil, nil
		}
		tab.Apply(tick)
		for range 1 + rng.IntN(2) {
			open = append(open, tab.Snapshot())
		}
		for at, p := range open[len(open)-1].Pages() {
			is := slices.Collect(func(yield func(table.Row) bool) {
				for r := range p.Rows() {
					yield(*r)
				}
			})
			if known[at] == nil {
				known[at] = map[table.Version][]table.Row{}
			}
			was, met := known[at][p.Version()]
			if met && !slices.Equal(was, is) {
				t.Fatalf("tick %d: page %d changed under its version:\n%s", n, at, cmp.Diff(was, is))
			}
			if met {
				same++
			}
			known[at][p.Version()] = is
			if last := is[len(is)-1]; *open[len(open)-1].At(last.Pos) != last {
				t.Fatalf("the row at %d is another one", last.Pos)
			}
		}
		for len(open) > 0 && rng.IntN(3) > 0 {
			open[0].Release()
			open = open[1:]
		}
	}
	if same < 100 {
		t.Errorf("only %d times had a page not changed", same)
	}
}

func TestSnapshotsNeverReleased(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	tab := table.New(table.Config{})
	tab.Apply(churn(rng, 0))
	oldest := tab.Snapshot()
	was := rows(oldest)
	for n := range 200 {
		tab.Apply(churn(rng, n+1))
		tab.Snapshot()
	}
	if diff := cmp.Diff(was, rows(oldest)); diff != "" {
		t.Errorf("the oldest snapshot changed:\n%s", diff)
	}
	oldest.Release()
	late := tab.Snapshot()
	was = rows(late)
	for n := range 10 {
		tab.Apply(churn(rng, n+300))
	}
	if diff := cmp.Diff(was, rows(late)); diff != "" {
		t.Errorf("the newest snapshot changed:\n%s", diff)
	}
}

func TestReleaseTwice(t *testing.T) {
	tab := table.New(table.Config{})
	tab.Apply(at(0, tcp(1, 1, 1)))
	s := tab.Snapshot()
	s.Release()
	s.Release()
	if s.Len() != 0 || lines(s) != nil {
		t.Errorf("a released snapshot has rows")
	}
	want(t, tab, at(1, tcp(1, 2, 2)), line{1, conn.EventSample, conn.Established, true, 2, 2, 1, 1})
}

// TestReleaseReuse runs as the engine does: the snapshot before is released
// once the next one is out.
func TestReleaseReuse(t *testing.T) {
	const conns = 1000
	tab, s := table.New(table.Config{}), at(0)
	for i := range uint64(conns) {
		s.Conns = append(s.Conns, tcp(i+1, 0, 0))
	}
	tab.Apply(s)
	last := tab.Snapshot()
	step := func() {
		s.Mono += second
		for i := range s.Conns {
			s.Conns[i].RxBytes += 100
		}
		tab.Apply(s)
		next := tab.Snapshot()
		last.Release()
		last = next
	}
	for range 10 {
		step()
	}
	if n := testing.AllocsPerRun(100, step); n > 1 { // the Snapshot itself
		t.Errorf("a tick of %d moved rows allocates %v times", conns, n)
	}
	for r := range last.Rows() {
		if r.RxRate != 100 {
			t.Fatalf("rate = %d", r.RxRate)
		}
	}
}

func TestSnapshotsAreReadWhileTheTableMovesOn(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	tab := table.New(table.Config{})
	snaps := make(chan *table.Snapshot, 4)
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for s := range snaps {
				if n := len(rows(s)); n != s.Len() {
					t.Errorf("%d rows, Len = %d", n, s.Len())
				}
				s.Release()
			}
		})
	}
	for n := range 200 {
		tab.Apply(churn(rng, n))
		snaps <- tab.Snapshot()
	}
	close(snaps)
	readers.Wait()
}

func TestRowsKeepTheirOrder(t *testing.T) {
	tab := table.New(table.Config{})
	tab.Apply(at(0, tcp(3, 0, 0), tcp(1, 0, 0), tcp(2, 0, 0)))
	tab.Apply(at(1, tcp(2, 5, 0), tcp(3, 5, 0)))
	var order []uint64
	for r := range tab.Snapshot().Rows() {
		order = append(order, r.ID.Cookie)
		if len(order) == 2 {
			break
		}
	}
	if diff := cmp.Diff([]uint64{3, 1}, order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}
