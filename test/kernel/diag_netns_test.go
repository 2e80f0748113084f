package kernel

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"

	"tcptop/internal/conn"
	"tcptop/internal/table"
	"tcptop/internal/testkit"
)

// TestDiagNamespaces watches namespaces that were there before and one that comes later.
func TestDiagNamespaces(t *testing.T) {
	spaces := []*testkit.NS{testkit.NetNS(t), testkit.NetNS(t)}
	var all []testkit.Truth
	var loads []*testkit.Workload
	begin := func(ns *testkit.NS, seed string) {
		load := testkit.Start(t, ns, "bulk", "-n", "6", "-max", "100000", "-hold", "-seed", seed)
		loads = append(loads, load)
		all = append(all, load.Ready()...)
	}
	begin(spaces[0], "1")
	begin(spaces[1], "2")
	w := watchDiag(t, conn.Config{TCP: true})
	w.until(patience, func(s *seen) error { return allAgree(bySocket(s.start), all) })
	spaces = append(spaces, testkit.NetNS(t))
	begin(spaces[2], "3")
	w.until(patience, func(s *seen) error {
		for _, ns := range spaces {
			rows := slices.DeleteFunc(in(ns, s.live), func(r table.Row) bool { return r.State == conn.Listen })
			if len(rows) != 12 {
				return fmt.Errorf("%d rows in %d", len(rows), ns.Inode())
			}
		}
		return allAgree(bySocket(s.live), all)
	})
	for _, load := range loads {
		load.Finish()
	}
	w.until(patience, func(s *seen) error { return allClosed(s, all) })
}

// TestDiagLetsNamespaceGo watches a namespace that then ends: it ends though it is
// watched, which shows by its half of a pair of devices, and its rows go.
func TestDiagLetsNamespaceGo(t *testing.T) {
	testkit.Root(t)
	testkit.Tools(t, "ip")
	ours := testkit.NetNS(t)
	name := fmt.Sprintf("tcptop-diag-%d", os.Getpid())
	tool(t, "ip", "netns", "add", name)
	deleted := false
	t.Cleanup(func() {
		if !deleted {
			tool(t, "ip", "netns", "del", name)
		}
	})
	inode := mountedInode(t, name)
	tool(t, "ip", "-n", name, "link", "set", "lo", "up")
	tool(t, "ip", "-n", name, "link", "add", "theirs", "type", "veth", "peer", "name", "ours")
	pass := exec.Command("ip", "-n", name, "link", "set", "ours", "netns", fmt.Sprint(holder(t, ours)))
	if out, err := pass.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	tool(t, "ip", "netns", "exec", name, testkit.Load(t), "bulk", "-n", "4", "-max", "1000") // leaves time-wait sockets
	w := watchDiag(t, conn.Config{TCP: true})
	rows := func(s *seen) (n int) {
		for _, r := range s.live {
			if uint64(r.NetNS) == inode && r.Event != conn.EventClose {
				n++
			}
		}
		return n
	}
	w.until(patience, func(s *seen) error {
		if rows(s) == 0 {
			return fmt.Errorf("no rows in the namespace")
		}
		return nil
	})
	tool(t, "ip", "netns", "del", name)
	deleted = true
	testkit.Eventually(t, patience, func() error {
		if err := ours.Command("ip", "link", "show", "ours").Run(); err == nil {
			return fmt.Errorf("the namespace is still there")
		}
		return nil
	})
	w.until(patience, func(s *seen) error {
		if n := rows(s); n > 0 {
			return fmt.Errorf("%d rows of a namespace that has gone", n)
		}
		return nil
	})
	if err := w.stop().loss; err != (conn.Loss{MissedTicks: err.MissedTicks}) {
		t.Errorf("lost %+v", err)
	}
}

// holder is a process in a namespace.
func holder(t *testing.T, ns *testkit.NS) int {
	t.Helper()
	load := testkit.Start(t, ns, "idle", "-n", "1")
	load.Ready()
	return load.PID()
}

// TestDiagThreadNamespace finds a namespace that only one thread of a process is in.
func TestDiagThreadNamespace(t *testing.T) {
	ns := testkit.NetNS(t)
	w := watchDiag(t, conn.Config{TCP: true})
	l := listen(t, ns, 0, 4)
	ns.Do(func() {
		w.until(patience, func(s *seen) error {
			if r, ok := s.live[l.id()]; !ok || r.Owner.PID != ownPID() || uint64(r.NetNS) != ns.Inode() {
				return fmt.Errorf("listener %v: row %v of pid %d", l.id(), ok, r.Owner.PID)
			}
			return nil
		})
	})
}
