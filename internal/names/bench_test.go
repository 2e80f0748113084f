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
