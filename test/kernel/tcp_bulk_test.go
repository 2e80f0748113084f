package kernel

import (
	"fmt"
	"testing"

	"tcptop/internal/conn"
	"tcptop/internal/table"
	"tcptop/internal/testkit"
)

// TestBulk watches 200 connections of all kinds and families from before they
// open until after they close.
func TestBulk(t *testing.T) {
	w := watch(t, conn.Config{TCP: true})
	load := testkit.Start(t, testkit.NetNS(t), "bulk", "-n", fmt.Sprint(testkit.Scaled(200)), "-hold")
	truths := load.Ready()
	if n := testkit.Scaled(200); len(truths) != 2*n {
		t.Fatalf("%d ends of %d connections", len(truths), n)
	}
	w.until(patience, func(s *seen) error { return allAgree(bySocket(s.live), truths) })
	load.Finish()
	w.until(patience, func(s *seen) error { return allClosed(s, truths) })
	if err := noLoss(w.stop()); err != nil {
		t.Error(err)
	}
	for _, r := range truths {
		row := bySocket(w.seen.first)[r.Cookie]
		if row.Event != conn.EventOpen || row.Partial || row.Opened == 0 {
			t.Errorf("row of socket %s begins with event %v, partial %v, opened %d", r.Cookie, row.Event, row.Partial, row.Opened)
		}
	}
}

// TestBulkBefore starts the probe when all bytes have moved already: the first
// tick has to know all of them, and whose they are.
func TestBulkBefore(t *testing.T) {
	load := testkit.Start(t, testkit.NetNS(t), "bulk", "-n", fmt.Sprint(testkit.Scaled(200)), "-hold")
	truths := load.Ready()
	w := watch(t, conn.Config{TCP: true})
	w.until(patience, func(s *seen) error { return allKnown(s, truths) })
	load.Finish()
	w.until(patience, func(s *seen) error { return allClosed(s, asSeen(bySocket(s.start), truths)) })
}

// TestBulkDuring starts probes in the midst of traffic. What they missed they find,
// and nothing counts twice or half; who opened a connection may stay unknown.
func TestBulkDuring(t *testing.T) {
	ns := testkit.NetNS(t)
	var probes []*watcher
	var loads []*testkit.Workload
	for i := range 6 {
		loads = append(loads, testkit.Start(t, ns, "bulk", "-n", fmt.Sprint(testkit.Scaled(80)), "-max", "4194304", "-hold", "-seed", fmt.Sprint(i)))
		probes = append(probes, watch(t, conn.Config{TCP: true}))
	}
	var truths []testkit.Truth
	for _, load := range loads {
		truths = append(truths, load.Ready()...)
	}
	known := make([][]testkit.Truth, len(probes))
	for i, w := range probes {
		w.until(patience, func(s *seen) error {
			known[i] = asSeen(bySocket(s.live), truths)
			return allAgree(bySocket(s.live), known[i])
		})
	}
	for _, load := range loads {
		load.Finish()
	}
	for i, w := range probes {
		w.until(patience, func(s *seen) error { return allClosed(s, known[i]) })
	}
}

// allKnown checks the first tick.
func allKnown(s *seen, truths []testkit.Truth) error {
	rows := bySocket(s.start)
	for i := range truths {
		want := truths[i]
		r, ok := rows[want.Cookie]
		if !ok {
			return fmt.Errorf("no row in the first tick for %+v", want)
		}
		if r.State != conn.Established && r.State != conn.CloseWait && r.Dir == 0 {
			want.Dir = "" // our FIN hides who opened it
		}
		if err := agrees(&r, &want); err != nil {
			return err
		}
		if r.Event != conn.EventSample || r.Partial || r.Owner.Source != conn.OwnerFiles || r.RxRate+r.TxRate != 0 {
			return fmt.Errorf("row of socket %s: event %v, partial %v, owner source %v, rates %d and %d",
				want.Cookie, r.Event, r.Partial, r.Owner.Source, r.RxRate, r.TxRate)
		}
	}
	return nil
}

// asSeen drops the directions that the rows don't tell.
func asSeen(rows map[string]table.Row, truths []testkit.Truth) []testkit.Truth {
	known := make([]testkit.Truth, len(truths))
	for i, want := range truths {
		if rows[want.Cookie].Dir == 0 {
			want.Dir = ""
		}
		known[i] = want
	}
	return known
}
