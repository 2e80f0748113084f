package kernel

import (
	"fmt"
	"testing"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

// TestShort runs 2,000 processes that connect, exchange and exit at once. Each
// connection is shown, once at each end, with its process.
func TestShort(t *testing.T) {
	w := watch(t, conn.Config{TCP: true})
	ns := testkit.NetNS(t)
	truths := testkit.Start(t, ns, "short", "-n", "2000").Finish()
	if len(truths) != 4000 {
		t.Fatalf("%d ends of 2000 connections", len(truths))
	}
	w.until(patience, func(s *seen) error { return allClosed(s, truths) })
	s := w.stop()
	if err := noLoss(s); err != nil {
		t.Error(err)
	}
	if err := ends(s, ns); err != nil {
		t.Error(err)
	}
}

// ends checks how each connection of the namespace ended.
func ends(s *seen, ns *testkit.NS) error {
	want := map[conn.Dir]conn.CloseReason{conn.Out: conn.FinLocal, conn.In: conn.FinRemote}
	counts := map[conn.Dir]int{}
	for _, r := range s.closed {
		if uint64(r.NetNS) != ns.Inode() || r.Dir == conn.DirListen {
			continue
		}
		counts[r.Dir]++
		if r.Event != conn.EventClose || r.State != conn.Closed || r.Partial || r.Reason != want[r.Dir] {
			return fmt.Errorf("%v %v: event %v, state %v, partial %v, reason %v", r.Dir, r.ID, r.Event, r.State, r.Partial, r.Reason)
		}
	}
	if counts[conn.Out] != 2000 || counts[conn.In] != 2000 || len(counts) != 2 {
		return fmt.Errorf("closed rows by direction: %v", counts)
	}
	return nil
}
