package kernel

import (
	"fmt"
	"slices"
	"testing"

	"tcptop/internal/conn"
	"tcptop/internal/table"
	"tcptop/internal/testkit"
)

// TestDiagMany has 20,000 sockets: each is a row with its owner, moves when it is
// touched, and ends.
func TestDiagMany(t *testing.T) {
	n := testkit.Scaled(20_000)
	ns := testkit.NetNS(t)
	load := testkit.Start(t, ns, "idle", "-n", fmt.Sprint(n/2))
	load.Ready()
	w := watchDiag(t, conn.Config{TCP: true})
	moved := func(packets uint64) {
		t.Helper()
		w.until(patience, func(s *seen) error {
			rows := slices.DeleteFunc(in(ns, s.live), func(r table.Row) bool {
				return r.State != conn.Established || r.Owner.PID == 0 || r.RxBytes+r.TxBytes < packets
			})
			if len(rows) != n {
				return fmt.Errorf("%d rows", len(rows))
			}
			return nil
		})
	}
	moved(0)
	load.Tell("touch 1")
	moved(1)
	load.Finish()
	w.until(patience, func(s *seen) error { return gone(in(ns, s.live), conn.Established) })
	w.until(patience, func(s *seen) error {
		ended := 0
		for _, r := range s.closed {
			if uint64(r.NetNS) == ns.Inode() && r.Dir != conn.DirListen {
				ended++
			}
		}
		if ended != n {
			return fmt.Errorf("%d ended", ended)
		}
		return nil
	})
	if err := noLoss(w.stop()); err != nil {
		t.Error(err)
	}
}

// TestDiagNeverMore has connections come and go between and across ticks: what is seen
// of one is never more than it carried, the FIN that counts as a byte included.
func TestDiagNeverMore(t *testing.T) {
	testkit.Root(t)
	w := watchDiag(t, conn.Config{TCP: true})
	truths := map[string]testkit.Truth{}
	for seed := range 4 {
		load := testkit.Start(t, testkit.NetNS(t), "bulk", "-n", "300", "-par", "16", "-max", "400000", "-seed", fmt.Sprint(seed))
		for _, r := range load.Finish() {
			truths[r.Cookie] = r
		}
	}
	seen := 0
	for id, r := range w.stop().last {
		want, ours := truths[conn.ID{Cookie: id.Cookie}.String()]
		if !ours || r.Has&conn.HasBytes == 0 {
			continue
		}
		seen++
		if r.RxBytes > want.RxBytes || r.TxBytes > want.TxBytes {
			t.Errorf("%v, last %v: %d received and %d sent, truth is %d and %d", id, r.State, r.RxBytes, r.TxBytes, want.RxBytes, want.TxBytes)
		}
	}
	if seen == 0 {
		t.Error("no connection lived long enough")
	}
	t.Logf("%d of %d seen", seen, len(truths))
}
