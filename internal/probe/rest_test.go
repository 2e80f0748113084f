package probe

import (
	"errors"
	"maps"
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
		p := &filePass{walk: walk{share: c.share}}
		if got := time.Duration(p.restFor(int64(c.cost), c.quiet)); got != c.rest {
			t.Errorf("after a pass of %v (quiet: %v) the next waits %v, want %v", c.cost, c.quiet, got, c.rest)
		}
	}
}

// TestRestForMinis holds that time-wait sockets are left alone while they are young, and
// handshakes are not.
func TestRestForMinis(t *testing.T) {
	const now = int64(time.Hour)
	for _, c := range []struct {
		serial     uint64
		ages       []time.Duration
		cost, rest time.Duration
	}{
		{conn.TimeWaitSerial, []time.Duration{0, time.Second}, 5 * time.Millisecond, 15 * time.Second},
		{conn.TimeWaitSerial, []time.Duration{50 * time.Second, time.Second}, 5 * time.Millisecond, 10 * time.Second},
		{conn.TimeWaitSerial, []time.Duration{time.Hour}, 5 * time.Millisecond, 1500 * time.Millisecond},
		{conn.TimeWaitSerial, []time.Duration{0}, 100 * time.Millisecond, 30 * time.Second},
		{0, []time.Duration{0}, 5 * time.Millisecond, 1500 * time.Millisecond},
	} {
		p := &socketPass{walk: walk{share: costShare}, minis: newMinis()}
		for i, age := range c.ages {
			p.minis.add(mini{id: conn.ID{Cookie: uint64(i + 1), Serial: c.serial}, since: now - int64(age)})
		}
		if got := time.Duration(p.restForMinis(int64(c.cost), now)); got != c.rest {
			t.Errorf("after a pass of %v, minis %v old (serial %x): the next waits %v, want %v", c.cost, c.ages, c.serial, got, c.rest)
		}
	}
}

// TestMissedAsks holds that a pass over TCP sockets comes soon after something was lost, and
// not again for that.
func TestMissedAsks(t *testing.T) {
	for name, lost := range map[string]conn.Loss{
		"a hook was passed by":            {Skipped: 1},
		"the ring was full":               {RingFull: 1},
		"there was no room in user space": {QueueFull: 1},
	} {
		p := &socketPass{next: 100, soon: 10}
		p.missed(&conn.Loss{})
		if p.due(50) {
			t.Error(name, "not yet, and a pass is due")
		}
		if p.missed(&lost); !p.due(50) || p.due(5) {
			t.Error(name, "and no pass is due, or one too soon")
		}
		p.asked = false // a pass was there
		if p.missed(&lost); p.due(50) {
			t.Error(name, "long ago, and a pass is due")
		}
	}
}

// TestSomeNamespaces holds that a pass over TCP sockets looks only where something asks for
// it or was there, and everywhere where it is not known where, or that is another by now.
func TestSomeNamespaces(t *testing.T) {
	inode, err := namespaceInode(ownNamespace)
	if err != nil {
		t.Fatal(err)
	}
	own, other := uint32(inode), uint32(inode)+1
	begin := func() *socketPass {
		p := newSocketPass(nil, nil, false)
		p.began, p.nextWhole = 1, 2
		p.spaces = map[uint64]string{uint64(own): "", uint64(other): "/proc/self/ns/net"}
		return p
	}
	is := func(what string, p *socketPass, want map[uint64]string) {
		t.Helper()
		if got := p.some(); !maps.Equal(got, want) || (got == nil) != (want == nil) {
			t.Errorf("%s: a pass looks into %p, want %p (nil is all)", what, got, want)
		}
	}
	here := map[uint64]string{uint64(own): ""}
	p := begin()
	p.leave(&conn.Conn{Proto: conn.TCP, Reason: conn.FinLocal, NetNS: own}, 1)
	is("a connection has ended", p, here)
	p = begin()
	p.ask(&conn.Conn{SYNQueue: 1, NetNS: own})
	is("a listener has connections in their handshake", p, here)
	p = begin()
	p.minis.add(mini{id: conn.ID{Cookie: 1}, netns: own})
	is("there is a mini", p, here)
	p.missed(&conn.Loss{RingFull: 1})
	is("something was lost", p, nil)
	p = begin()
	p.ask(&conn.Conn{NetNS: other + 1})
	is("a namespace is not known", p, nil)
	p = begin()
	p.want(other)
	is("who was in a namespace is in another", p, nil)
	p = begin()
	p.began = p.nextWhole
	is("it is time", p, nil)
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
		if err := p.files.run(p.slots); err != nil {
			t.Fatal(err)
		}
		if !p.files.still {
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
