package probe

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"tcptop/internal/conn"
	"tcptop/internal/table"
	"tcptop/internal/testkit"
)

// BenchmarkFirst is what comes before the first line of output.
func BenchmarkFirst(b *testing.B) {
	for _, n := range sockets {
		b.Run(fmt.Sprintf("sockets=%d", n), func(b *testing.B) {
			load := standing(b, n)
			b.Run("tick", func(b *testing.B) { benchFirst(b, n) })
			load.Finish()
		})
	}
}

func benchFirst(b *testing.B, n int) {
	var s start
	for b.Loop() {
		for range 3 {
			s.once(b, n)
		}
	}
	whole := s.load.median() + s.owners.median() + s.tcp.median() + s.sweep.median() + s.apply.median()
	b.ReportMetric(whole, "ns/op")
	b.ReportMetric(ms(s.load), "load-ms")
	b.ReportMetric(ms(s.owners), "owners-ms")
	b.ReportMetric(ms(s.tcp), "tcp-ms")
	b.ReportMetric(ms(s.sweep), "sweep+decode-ms")
	b.ReportMetric(ms(s.apply), "apply-ms")
}

// start is the phases up to the first rows.
type start struct{ load, owners, tcp, sweep, apply stopwatch }

func (s *start) once(b *testing.B, n int) {
	t := &ticker{table: table.New(table.Config{}), n: n}
	s.load.time(func() { t.probe = open(b, n) })
	var err error
	s.owners.time(func() { err = t.probe.files.run(t.probe.slots) })
	if err != nil {
		b.Fatal(err)
	}
	s.tcp.time(func() { _, _, err = t.probe.sockets.run(n, nil, nil) })
	if err != nil {
		b.Fatal(err)
	}
	s.sweep.time(func() { t.read(t.mustSweep(b)) })
	s.apply.time(func() { t.table.Apply(&t.sample) })
	if err := t.probe.Close(); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkDecode(b *testing.B) {
	var c conn.Conn
	b.Run("tcp", func(b *testing.B) {
		s := &tcptopConn{Cookie: 1, State: uint8(conn.Established), SrttUs: 100, RateIntervalUs: 7, Mss: 1448}
		b.ReportAllocs()
		for b.Loop() {
			decodeConn(&c, s, legend{})
		}
	})
	b.Run("udp", func(b *testing.B) {
		f := &tcptopFlow{Key: 1, Cookie: 1, Rport: 53}
		b.ReportAllocs()
		for b.Loop() {
			decodeFlow(&c, f)
		}
	})
}

// BenchmarkMemory prints what the kernel accounts for the maps, by what they grow with.
func BenchmarkMemory(b *testing.B) {
	testkit.Kernel(b)
	const conns = 1 << 17
	p, err := Open(conn.Config{Interval: time.Second, TCP: true, UDP: true, MaxConns: conns})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	perConn := []string{"tt_hot", "tt_slots", "tt_changed", "tt_index", "tt_free"}
	perFlow := []string{"tt_flows", "tt_flow_index", "tt_flow_free"}
	var fixed uint64
	for name, m := range p.obj.maps.Maps {
		if !slices.Contains(perConn, name) && !slices.Contains(perFlow, name) {
			fixed += mapBytes(b, m)
		}
	}
	b.ReportMetric(0, "ns/op") // nothing is timed here
	b.ReportMetric(float64(sumBytes(b, p, perConn))/conns, "bytes/conn")
	b.ReportMetric(float64(sumBytes(b, p, perFlow))/float64(len(p.flows.seen)), "bytes/flow")
	b.ReportMetric(float64(fixed), "fixed-bytes")
}

func sumBytes(b *testing.B, p *Probe, names []string) (sum uint64) {
	for _, name := range names {
		sum += mapBytes(b, p.obj.maps.Maps[name])
	}
	return sum
}

func mapBytes(b *testing.B, m *ebpf.Map) uint64 {
	info, err := m.Info()
	if err != nil {
		b.Fatal(err)
	}
	n, _ := info.Memlock()
	return n
}
