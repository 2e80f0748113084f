package kernel

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

// TestListenerBacklog compares a listener's queue with ss while connections wait
// in it, while it is full and drops, and after one was accepted.
func TestListenerBacklog(t *testing.T) {
	testkit.Tools(t, "ss")
	ns := testkit.NetNS(t)
	w := watch(t, conn.Config{TCP: true})
	l := listen(t, ns, 0, 4)
	id := l.id()
	backlog := func(want uint32) {
		t.Helper()
		w.until(patience, func(s *seen) error {
			r := s.live[id]
			waiting, limit := ssBacklog(t, ns)
			if r.State != conn.Listen || r.Dir != conn.DirListen || r.Owner.PID != ownPID() || r.Backlog != want ||
				uint64(r.Backlog) != waiting || uint64(r.BacklogMax) != limit || limit != 4 {
				return fmt.Errorf("%v row of pid %d: %d of %d wait; ss has %d of %d, it should be %d of 4",
					r.State, r.Owner.PID, r.Backlog, r.BacklogMax, waiting, limit, want)
			}
			return nil
		})
	}
	backlog(0)
	for range 3 {
		dial(t, ns, 0, l)
	}
	backlog(3)
	l.accept()
	backlog(2)
	for range 3 { // one more than the limit fits (sk_acceptq_is_full)
		dial(t, ns, 0, l)
	}
	backlog(5)
	l.must("listen again", unix.Listen(l.fd, 16))
	w.until(patience, func(s *seen) error {
		if r := s.live[id]; r.BacklogMax != 16 || r.Backlog != 5 {
			return fmt.Errorf("row has %d of %d", r.Backlog, r.BacklogMax)
		}
		return nil
	})
	l.close()
	w.until(patience, func(s *seen) error {
		r, ok := s.last[id]
		if _, still := s.live[id]; !ok || still && r.Event != conn.EventClose {
			return fmt.Errorf("the listener's row: %v, %v", ok, r.Event)
		}
		return nil
	})
}

// ssBacklog is Recv-Q and Send-Q of the only listener.
func ssBacklog(t *testing.T, ns *testkit.NS) (waiting, limit uint64) {
	t.Helper()
	out, err := ns.Command("ss", "-tlnH").Output()
	f := strings.Fields(string(out))
	if err != nil || len(f) < 3 || f[0] != "LISTEN" {
		t.Fatalf("ss: %v: %q", err, out)
	}
	return number(t, f[1]), number(t, f[2])
}
