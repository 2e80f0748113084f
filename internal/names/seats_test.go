package names

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

// TestDecidedOnce keeps the name that a connection got when it opened, and decides again
// when its process comes to be known or another connection has its seat.
func TestDecidedOnce(t *testing.T) {
	h := newHost(t)
	h.uid, h.pid = 0, 1
	h.learns(1*second, "system.example.", "192.0.2.1", 300)
	h.uid, h.pid = 1000, 42
	h.learns(1*second, "own.example.", "192.0.2.1", 300)
	c := to("192.0.2.1")
	c.ID.Cookie, c.Seat, c.UID, c.Opened = 7, 3, 2000, 2*second
	want := func(name string) {
		t.Helper()
		if got := h.nameOf(c); got != name {
			t.Errorf("named %q, want %q", got, name)
		}
	}
	want("system.example")
	h.uid, h.pid = 0, 1
	h.learns(3*second, "later.example.", "192.0.2.1", 300)
	want("system.example")
	c.Owner.PID = 42
	want("own.example")
	c.ID.Serial, c.Opened = 1, 3*second // the socket has connected again
	c.Owner.PID = 99
	want("later.example")
	c.Raddr = address("192.0.2.2")
	c.ID = conn.ID{Cookie: 8}
	want("")
}

// TestDecidedAgain has what becomes known later, of a connection that has no better name.
func TestDecidedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hosts")
	r := NewReverse(t.Context(), func(context.Context, netip.Addr) (string, error) { return "ptr.example.", nil })
	h := newHost(t)
	h.namer = New(Config{Hosts: path, NetNS: netns, Reverse: r})
	c := to("192.0.2.1")
	c.ID.Cookie, c.Seat = 7, 3
	if r := h.remoteOf(1, c); *r != (conn.Remote{}) {
		t.Errorf("%+v", r)
	}
	r.Name(c.Raddr.Netip())
	testkit.Eventually(t, 10*time.Second, func() error {
		if got := h.remoteOf(2, c); got.Name != "ptr.example" {
			return errors.New("no name")
		}
		return nil
	})
	if err := os.WriteFile(path, []byte("192.0.2.1 db\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := h.remoteOf(1+2*lookAgain, c); r.Name != "db" {
		t.Errorf("%+v, though the file says db", r)
	}
}

// TestNameClosed names what is told for the last time by what is known, and keeps nothing
// for an address of which that is nothing.
func TestNameClosed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(path, []byte("192.0.2.2 db\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := NewReverse(t.Context(), func(context.Context, netip.Addr) (string, error) { return "ptr.example.", nil })
	h := newHost(t)
	h.namer = New(Config{Hosts: path, NetNS: netns, Reverse: r})
	h.learns(1*second, web, "192.0.2.3", 60)
	var s conn.Sample
	names := func() (all []string) {
		s = conn.Sample{Mono: 1}
		for _, a := range []string{"192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.1", "192.0.2.4"} {
			c := to(a)
			c.Opened = 2 * second
			s.Closed = append(s.Closed, c)
		}
		s.Closed[1].NetNS++
		s.Closed[5].Has = 0
		h.namer.Apply(&s)
		for i := range s.Closed {
			if r := s.Closed[i].Remote; r != nil {
				all = append(all, r.Name)
			} else {
				all = append(all, "-")
			}
		}
		return all
	}
	if got, want := names(), []string{"-", "-", "db", "web.example", "-", "-"}; !slices.Equal(got, want) {
		t.Errorf("named %q, want %q", got, want)
	}
	if !h.namer.others.empty() {
		t.Error("an address of which nothing is known is kept")
	}
	r.Name(netip.MustParseAddr("192.0.2.1"))
	testkit.Eventually(t, 10*time.Second, func() error {
		if got, want := names(), []string{"ptr.example", "ptr.example", "db", "web.example", "ptr.example", "-"}; !slices.Equal(got, want) {
			return fmt.Errorf("named %q, want %q", got, want)
		}
		return nil
	})
}
