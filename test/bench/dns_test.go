package bench

import (
	"os"
	"testing"
	"time"

	"tcptop/internal/conn"
	"tcptop/internal/probe"
	"tcptop/internal/testkit"
)

// BenchmarkDNS says what it costs to note DNS messages: a datagram from port 53, one to
// it, and all that are neither.
func BenchmarkDNS(b *testing.B) {
	testkit.Kernel(b)
	udp := []string{"bench-udp", "-size", "128"}
	for _, load := range []workload{
		{"load=messages", nil},
		{"load=udp/connected=false", udp},
		{"load=udp/connected=true", append(udp[:3:3], "-connected")},
		{"load=query", append(udp[:3:3], "-to", "53")},
		{"load=answer", append(udp[:3:3], "-from", "53")},
	} {
		c := &comparison{load: load, subjects: []subject{
			{name: "dns=off", start: listening(false)}, {name: "dns=off-again", start: listening(false)}, {name: "dns=on", start: listening(true)},
		}}
		b.Run(load.name, c.bench)
	}
}

// listening counts UDP, with DNS or without.
func listening(dns bool) func(*testing.B) (int, func()) {
	return func(b *testing.B) (int, func()) {
		p, err := probe.Open(conn.Config{Interval: 100 * time.Millisecond, UDP: true, DNS: dns, Host: "bench"})
		if err != nil {
			b.Fatal(err)
		}
		return os.Getpid(), func() {
			if err := p.Close(); err != nil {
				b.Error(err)
			}
		}
	}
}
