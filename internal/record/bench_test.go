package record

import (
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
)

// quick are files that nobody waits for.
func quick() Files {
	f := System()
	create := f.Create
	f.Create = func(path string) (File, error) {
		file, err := create(path)
		return unsynced{file}, err
	}
	f.Sync = func(string) error { return nil }
	return f
}

type unsynced struct{ File }

func (unsynced) Sync() error { return nil }

// busy is a host with n connections.
func busy(n int) *host {
	h := newHost(1)
	for range n {
		h.conns = append(h.conns, h.open())
	}
	return h
}

// settled writes all connections once and returns the writer.
func settled(b *testing.B, h *host) *Writer {
	cfg := config(b)
	cfg.Files = quick()
	w, err := Create(cfg)
	must(b, err)
	b.Cleanup(func() { must(b, w.Close()) })
	s := &conn.Sample{Time: start, Mono: h.now(), Host: "testhost", Conns: h.conns}
	must(b, w.Write(s))
	h.tick++
	return w
}

// BenchmarkActive records 1,000 connections that all move in every tick.
func BenchmarkActive(b *testing.B) {
	const n = 1000
	h := busy(n)
	w := settled(b, h)
	before := w.Stats().Bytes
	took, ticks := time.Duration(0), 0
	for b.Loop() {
		b.StopTimer()
		s := h.sample(0, 1000, 0)
		b.StartTimer()
		from := cpu()
		must(b, w.Write(s))
		took += cpu() - from
		ticks++
	}
	b.ReportMetric(float64(w.Stats().Bytes-before)/float64(ticks)/n, "B/conn/tick")
	b.ReportMetric(100*took.Seconds()/float64(ticks), "%core@1s")
}

// BenchmarkMany records 100,000 connections of which one in a hundred moves, with what
// the recorder holds in memory.
func BenchmarkMany(b *testing.B) {
	const n = 100_000
	h := busy(n)
	rng := rand.New(rand.NewPCG(1, 1))
	next := func() *conn.Sample {
		s := &conn.Sample{Time: start.Add(time.Duration(h.tick * second)), Mono: h.now(), Host: "testhost"}
		for range n / 100 {
			c := &h.conns[rng.IntN(n)]
			h.move(c)
			s.Conns = append(s.Conns, *c)
		}
		h.tick++
		return s
	}
	idle := heap()
	w := settled(b, h)
	before := w.Stats().Bytes
	took, ticks := time.Duration(0), 0
	for b.Loop() {
		b.StopTimer()
		s := next()
		b.StartTimer()
		from := cpu()
		must(b, w.Write(s))
		took += cpu() - from
		ticks++
	}
	b.ReportMetric(float64(heap()-idle)/(1<<20), "MiB")
	b.ReportMetric(float64(w.Stats().Bytes-before)/float64(ticks), "B/tick")
	b.ReportMetric(100*took.Seconds()/float64(ticks), "%core@1s")
	runtime.KeepAlive(h)
}

// cpu is the time that all threads have used: on a busy machine the clock says little.
func cpu() time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// heap is what lives on it.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// recording writes n ticks of h into a directory.
func recording(b *testing.B, h *host, n, moves int) string {
	cfg := config(b)
	cfg.Files = quick()
	w, err := Create(cfg)
	must(b, err)
	for range n {
		must(b, w.Write(h.sample(0, moves, 0)))
	}
	must(b, w.Close())
	return cfg.Dir
}

// BenchmarkDecode replays 1,000 connections that all move.
func BenchmarkDecode(b *testing.B) {
	const n, ticks = 1000, 200
	dir := recording(b, busy(n), ticks, 1000)
	r, err := Open(dir)
	must(b, err)
	rows, from := 0, cpu()
	for b.Loop() {
		c := r.Cursor()
		for {
			s, err := c.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			must(b, err)
			rows += len(s.Conns)
		}
		c.Close()
	}
	b.ReportMetric(float64(rows)/(cpu()-from).Seconds(), "rows/s/core")
}

// BenchmarkGo opens a day's recording and goes to a tick of it, any.
func BenchmarkGo(b *testing.B) {
	const ticks = 86_400
	dir := recording(b, busy(200), ticks, 500)
	rng := rand.New(rand.NewPCG(1, 1))
	worst := time.Duration(0)
	for b.Loop() {
		from := time.Now()
		r, err := Open(dir)
		must(b, err)
		c := r.Cursor()
		must(b, c.Go(start.Add(time.Duration(rng.IntN(ticks))*time.Second), func(*conn.Sample) {}))
		c.Close()
		worst = max(worst, time.Since(from))
	}
	b.ReportMetric(float64(worst.Microseconds())/1000, "worst-ms")
}
