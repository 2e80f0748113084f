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

// churn are ticks of n connections each that came and went over loopback since the tick before:
// both their ends, and what the end that closed first leaves behind for time-wait, which goes in
// the tick after the next.
func churn(n int) func() *conn.Sample {
	h := newHost(1)
	var left [2][]conn.ID
	return func() *conn.Sample {
		s := &conn.Sample{Time: start.Add(time.Duration(h.tick * second)), Mono: h.now(), Host: "testhost", Gone: left[0]}
		left[0], left[1] = left[1], nil
		for i := range n {
			opened := h.now() - second + int64(i)*(second/int64(n))
			out := conn.Conn{
				ID: conn.ID{Cookie: h.cookie + 1}, Proto: conn.TCP, State: conn.FinWait2, Dir: conn.Out, Reason: conn.FinLocal,
				Has:   conn.HasBytes | conn.HasPackets | conn.HasPath | conn.HasQueues | conn.HasUID | conn.HasRaddr | conn.HasCgroup | conn.HasSettings | conn.HasRcvWnd,
				Lport: uint16(32768 + h.rng.IntN(28000)), Rport: 443, NetNS: 4026531840, Cgroup: 4321, Ifindex: 1,
				Owner:   conn.Owner{PID: 1000, Start: 5000, Comm: conn.MakeName("load"), Source: conn.OwnerConnect},
				TxBytes: 100, RxBytes: 50, TxPackets: 5, RxPackets: 4, MSS: 32768, Cwnd: 10, Ssthresh: 1<<31 - 1, CC: conn.MakeName("cubic"),
				SndWnd: 65536, RcvWnd: 65536, RTT: uint32(15 + h.rng.IntN(20)), RTTVar: uint32(7 + h.rng.IntN(10)), MinRTT: uint32(5 + h.rng.IntN(10)),
				ConnectTime: uint32(10 + h.rng.IntN(10)), PacingRate: uint64(h.rng.IntN(1 << 36)), DeliveryRate: uint64(h.rng.IntN(1 << 32)), Busy: uint64(h.rng.IntN(30)),
				Opened: opened, Sampled: opened + 40_000 + int64(h.rng.IntN(20_000)), LastActive: opened + 40_000 + int64(h.rng.IntN(20_000)),
				Place: h.places[0], Process: h.processes[0], Remote: h.remotes[0],
			}
			out.Laddr, out.Raddr = conn.Addr{10: 0xff, 11: 0xff, 12: 127, 15: 1}, conn.Addr{10: 0xff, 11: 0xff, 12: 127, 13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)}
			in := out
			in.ID.Cookie, in.Dir, in.State, in.Reason, in.Owner.Source, in.AcceptTime, in.ConnectTime = h.cookie+2, conn.In, conn.LastAck, conn.FinRemote, conn.OwnerAccept, uint32(h.rng.IntN(20)), 0
			in.Laddr, in.Raddr, in.Lport, in.Rport = out.Raddr, out.Laddr, out.Rport, out.Lport
			in.RxBytes, in.TxBytes, in.RxPackets, in.TxPackets, in.Remote = 100, 50, 5, 4, nil
			wait := conn.Conn{
				ID: conn.ID{Cookie: out.ID.Cookie, Serial: conn.TimeWaitSerial}, Proto: conn.TCP, State: conn.TimeWait, Dir: conn.Out, Has: conn.HasRaddr | conn.HasUID | conn.HasCgroup,
				Laddr: out.Laddr, Raddr: out.Raddr, Lport: out.Lport, Rport: out.Rport, NetNS: out.NetNS, Cgroup: out.Cgroup, Owner: out.Owner, Place: out.Place, Process: out.Process, Remote: out.Remote,
			}
			h.cookie += 2
			s.Closed, s.Conns = append(s.Closed, out, in), append(s.Conns, wait)
			left[1] = append(left[1], wait.ID)
		}
		h.tick++
		return s
	}
}

// BenchmarkChurn keeps the past of a host on which 10,000 connections a second come and go.
func BenchmarkChurn(b *testing.B) {
	const n, ticks = 10_000, 8
	next := churn(n)
	var samples []*conn.Sample
	for range ticks + 2 {
		samples = append(samples, next())
	}
	took, rows, bytes := time.Duration(0), 0, 0
	for b.Loop() {
		k, err := NewHistory(HistoryConfig{MaxAge: time.Hour, MaxBytes: 1 << 30})
		must(b, err)
		k.Add(samples[0])
		k.Add(samples[1])
		before, from := k.Bytes(), cpu()
		for _, s := range samples[2:] {
			k.Add(s)
		}
		took += cpu() - from
		rows += ticks * n
		bytes += k.Bytes() - before
	}
	b.ReportMetric(float64(took.Nanoseconds())/float64(rows), "cpu-ns/conn")
	b.ReportMetric(float64(bytes)/float64(rows), "B/conn")
}
