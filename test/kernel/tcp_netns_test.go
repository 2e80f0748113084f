package kernel

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"tcptop/internal/conn"
	"tcptop/internal/table"
	"tcptop/internal/testkit"
)

// TestNamespaces uses the same addresses and ports in three namespaces, one of
// which is made after the probe started.
func TestNamespaces(t *testing.T) {
	spaces := []*testkit.NS{testkit.NetNS(t), testkit.NetNS(t)}
	var all []testkit.Truth
	for i, ns := range spaces {
		all = append(all, twin(t, ns, 100*(i+1))...)
	}
	w := watch(t, conn.Config{TCP: true})
	w.until(patience, func(s *seen) error { return allAgree(bySocket(s.live), all) })
	spaces = append(spaces, testkit.NetNS(t))
	all = append(all, twin(t, spaces[2], 300)...)
	w.until(patience, func(s *seen) error {
		for _, ns := range spaces {
			rows := slices.DeleteFunc(in(ns, s.live), func(r table.Row) bool { return r.State == conn.Listen })
			if len(rows) != 2 {
				return fmt.Errorf("%d rows in %d", len(rows), ns.Inode())
			}
		}
		return allAgree(bySocket(s.live), all)
	})
}

// TestNewNamespaces makes namespaces one after the other while the probe runs, in each of
// which a connection comes and goes in the first milliseconds: none of its bytes is missing.
func TestNewNamespaces(t *testing.T) {
	w := watch(t, conn.Config{TCP: true})
	var all []testkit.Truth
	for i := range 50 {
		ns := testkit.NetNS(t)
		l := listen(t, ns, 5000, 8)
		c := dial(t, ns, 6000, l)
		s := l.accept()
		c.pass(s, i+1)
		s.pass(c, 2*i+1)
		all = append(all, c.truth(ns, "out", i+1, 2*i+1), s.truth(ns, "in", 2*i+1, i+1))
		c.close()
		s.close()
	}
	w.until(patience, func(s *seen) error { return allClosed(s, all) })
	if err := noLoss(w.stop()); err != nil {
		t.Error(err)
	}
}

// twin makes the connection that every namespace has and moves n bytes each way.
func twin(t *testing.T, ns *testkit.NS, n int) []testkit.Truth {
	t.Helper()
	l := listen(t, ns, 5000, 8)
	c := dial(t, ns, 6000, l)
	s := l.accept()
	c.pass(s, n)
	s.pass(c, n)
	return []testkit.Truth{c.truth(ns, "out", n, n), s.truth(ns, "in", n, n)}
}

// TestMountedNamespace looks into a namespace that no process is in and only a
// mount keeps: its orphans and its time-wait sockets are there nevertheless.
func TestMountedNamespace(t *testing.T) {
	testkit.Kernel(t)
	testkit.Tools(t, "ip", "ss")
	name := fmt.Sprintf("tcptop-test-%d", os.Getpid())
	tool(t, "ip", "netns", "add", name)
	t.Cleanup(func() { tool(t, "ip", "netns", "del", name) })
	tool(t, "ip", "-n", name, "link", "set", "lo", "up")
	// Without standard input it ends as soon as every state is there, and leaves orphans.
	tool(t, "ip", "netns", "exec", name, testkit.Load(t), "states")
	inode := mountedInode(t, name)
	w := watch(t, conn.Config{TCP: true})
	w.until(patience, func(s *seen) error {
		var rows []table.Row
		kinds := map[conn.State]bool{}
		for _, r := range s.live {
			if uint64(r.NetNS) == inode && r.Event != conn.EventClose {
				rows = append(rows, r)
				kinds[r.State] = true
			}
		}
		if !kinds[conn.TimeWait] || len(kinds) < 2 {
			return fmt.Errorf("states in the mounted namespace: %v", kinds)
		}
		return sameStates(rows, parseStates(t, tool(t, "ip", "netns", "exec", name, "ss", "-tanH")))
	})
}

func tool(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	c := exec.Command(name, args...)
	var stderr strings.Builder
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, stderr.String())
	}
	return out
}

func mountedInode(t *testing.T, name string) uint64 {
	t.Helper()
	info, err := os.Stat(filepath.Join("/run/netns", name))
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Ino
}
