package kernel

import (
	"fmt"
	"testing"

	"tcptop/internal/conn"
	"tcptop/internal/probe"
	"tcptop/internal/testkit"
)

// TestBulk watches 200 connections of all kinds and families from before they
// open until after they close.
func TestBulk(t *testing.T) {
	w := watch(t, probe.Config{TCP: true})
	load := testkit.Start(t, testkit.NetNS(t), "bulk", "-n", "200", "-hold")
	truths := load.Ready()
	if len(truths) != 400 {
		t.Fatalf("%d ends of 200 connections", len(truths))
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
	load := testkit.Start(t, testkit.NetNS(t), "bulk", "-n", "200", "-hold")
	truths := load.Ready()
	w := watch(t, probe.Config{TCP: true})
	w.until(patience, func(s *seen) error { return allKnown(s, truths) })
	load.Finish()
	w.until(patience, func(s *seen) error { return allClosed(s, asClosed(s, truths)) })
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

// asClosed drops the directions that the first tick could not tell.
func asClosed(s *seen, truths []testkit.Truth) []testkit.Truth {
	rows := bySocket(s.start)
	known := make([]testkit.Truth, len(truths))
	for i, want := range truths {
		if rows[want.Cookie].Dir == 0 {
			want.Dir = ""
		}
		known[i] = want
	}
	return known
}
