package names

import (
	"fmt"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"tcptop/internal/conn"
)

// BenchmarkHear takes in a query and its answer.
func BenchmarkHear(b *testing.B) {
	h := newHost(b)
	var messages []conn.DNSMessage
	for i := range 1000 {
		h.id++
		name := fmt.Sprintf("n%d.example.", i)
		messages = append(messages, h.asks(1, h.id, name),
			told4(2, reply(b, h.id, name, dnsmessage.TypeA).cname(name, web, 60).addr(web, fmt.Sprintf("192.0.2.%d", i%256), 60).data()))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		at := 2 * (i % 1000)
		h.hears(messages[at : at+2]...)
	}
}

// BenchmarkApply names the rows of a tick, all caches warm: 100,000 connections to
// 8,000 remotes, of which one in two was asked for.
func BenchmarkApply(b *testing.B) {
	const rows, remotes = 100_000, 8000
	h := newHost(b)
	addr := func(i int) string { return fmt.Sprintf("10.0.%d.%d", i>>8, i&255) }
	for i := range remotes / 2 {
		h.learns(1, web, addr(i), 3600)
	}
	s := conn.Sample{Conns: make([]conn.Conn, rows)}
	for i := range s.Conns {
		s.Conns[i] = conn.Conn{Has: conn.HasRaddr | conn.HasUID, Raddr: address(addr(i % remotes)), NetNS: netns, UID: h.uid, Opened: 2}
	}
	b.ReportAllocs()
	for b.Loop() {
		for i := range s.Conns {
			s.Conns[i].Remote = nil
		}
		h.namer.Apply(&s)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
	if s.Conns[0].Remote == nil || s.Conns[remotes-1].Remote != nil {
		b.Error("the wrong ones are named")
	}
}
