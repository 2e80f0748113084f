package names

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"tcptop/internal/conn"
)

func (h *host) want(opened int64, addr, name string) {
	h.t.Helper()
	if got := h.name(opened, addr); got != name {
		h.t.Errorf("opened after %v to %s: named %q, want %q", time.Duration(opened), addr, got, name)
	}
}

// TestAsked names a connection that opened after the answer, until a minute after the
// answer's time to live; asking again makes it longer.
func TestAsked(t *testing.T) {
	h := newHost(t)
	h.learns(100*second, web, "192.0.2.1", 30)
	h.want(100*second-1, "192.0.2.1", "")
	h.want(100*second, "192.0.2.1", "web.example")
	h.want(190*second, "192.0.2.1", "web.example")
	h.want(190*second+1, "192.0.2.1", "")
	h.want(0, "192.0.2.1", "") // older than tcptop
	h.want(150*second, "192.0.2.2", "")
	h.learns(180*second, web, "192.0.2.1", 30)
	h.want(101*second, "192.0.2.1", "web.example")
	h.want(270*second, "192.0.2.1", "web.example")
	h.learns(400*second, web, "192.0.2.1", 30) // a gap: it was not so in between
	h.want(300*second, "192.0.2.1", "")
	h.want(400*second, "192.0.2.1", "web.example")
}

// TestAskedCNAME shows the name that was asked for, not what it leads to.
func TestAskedCNAME(t *testing.T) {
	h := newHost(t)
	h.hears(h.asks(1, 7, "Shop.Example."), told4(2, reply(t, 7, "shop.example.", dnsmessage.TypeA).
		cname("shop.example.", "edge-17.cdn.example.", 60).addr("edge-17.cdn.example.", "192.0.2.1", 60).data()))
	h.want(3, "192.0.2.1", "shop.example")
}

// TestAskedTwice has two names for an address: each connection has the newest before it.
func TestAskedTwice(t *testing.T) {
	h := newHost(t)
	h.learns(1*second, "a.example.", "192.0.2.1", 300)
	h.learns(2*second, "b.example.", "192.0.2.1", 300)
	h.want(1*second, "192.0.2.1", "a.example")
	h.want(2*second, "192.0.2.1", "b.example")
	h.learns(3*second, "a.example.", "192.0.2.1", 300)
	h.want(3*second, "192.0.2.1", "a.example")
}

// TestForged has answers that nobody asked for: of each only one thing is wrong.
func TestForged(t *testing.T) {
	good := func(h *host) (ask, told conn.DNSMessage) {
		return h.asks(10, 7, web), told4(20, reply(t, 7, web, dnsmessage.TypeA).addr(web, "192.0.2.1", 60).data())
	}
	for name, spoil := range map[string]func(h *host, ask, told *conn.DNSMessage){
		"nothing":       func(*host, *conn.DNSMessage, *conn.DNSMessage) {},
		"the id":        func(h *host, ask, _ *conn.DNSMessage) { *ask = h.asks(10, 8, web) },
		"the question":  func(h *host, ask, _ *conn.DNSMessage) { *ask = h.asks(10, 7, "bank.example.") },
		"the socket":    func(_ *host, _, told *conn.DNSMessage) { told.Socket++ },
		"the server":    func(_ *host, _, told *conn.DNSMessage) { told.Server = address("192.0.2.54") },
		"the time":      func(_ *host, _, told *conn.DNSMessage) { told.Time += answerWithin },
		"the direction": func(_ *host, _, told *conn.DNSMessage) { told.Answer = false },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			ask, told := good(h)
			spoil(h, &ask, &told)
			h.hears(ask, told)
			want := map[bool]string{true: "web.example"}[name == "nothing"]
			h.want(told.Time+1, "192.0.2.1", want)
		})
	}
}

// TestAnsweredOnce takes the first answer, as resolvers do.
func TestAnsweredOnce(t *testing.T) {
	h := newHost(t)
	h.hears(h.asks(1, 7, web),
		told4(2, reply(t, 7, web, dnsmessage.TypeA).addr(web, "192.0.2.1", 60).data()),
		told4(3, reply(t, 7, web, dnsmessage.TypeA).addr(web, "192.0.2.2", 60).data()))
	h.want(4, "192.0.2.1", "web.example")
	h.want(4, "192.0.2.2", "")
	if got := h.namer.dns.counts; got != (Counts{Queries: 1, Answers: 1, Unasked: 1}) {
		t.Errorf("%+v", got)
	}
}

// TestWhoAsked keeps a user's answers from naming another's connections, and the
// answers of one namespace from naming another's.
func TestWhoAsked(t *testing.T) {
	mine, other, resolver := newHost(t), *newHost(t), *newHost(t)
	other.uid, other.pid, other.namer = 1001, 43, mine.namer
	resolver.uid, resolver.pid, resolver.namer = 101, 53, mine.namer
	mine.learns(1, "mine.example.", "192.0.2.1", 60)
	mine.want(9, "192.0.2.1", "mine.example")
	other.want(9, "192.0.2.1", "")
	resolver.learns(2, "system.example.", "192.0.2.1", 60)
	mine.want(9, "192.0.2.1", "mine.example")
	other.want(9, "192.0.2.1", "system.example")
	mine.pid = 44 // another process of the same user
	mine.want(9, "192.0.2.1", "mine.example")
	c := conn.Conn{Has: conn.HasRaddr | conn.HasUID, Raddr: address("192.0.2.1"), NetNS: netns + 1, Opened: 9}
	if got := mine.nameOf(c); got != "" {
		t.Errorf("in another namespace it is %q", got)
	}
}

// TestBounds has more of everything than is kept: what was used last stays.
func TestBounds(t *testing.T) {
	h := newHost(t)
	h.learns(1, web, "192.0.2.1", 60)
	for i := range 3 * maxAddresses {
		h.learns(2, web, fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), 60)
		if i%100 == 0 {
			h.want(3, "192.0.2.1", "web.example")
		}
	}
	d := &h.namer.dns
	if n := len(d.names.young) + len(d.names.old); n > 2*maxAddresses {
		t.Errorf("%d addresses are kept", n)
	}
	h.want(3, "192.0.2.1", "web.example")
	h.want(3, "10.0.0.0", "")
	for i := range 3 * maxPending {
		m := h.asks(4, uint16(i), web)
		m.Socket += uint64(i)
		h.hears(m)
	}
	if n := len(d.pending.young) + len(d.pending.old); n > 2*maxPending {
		t.Errorf("%d queries wait", n)
	}
	for i := range 2 * maxNames {
		h.learns(5, fmt.Sprintf("n%d.example.", i), "192.0.2.1", 60)
	}
	if all, _ := d.names.get(place{netns, address("192.0.2.1")}); len(*all) != maxNames {
		t.Errorf("%d names of an address", len(*all))
	}
}

func TestNilNamer(t *testing.T) {
	var n *Namer
	s := conn.Sample{Conns: make([]conn.Conn, 1)}
	n.Apply(&s)
	if s.Conns[0].Remote != nil {
		t.Error("it names")
	}
}
