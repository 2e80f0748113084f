package names

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"tcptop/internal/conn"
)

const web = "web.example."

func TestParseAnswer(t *testing.T) {
	a, aaaa := dnsmessage.TypeA, dnsmessage.TypeAAAA
	head := dnsmessage.Header{ID: 7, Response: true}
	for _, c := range []struct {
		name  string
		data  []byte
		cut   bool
		addrs string // apart from each other by spaces
		ttl   time.Duration
		fails bool // malformed, not only of no use
		other bool
	}{
		{name: "address", data: reply(t, 7, web, a).addr(web, "192.0.2.1", 60).addr(web, "192.0.2.2", 30).data(), addrs: "192.0.2.1 192.0.2.2", ttl: 30 * time.Second},
		{name: "IPv6", data: reply(t, 7, web, aaaa).addr(web, "2001:db8::1", 60).data(), addrs: "2001:db8::1", ttl: time.Minute},
		{name: "by CNAMEs in any order", data: reply(t, 7, web, a).addr("c.example.", "192.0.2.3", 90).cname("b.example.", "c.example.", 20).cname(web, "b.example.", 60).data(), addrs: "192.0.2.3", ttl: 20 * time.Second},
		{name: "another name's address", data: reply(t, 7, web, a).addr("bank.example.", "192.0.2.9", 60).addr(web, "192.0.2.1", 60).data(), addrs: "192.0.2.1", ttl: time.Minute},
		{name: "the other kind's address", data: reply(t, 7, web, a).addr(web, "2001:db8::1", 60).data(), ttl: maxTTL},
		{name: "a CNAME to itself", data: reply(t, 7, web, a).cname(web, web, 60).data(), ttl: time.Minute},
		{name: "CNAMEs in a circle", data: reply(t, 7, web, a).cname(web, "b.example.", 60).cname("b.example.", web, 60).data(), ttl: time.Minute},
		{name: "blocked", data: reply(t, 7, web, a).addr(web, "0.0.0.0", 60).data(), ttl: time.Minute},
		{name: "a year", data: reply(t, 7, web, a).addr(web, "192.0.2.1", 31536000).data(), addrs: "192.0.2.1", ttl: maxTTL},
		{name: "no such name", data: begin(t, dnsmessage.Header{Response: true, RCode: dnsmessage.RCodeNameError}, web, a).data(), other: true},
		{name: "truncated", data: begin(t, dnsmessage.Header{Response: true, Truncated: true}, web, a).data(), other: true},
		{name: "a query", data: query(t, 7, web, a), other: true},
		{name: "of a pointer", data: begin(t, head, "1.2.0.192.in-addr.arpa.", dnsmessage.TypePTR).data(), other: true},
		{name: "empty", fails: true},
		{name: "half", data: half(reply(t, 7, web, a).addr(web, "192.0.2.1", 60).data()), fails: true},
		{name: "compressed into itself", data: loop(reply(t, 7, web, a).addr(web, "192.0.2.1", 60).data()), fails: true},
		{name: "cut", data: cut(reply(t, 7, web, a).addr(web, "192.0.2.1", 60).addr(web, "192.0.2.2", 60).data()), cut: true, addrs: "192.0.2.1", ttl: time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, got, err := parseAnswer(c.data, c.cut)
			if c.other || c.fails {
				if err == nil || errors.Is(err, errOther) != c.other {
					t.Fatalf("%+v, %v", got, err)
				}
				return
			}
			var addrs []string
			for _, a := range got.addrs {
				addrs = append(addrs, a.Netip().String())
			}
			if err != nil || got.name != "web.example" || !slices.Equal(addrs, strings.Fields(c.addrs)) || got.ttl != c.ttl {
				t.Errorf("%q %v %v, %v", got.name, addrs, got.ttl, err)
			}
		})
	}
}

func half(b []byte) []byte { return b[:len(b)/2] }

func cut(b []byte) []byte { return b[:len(b)-1] }

// loop has the name of the first record point at itself.
func loop(b []byte) []byte {
	at := 12 + len(web) + 1 + 4
	b[at], b[at+1] = 0xc0, byte(at)
	return b
}

// TestManyRecords has more records than are looked at.
func TestManyRecords(t *testing.T) {
	m := reply(t, 7, web, dnsmessage.TypeA)
	for range 2 * maxRecords {
		m.addr(web, "192.0.2.1", 60)
	}
	if _, a, err := parseAnswer(m.data(), false); err != nil || len(a.addrs) != maxRecords {
		t.Errorf("%d addresses, %v", len(a.addrs), err)
	}
}

func TestParseQuery(t *testing.T) {
	id, q, err := parseQuery(query(t, 300, "WeB.exAMple.", dnsmessage.TypeAAAA))
	if err != nil || id != 300 || q != (question{"web.example", dnsmessage.TypeAAAA}) {
		t.Errorf("%d, %v, %v", id, q, err)
	}
	for _, data := range [][]byte{
		query(t, 1, web, dnsmessage.TypePTR), query(t, 1, web, dnsmessage.TypeTXT),
		reply(t, 1, web, dnsmessage.TypeA).data(), nil, half(query(t, 1, web, dnsmessage.TypeA)),
	} {
		if _, q, err := parseQuery(data); err == nil {
			t.Errorf("%x is a query for %v", data, q)
		}
	}
}

// FuzzMessage feeds whatever may come from port 53 to a Namer that waits for an answer.
func FuzzMessage(f *testing.F) {
	for _, data := range [][]byte{
		query(f, 7, web, dnsmessage.TypeA),
		reply(f, 7, web, dnsmessage.TypeA).addr(web, "192.0.2.1", 60).data(),
		reply(f, 7, web, dnsmessage.TypeA).cname(web, "b.example.", 60).addr("b.example.", "192.0.2.1", 60).data(),
		loop(reply(f, 7, web, dnsmessage.TypeA).addr(web, "192.0.2.1", 60).data()),
	} {
		f.Add(data, false)
		f.Add(half(data), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, cut bool) {
		data = data[:min(len(data), 1232)]
		h := newHost(t)
		ask := h.asks(1, 7, web)
		was := conn.DNSMessage{Time: 2, Socket: socket, Server: server, Answer: true, Cut: cut, Data: data}
		asked := was
		asked.Answer = false
		h.hears(ask, was, asked)
		got := h.namer.dns.counts
		if got.Answers+got.Unasked+got.Malformed > 2 || got.Queries > 2 {
			t.Errorf("%+v of two messages", got)
		}
		if _, a, err := parseAnswer(data, cut); err == nil {
			if len(a.addrs) > maxRecords || a.ttl < 0 || a.ttl > maxTTL || len(a.name) > 254 {
				t.Errorf("%+v", a)
			}
			if got.Answers == 1 && a.name != "web.example" {
				t.Errorf("an answer for %q was believed", a.name)
			}
		}
		for _, all := range h.namer.dns.names.young {
			for _, n := range *all {
				if n.remote.Name != "web.example" {
					t.Errorf("named %q", n.remote.Name)
				}
			}
		}
	})
}
