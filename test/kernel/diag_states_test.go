package kernel

import (
	"fmt"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
	"tcptop/internal/table"
	"tcptop/internal/testkit"
)

// TestDiagStates brings up every state there is and compares with ss.
func TestDiagStates(t *testing.T) {
	testkit.Tools(t, "ss")
	for _, before := range []bool{true, false} {
		t.Run(fmt.Sprintf("before=%v", before), func(t *testing.T) {
			ns := testkit.NetNS(t)
			var w *watcher
			if before {
				w = watchDiag(t, conn.Config{TCP: true})
			}
			load := testkit.Start(t, ns, "states")
			truths := load.Ready()
			if !before {
				w = watchDiag(t, conn.Config{TCP: true})
			}
			w.until(patience, func(s *seen) error {
				out, err := ns.Command("ss", "-tanH").Output()
				if err != nil {
					t.Fatalf("ss: %v", err)
				}
				if err := sameStates(in(ns, s.live), parseStates(t, out)); err != nil {
					return err
				}
				return ownStates(in(ns, s.live), truths)
			})
			load.Finish()
			w.until(patience, func(s *seen) error { return gone(in(ns, s.live), conn.Listen, conn.Established, conn.CloseWait) })
		})
	}
}

// gone requires that no row in one of the states is left.
func gone(rows []table.Row, states ...conn.State) error {
	for _, r := range rows {
		if slices.Contains(states, r.State) {
			return fmt.Errorf("still there: %v", rowState(&r))
		}
	}
	return nil
}

// TestDiagListener follows a listener's queue.
func TestDiagListener(t *testing.T) {
	testkit.Tools(t, "ss")
	ns := testkit.NetNS(t)
	testkit.Start(t, ns, "idle", "-n", "1").Ready() // a process must be in a namespace for it to be found
	w := watchDiag(t, conn.Config{TCP: true})
	l := listen(t, ns, 0, 4)
	backlog := func(want, limit uint32) {
		t.Helper()
		w.until(patience, func(s *seen) error {
			r := s.live[l.id()]
			if r.State != conn.Listen || r.Dir != conn.DirListen || r.Owner.PID != ownPID() || r.Backlog != want || r.BacklogMax != limit {
				return fmt.Errorf("%v row of pid %d: %d of %d wait, want %d of %d", r.State, r.Owner.PID, r.Backlog, r.BacklogMax, want, limit)
			}
			return nil
		})
	}
	backlog(0, 4)
	for range 3 {
		dial(t, ns, 0, l)
	}
	backlog(3, 4)
	l.accept()
	backlog(2, 4)
	l.must("listen again", unix.Listen(l.fd, 16))
	backlog(2, 16)
	id := l.id()
	l.close()
	w.until(patience, func(s *seen) error {
		if r, still := s.live[id]; still && r.Event != conn.EventClose {
			return fmt.Errorf("the listener's row: %v", r.Event)
		}
		return nil
	})
}
