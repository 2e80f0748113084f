package kernel

import (
	"fmt"
	"testing"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

// TestShort runs 2,000 processes that each connect, send 1 KiB, read 4 KiB and exit at
// once. Each connection is shown, once at each end, with its process: pid, name, start,
// and how that is known.
func TestShort(t *testing.T) {
	w := watch(t, conn.Config{TCP: true})
	ns := testkit.NetNS(t)
	n := testkit.Scaled(2000)
	truths := testkit.Start(t, ns, "short", "-n", fmt.Sprint(n)).Finish()
	if len(truths) != 2*n {
		t.Fatalf("%d ends of %d connections", len(truths), n)
	}
	w.until(patience, func(s *seen) error { return allClosed(s, truths) })
	s := w.stop()
	if err := noLoss(s); err != nil {
		t.Error(err)
	}
	if err := ends(s, ns, n); err != nil {
		t.Error(err)
	}
}

// ends checks how each of the n connections of the namespace ended.
func ends(s *seen, ns *testkit.NS, n int) error {
	want := map[conn.Dir]conn.CloseReason{conn.Out: conn.FinLocal, conn.In: conn.FinRemote}
	counts := map[conn.Dir]int{}
	for _, r := range s.closed {
		if uint64(r.NetNS) != ns.Inode() || r.Dir == conn.DirListen {
			continue
		}
		counts[r.Dir]++
		known := r.Owner.Source
		if r.Dir == conn.Out && known != conn.OwnerConnect || r.Dir == conn.In && known != conn.OwnerAccept && known != conn.OwnerFiles {
			return fmt.Errorf("%v %v: its owner is known by %v", r.Dir, r.ID, known)
		}
		if r.Event != conn.EventClose || r.State != conn.Closed || r.Partial || r.Reason != want[r.Dir] {
			return fmt.Errorf("%v %v: event %v, state %v, partial %v, reason %v", r.Dir, r.ID, r.Event, r.State, r.Partial, r.Reason)
		}
	}
	if counts[conn.Out] != n || counts[conn.In] != n || len(counts) != 2 {
		return fmt.Errorf("closed rows by direction: %v", counts)
	}
	return nil
}
