package names

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

func TestParseHosts(t *testing.T) {
	got := parseHosts(strings.NewReader("127.0.0.1 localhost loopback\n# 192.0.2.9 no\n192.0.2.1\tdb.lan. db # a comment\n" +
		"192.0.2.1 later\n::ffff:192.0.2.2 mapped\n2001:db8::1 six\nfe80::1%eth0 zone\n0.0.0.0 ads.example\n192.0.2.3\nno.address here\n\x1b[2J \xff\n"))
	want := map[conn.Addr]string{
		address("127.0.0.1"): "localhost", address("192.0.2.1"): "db.lan", address("192.0.2.2"): "mapped", address("2001:db8::1"): "six",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if many := parseHosts(&addresses{}); len(many) != maxHosts {
		t.Errorf("%d names of a file without end", len(many))
	}
}

// addresses is a file without end.
type addresses struct{ n int }

func (a *addresses) Read(b []byte) (int, error) {
	a.n++
	return copy(b, fmt.Sprintf("10.%d.%d.%d x\n", a.n>>16&255, a.n>>8&255, a.n&255)), nil
}

func TestParseServices(t *testing.T) {
	got := parseServices(strings.NewReader("https 443/tcp # web\nhttp3\t443/udp\nwww 443/tcp\nsctp 9/sctp\nbig 70000/tcp\nnone\n"))
	if diff := cmp.Diff(map[service]string{{conn.TCP, 443}: "https", {conn.UDP, 443}: "http3"}, got); diff != "" {
		t.Error(diff)
	}
	if Services("/nonexistent") != nil {
		t.Error("a file that is not there names ports")
	}
}

// remoteOf is what h says of a connection, as a row that is new.
func (h *host) remoteOf(now int64, c conn.Conn) *conn.Remote {
	s := conn.Sample{Mono: now, Conns: []conn.Conn{c}}
	h.namer.Apply(&s)
	return s.Conns[0].Remote
}

func to(addr string) conn.Conn {
	return conn.Conn{Has: conn.HasRaddr | conn.HasUID, Raddr: address(addr), NetNS: netns, UID: 1000, Opened: 1}
}

// TestHosts names what the file lists, in its namespace only, reads it again when it has
// changed, and prefers what was asked for.
func TestHosts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hosts")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("192.0.2.1 db\n")
	h := newHost(t)
	h.namer = New(Config{Hosts: path, NetNS: netns})
	if r := h.remoteOf(1, to("192.0.2.1")); r == nil || *r != (conn.Remote{Name: "db", Source: conn.NameHosts}) {
		t.Errorf("%+v", r)
	}
	other := to("192.0.2.1")
	other.NetNS++
	if r := h.remoteOf(2, other); r != nil {
		t.Errorf("in another namespace: %+v", r)
	}
	write("192.0.2.1 database\n")
	if r := h.remoteOf(lookAgain, to("192.0.2.1")); r.Name != "db" {
		t.Errorf("looked again too soon: %+v", r)
	}
	if r := h.remoteOf(1+lookAgain, to("192.0.2.1")); r.Name != "database" {
		t.Errorf("not read again: %+v", r)
	}
	h.learns(1, "db.example.", "192.0.2.1", 300)
	if r := h.remoteOf(2+lookAgain, to("192.0.2.1")); r.Source != conn.NameDNS {
		t.Errorf("%+v, though it was asked for", r)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	h.remoteOf(9*lookAgain, to("192.0.2.1"))
	if len(h.namer.listed) != 0 {
		t.Errorf("a file that is gone lists %v", h.namer.listed)
	}
}

// TestReverse asks only when somebody looks, names the rows that stand still by then, and
// lets what was asked for be.
func TestReverse(t *testing.T) {
	asked := make(chan netip.Addr, 10)
	r := NewReverse(t.Context(), func(_ context.Context, a netip.Addr) (string, error) {
		asked <- a
		if a != netip.MustParseAddr("192.0.2.1") {
			return "", errors.New("no such name")
		}
		return "edge-17.cdn.example.", nil
	})
	h := newHost(t)
	h.namer = New(Config{Reverse: r})
	was, other := h.remoteOf(1, to("192.0.2.1")), h.remoteOf(1, to("192.0.2.2"))
	if *was != (conn.Remote{}) || was == other {
		t.Errorf("%+v, %+v", was, other)
	}
	if got := h.remoteOf(1, to("192.0.2.1")); got != was {
		t.Error("the same address is another remote")
	}
	if len(asked) != 0 {
		t.Fatal("asked for what nobody looks at")
	}
	for _, a := range []string{"192.0.2.1", "192.0.2.2", "0.0.0.0", "ff02::1", "192.0.2.1"} {
		r.Name(netip.MustParseAddr(a))
	}
	var news []conn.RemoteChange
	testkit.Eventually(t, 10*time.Second, func() error {
		var s conn.Sample
		h.namer.Apply(&s)
		if news = append(news, s.Remotes...); len(news) == 0 || len(asked) < 2 {
			return errors.New("no answer")
		}
		return nil
	})
	is := conn.Remote{Name: "edge-17.cdn.example", Source: conn.NamePTR}
	if len(news) != 1 || news[0].Was != was || *news[0].Is != is {
		t.Errorf("%+v", news)
	}
	if got := h.remoteOf(1, to("192.0.2.1")); *got != is {
		t.Errorf("%+v", got)
	}
	h.learns(1, web, "192.0.2.1", 60)
	if got := h.remoteOf(1, to("192.0.2.1")); got.Name != "web.example" {
		t.Errorf("%+v, though it was asked for", got)
	}
	if len(asked) != 2 {
		t.Errorf("asked %d times for two addresses that can have names", len(asked))
	}
}
