package probe

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

func TestRestFor(t *testing.T) {
	for _, c := range []struct {
		share      int64
		cost, rest time.Duration
		quiet      bool
	}{
		{costShare, 20 * time.Millisecond, 2 * time.Second, false},
		{costShare, 20 * time.Millisecond, 20 * time.Second, true},
		{costShare, 200 * time.Millisecond, time.Minute, true},
		{costShare, 800 * time.Millisecond, 80 * time.Second, true}, // never more than a percent of a core
		{calmShare, 20 * time.Millisecond, 6 * time.Second, false},
		{calmShare, 20 * time.Millisecond, time.Minute, true},
	} {
		v := &inventory{share: c.share}
		if got := time.Duration(v.restFor(int64(c.cost), c.quiet, longestOwners)); got != c.rest {
			t.Errorf("after a pass of %v (quiet: %v) the next waits %v, want %v", c.cost, c.quiet, got, c.rest)
		}
	}
}

// TestStillPasses holds that a pass over open files knows whether there was anything new.
func TestStillPasses(t *testing.T) {
	testkit.Kernel(t)
	p, err := Open(conn.Config{TCP: true, MaxConns: 65536})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	pass := func() error {
		if err := p.inv.runOwners(p.slots); err != nil {
			t.Fatal(err)
		}
		if !p.inv.still {
			return errors.New("the last pass found something new")
		}
		return nil
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for range 3 {
		testkit.Eventually(t, 10*time.Second, pass)
		other := exec.Command("cat")
		other.ExtraFiles = []*os.File{file}
		in, err := other.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Start(); err != nil {
			t.Fatal(err)
		}
		if pass() == nil {
			t.Error("another process holds a listener, and that is nothing new")
		}
		testkit.Eventually(t, 10*time.Second, pass)
		if err := errors.Join(in.Close(), other.Wait()); err != nil {
			t.Fatal(err)
		}
		if pass() == nil {
			t.Error("it does no longer, and that is nothing new")
		}
	}
}
