package logfile

import (
	"encoding/binary"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"tcptop/internal/column"
	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// BenchmarkTick is a tick of a thousand connections that all move, with all fields.
func BenchmarkTick(b *testing.B) {
	for _, name := range []string{"x.csv", "x.jsonl", "x.csv.gz", "x.csv.zst", "x.jsonl.zst"} {
		b.Run(name, func(b *testing.B) {
			path := filepath.Join(b.TempDir(), name)
			cfg := config(b, path)
			all := column.New().All()
			cfg.Fields = nil
			for i := range all {
				cfg.Fields = append(cfg.Fields, &all[i])
			}
			l, rng := mustOpen(b, cfg), rand.New(rand.NewPCG(1, 2))
			rows, s := table.New(table.Config{}), &conn.Sample{Time: began, Mono: 1, Host: "web1", Origin: conn.FromBPF}
			for i := range uint64(1000) {
				c := conn.Conn{ID: conn.ID{Cookie: i + 1}, Has: conn.HasBytes | conn.HasPackets | conn.HasPath | conn.HasRaddr | conn.HasUID,
					Proto: conn.TCP, State: conn.Established, Lport: 443, Rport: uint16(1024 + rng.IntN(60000)), RTT: uint32(rng.IntN(50_000)), Opened: 1,
					Owner: conn.Owner{PID: 80, Comm: conn.MakeName("nginx")}}
				binary.BigEndian.PutUint32(c.Raddr[12:], rng.Uint32())
				c.Raddr[10], c.Raddr[11] = 0xff, 0xff
				s.Conns = append(s.Conns, c)
			}
			for b.Loop() {
				for i := range s.Conns {
					s.Conns[i].RxBytes += rng.Uint64N(100_000)
					s.Conns[i].TxBytes += rng.Uint64N(10_000)
				}
				s.Time, s.Mono = s.Time.Add(time.Second), s.Mono+int64(time.Second)
				rows.Apply(s)
				l.Put(rows.Snapshot())
				l.settle(b)
			}
			b.ReportMetric(float64(l.file.size)/float64(b.N)/1000, "bytes/row")
		})
	}
}
