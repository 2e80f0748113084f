package probe

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"tcptop/internal/conn"
	"tcptop/internal/table"
	"tcptop/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// rounds is how many ticks an iteration has; the median of all is printed.
const rounds = 11

// quiet is a little longer than a sweep goes on copying a socket after its last
// segment (SETTLE_US).
const quiet = 30 * time.Millisecond

var (
	sockets = []int{1_000, 10_000, 100_000}
	moving  = []int{0, 10, 100}
)

// stopwatch is the laps of one phase, of which the median counts: the machine is shared.
type stopwatch []time.Duration

func (w *stopwatch) time(f func()) {
	start := time.Now()
	f()
	*w = append(*w, time.Since(start))
}

func (w *stopwatch) median() float64 {
	slices.Sort(*w)
	return float64((*w)[len(*w)/2])
}

func ms(w stopwatch) float64 { return w.median() / 1e6 }

// standing holds n established sockets that move on command.
func standing(b *testing.B, n int) *testkit.Workload {
	testkit.Kernel(b)
	load := testkit.Start(b, testkit.NetNS(b), "idle", "-n", fmt.Sprint(n/2), "-touch")
	load.Ready()
	return load
}

func open(b *testing.B, n int) *Probe {
	p, err := Open(conn.Config{Interval: time.Second, TCP: true, MaxConns: n + n/4 + 4096, Host: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := p.Close(); err != nil {
			b.Error(err)
		}
	})
	return p
}

// BenchmarkSweep is one tick over standing sockets of which some moved: the sweep
// in the kernel, decoding, and the table, apart.
func BenchmarkSweep(b *testing.B) {
	for _, n := range sockets {
		b.Run(fmt.Sprintf("sockets=%d", n), func(b *testing.B) {
			load := standing(b, n)
			t := newTicker(b, n)
			for _, percent := range moving {
				b.Run(fmt.Sprintf("moving=%d%%", percent), func(b *testing.B) { t.bench(b, load, percent) })
			}
			load.Finish()
		})
	}
}

// ticker is a probe and a table that have taken stock.
type ticker struct {
	probe  *Probe
	table  *table.Table
	last   *table.Snapshot
	sample conn.Sample
	n      int

	still, sweep, decode, apply stopwatch
	moved                       int
}

func newTicker(b *testing.B, n int) *ticker {
	t := &ticker{probe: open(b, n), table: table.New(table.Config{}), n: n}
	if err := t.probe.files.run(t.probe.slots); err != nil {
		b.Fatal(err)
	}
	t.tick(b) // names every row once
	return t
}

func (t *ticker) bench(b *testing.B, load *testkit.Workload, percent int) {
	t.still, t.sweep, t.decode, t.apply, t.moved = nil, nil, nil, nil, 0
	for b.Loop() {
		for range rounds {
			t.round(b, load, percent)
		}
	}
	t.report(b)
}

func (t *ticker) round(b *testing.B, load *testkit.Workload, percent int) {
	t.settle(b)
	if percent > 0 {
		load.Tell(fmt.Sprint("touch ", float64(percent)/100))
		time.Sleep(quiet)
	}
	t.tick(b)
}

// settle sweeps until nothing has to be looked at twice, and notes how long that takes then.
func (t *ticker) settle(b *testing.B) {
	time.Sleep(quiet)
	t.mustSweep(b)
	t.still.time(func() { t.mustSweep(b) })
}

func (t *ticker) mustSweep(b *testing.B) []uint32 {
	changed, err := t.probe.slots.sweep()
	if err != nil {
		b.Fatal(err)
	}
	return changed
}

func (t *ticker) tick(b *testing.B) {
	var changed []uint32
	t.sweep.time(func() { changed = t.mustSweep(b) })
	t.decode.time(func() { t.read(changed) })
	t.sample.Mono = monotonic()
	t.apply.time(func() {
		t.table.Apply(&t.sample)
		next := t.table.Snapshot()
		if t.last != nil {
			t.last.Release()
		}
		t.last = next
	})
	t.moved = len(changed)
}

// read fills the sample as the sampler does, into the slice of the tick before.
func (t *ticker) read(changed []uint32) {
	t.sample.Conns = t.sample.Conns[:0]
	for _, slot := range changed {
		t.sample.Conns = append(t.sample.Conns, conn.Conn{})
		if !t.probe.slots.read(slot, &t.sample.Conns[len(t.sample.Conns)-1]) {
			t.sample.Conns = t.sample.Conns[:len(t.sample.Conns)-1]
		}
	}
}

func (t *ticker) report(b *testing.B) {
	still, sweep := t.still.median(), t.sweep.median()
	b.ReportMetric(sweep+t.decode.median()+t.apply.median(), "ns/op")
	b.ReportMetric(sweep/1e6, "sweep-ms")
	b.ReportMetric(still/float64(t.n), "ns/slot")
	b.ReportMetric(ms(t.apply), "apply-ms")
	b.ReportMetric(float64(t.moved), "moved")
	if t.moved >= t.n/20 {
		b.ReportMetric((sweep-still)/float64(t.moved), "ns/moved")
		b.ReportMetric(t.decode.median()/float64(t.moved), "decode-ns/row")
		b.ReportMetric(t.apply.median()/float64(t.moved), "apply-ns/row")
	}
}
