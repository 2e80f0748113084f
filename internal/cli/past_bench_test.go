package cli

import (
	"fmt"
	"testing"
	"time"

	"tcptop/internal/conn"
	"tcptop/internal/record"
	"tcptop/internal/table"
)

// hostOf makes tick n of a host with so many connections, of which one in each moves.
func hostOf(conns, each, n int) *conn.Sample {
	s := &conn.Sample{Time: began.Add(time.Duration(n) * time.Second), Mono: int64(n+100) * int64(time.Second), Host: "h", Origin: conn.FromBPF}
	for i := range conns {
		if n > 0 && (i+n)%each != 0 {
			continue
		}
		c := conn.Conn{ID: conn.ID{Cookie: uint64(i + 1)}, Has: conn.HasBytes | conn.HasPath, NetNS: 1, Proto: conn.TCP, State: conn.Established,
			Rport: uint16(i), RxBytes: uint64(n) * uint64(i*7919%100_003), TxBytes: uint64(n) * 100, RTT: uint32(1000 + (i*n)%777)}
		s.Conns = append(s.Conns, c)
	}
	return s
}

// BenchmarkPast is the live screen's own past: what keeping a tick costs, and how long
// a jump to the middle of ten minutes and a step back take until they can be shown.
func BenchmarkPast(b *testing.B) {
	for _, c := range []struct{ conns, each int }{{1_000, 1}, {100_000, 100}} {
		name := fmt.Sprintf("conns=%d/moving=%d", c.conns, c.conns/c.each)
		h, err := record.NewHistory(record.HistoryConfig{MaxAge: 10 * time.Minute, MaxBytes: historyBytes})
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for ; n < 600; n++ {
			h.Add(hostOf(c.conns, c.each, n))
		}
		b.Run(name+"/keep", func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				s := hostOf(c.conns, c.each, n)
				b.StartTimer()
				h.Add(s)
				n++
			}
			b.ReportMetric(float64(h.Bytes())/(1<<20), "MiB")
		})
		w := &rewinder{cursor: h.Cursor(), table: func() *table.Table { return table.New(table.Config{}) }}
		show := func(*table.Snapshot) {}
		_, end := h.Bounds()
		b.Run(name+"/jump", func(b *testing.B) {
			for b.Loop() {
				if err := w.move(end.Add(-5*time.Minute), 0, show); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/back", func(b *testing.B) {
			for b.Loop() {
				if w.move(time.Time{}, -1, show) != nil {
					b.StopTimer()
					_ = w.move(end, 0, show)
					b.StartTimer()
				}
			}
		})
	}
}
