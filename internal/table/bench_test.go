package table_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// filled is a table of n rows after its first tick, and that tick.
func filled(n int) (*table.Table, *conn.Sample) {
	tab, s := table.New(table.Config{}), at(0)
	for i := range uint64(n) {
		s.Conns = append(s.Conns, tcp(i*2654435761%(1<<40)+1, i*2654435761%1e6, 0))
	}
	tab.Apply(s)
	return tab, s
}

// BenchmarkApply is a tick with its snapshot, the one before released as in the
// engine. The rows that move are spread evenly.
func BenchmarkApply(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		for _, percent := range []int{1, 10, 100} {
			b.Run(fmt.Sprintf("rows=%d/moving=%d%%", n, percent), func(b *testing.B) { benchApply(b, n, percent) })
		}
	}
}

func benchApply(b *testing.B, n, percent int) {
	before := heap()
	tab, all := filled(n)
	s := at(0)
	for i := 0; i < n; i += 100 / percent {
		s.Conns = append(s.Conns, all.Conns[i])
	}
	all.Conns = nil
	perRow := (float64(heap()-before) - float64(unsafe.Sizeof(conn.Conn{}))*float64(cap(s.Conns))) / float64(n)
	last := tab.Snapshot()
	b.ReportAllocs()
	for b.Loop() {
		s.Mono += second
		for i := range s.Conns {
			s.Conns[i].RxBytes += 100
		}
		tab.Apply(s)
		next := tab.Snapshot()
		last.Release()
		last = next
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(s.Conns)), "ns/row")
	b.ReportMetric(perRow, "bytes/row")
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkQuery(b *testing.B) {
	tab, _ := filled(100_000)
	snap := tab.Snapshot()
	b.ReportAllocs()
	for b.Loop() {
		if len(snap.Query(nil, byRx, 50)) != 50 {
			b.Fatal("rows are missing")
		}
	}
}

// BenchmarkChurn is a tick in which 10,000 connections came and went, both their ends, and
// left a time-wait socket each, beside the snapshot; what was left three ticks ago goes.
func BenchmarkChurn(b *testing.B) {
	const n = 10_000
	var ticks []*conn.Sample
	cookie := uint64(1)
	var left [4][]conn.ID
	next := func() *conn.Sample {
		s := at(0)
		s.Gone, left[0], left[1], left[2], left[3] = left[0], left[1], left[2], left[3], nil
		for range n {
			for range 2 {
				c := tcp(cookie, 100, 50)
				c.Opened, c.Reason = 1, conn.FinLocal
				s.Closed = append(s.Closed, c)
				cookie++
			}
			w := tcp(cookie-2, 0, 0)
			w.ID.Serial, w.State, w.Has = conn.TimeWaitSerial, conn.TimeWait, conn.HasRaddr
			s.Conns = append(s.Conns, w)
			left[3] = append(left[3], w.ID)
		}
		return s
	}
	for range 16 {
		ticks = append(ticks, next())
	}
	var mono int64
	var took time.Duration
	rows := 0
	b.ReportAllocs()
	for b.Loop() {
		tab, last := table.New(table.Config{}), (*table.Snapshot)(nil)
		for i, s := range ticks {
			mono += second
			s.Mono = mono
			from := cpu()
			tab.Apply(s)
			next := tab.Snapshot()
			if i > 6 {
				took += cpu() - from
				rows += n
			}
			if last != nil {
				last.Release()
			}
			last = next
		}
	}
	b.ReportMetric(float64(took.Nanoseconds())/float64(rows), "cpu-ns/conn")
}

// cpu is the time that all threads have used: on a busy machine the clock says little.
func cpu() time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
