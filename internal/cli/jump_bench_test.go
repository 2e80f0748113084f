package cli

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
	"tcptop/internal/record"
	"tcptop/internal/table"
)

// crowd is a host with many connections, of which some move in every tick.
type crowd struct {
	rng   *rand.Rand
	conns []conn.Conn
	tick  int
}

func newCrowd(n int) *crowd {
	h := &crowd{rng: rand.New(rand.NewPCG(1, 2)), conns: make([]conn.Conn, n)}
	for i := range h.conns {
		h.conns[i] = conn.Conn{
			ID: conn.ID{Cookie: uint64(i + 1)}, Has: conn.HasBytes | conn.HasPackets | conn.HasPath | conn.HasRaddr | conn.HasSettings,
			Proto: conn.TCP, State: conn.Established, NetNS: 1, Lport: uint16(h.rng.IntN(30000)), Rport: 443, Raddr: conn.Addr{12: 10, 13: byte(h.rng.IntN(256)), 14: byte(h.rng.IntN(256)), 15: 1},
			Owner:  conn.Owner{PID: uint32(i/1000 + 1), Comm: conn.MakeName("nginx")},
			Opened: int64(h.rng.IntN(1000)) * int64(time.Millisecond), RTT: 20_000, RTTVar: 4000, MinRTT: 18_000, Cwnd: 10, MSS: 1448, CC: conn.MakeName("cubic"),
			RxBytes: h.rng.Uint64N(1 << 30), TxBytes: h.rng.Uint64N(1 << 20), RxPackets: h.rng.Uint64N(1 << 20), TxPackets: h.rng.Uint64N(1 << 16),
		}
	}
	return h
}

// next is a tick in which n connections move; in the first all are new.
func (h *crowd) next(n int) *conn.Sample {
	s := &conn.Sample{Time: began.Add(time.Duration(h.tick) * time.Second), Mono: int64(h.tick+100) * int64(time.Second), Host: "h", Origin: conn.FromBPF}
	if h.tick++; h.tick == 1 {
		s.Conns = slices.Clone(h.conns)
		return s
	}
	for range n {
		c := &h.conns[h.rng.IntN(len(h.conns))]
		c.RxBytes += h.rng.Uint64N(50_000)
		c.TxBytes += h.rng.Uint64N(2000)
		c.RxPackets += h.rng.Uint64N(40)
		c.TxPackets += h.rng.Uint64N(20)
		c.RTT = 18_000 + h.rng.Uint32N(4000)
		c.LastActive = s.Mono - h.rng.Int64N(1e6)*1000
		s.Conns = append(s.Conns, *c)
	}
	return s
}

// unsynced are files that nobody waits for.
type unsynced struct{ record.File }

func (unsynced) Sync() error { return nil }

// BenchmarkJump opens a recording of 100,000 connections of which 1 % move in a tick, and
// goes to some of its ticks, any, as J does: until the last of what leads there could be
// drawn. TCPTOP_BENCH_TICKS is how many ticks it has; a day's are 86,400 and take some
// minutes and 1.5 GB.
func BenchmarkJump(b *testing.B) {
	const conns = 100_000
	ticks := 3600
	if n, err := strconv.Atoi(os.Getenv("TCPTOP_BENCH_TICKS")); err == nil {
		ticks = n
	}
	dir := b.TempDir()
	h := newCrowd(conns)
	files := record.System()
	create := files.Create
	files.Create = func(path string) (record.File, error) {
		f, err := create(path)
		return unsynced{f}, err
	}
	w, err := record.Create(record.Config{Dir: dir, MaxSize: 1 << 40, MaxAge: 1000 * time.Hour, Files: files})
	if err != nil {
		b.Fatal(err)
	}
	for range ticks {
		if err := w.Write(h.next(conns / 100)); err != nil {
			b.Fatal(err)
		}
	}
	size := w.Stats().Bytes
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(size)/(1<<20), "MiB")
	var opened, jumped, spent []time.Duration
	for b.Loop() {
		for range 20 {
			from := time.Now()
			r, err := record.Open(dir)
			if err != nil {
				b.Fatal(err)
			}
			opened = append(opened, time.Since(from))
			p := &rewinder{cursor: r.Cursor(), table: func() *table.Table { return replayTable(r, false) }}
			from = time.Now()
			before := processorTime(b)
			err = p.move(began.Add(time.Duration(h.rng.IntN(ticks))*time.Second), 0, func(s *table.Snapshot) {
				for range s.Rows() { // as the screen digests each
				}
			})
			jumped, spent = append(jumped, time.Since(from)), append(spent, processorTime(b)-before)
			p.close()
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	slices.Sort(opened)
	slices.Sort(jumped)
	slices.Sort(spent)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(opened[len(opened)-1]), "open-worst-ms")
	b.ReportMetric(ms(jumped[len(jumped)/2]), "jump-ms")
	b.ReportMetric(ms(jumped[len(jumped)-1]), "jump-worst-ms")
	b.ReportMetric(ms(spent[len(spent)/2]), "jump-cpu-ms")
	b.ReportMetric(ms(spent[len(spent)-1]), "jump-cpu-worst-ms")
}

// processorTime is what all threads have used: on a busy machine the clock says little.
func processorTime(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
