package diag

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/procfs"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

// rounds is how many ticks an iteration has; the median of all is printed.
const rounds = 11

// BenchmarkTick is one tick over standing sockets: dump, decode, compare, and of the
// moved ones also the copy into the sample.
func BenchmarkTick(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("sockets=%d", n), func(b *testing.B) {
			testkit.Root(b)
			load := testkit.Start(b, testkit.NetNS(b), "idle", "-n", fmt.Sprint(n/2), "-touch")
			load.Ready()
			s := open(b)
			for _, percent := range []int{0, 100} {
				b.Run(fmt.Sprintf("moving=%d%%", percent), func(b *testing.B) { ticks(b, s, load, n, percent) })
			}
			load.Finish()
		})
	}
}

// open returns a sampler that has taken stock.
func open(b *testing.B) *sampler {
	d, err := Open(conn.Config{Interval: time.Second, TCP: true, Host: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := d.Close(); err != nil {
			b.Error(err)
		}
	})
	s := &sampler{Diag: d, spaces: newSpaces()}
	if err := s.take(); err != nil {
		b.Fatal(err)
	}
	return s
}

func ticks(b *testing.B, s *sampler, load *testkit.Workload, n, percent int) {
	b.ReportAllocs()
	var laps, busy []time.Duration
	moved := 0
	for b.Loop() {
		for range rounds {
			b.StopTimer()
			if percent > 0 {
				load.Tell(fmt.Sprint("touch ", float64(percent)/100))
			}
			b.StartTimer()
			start := time.Now()
			cost := costOf(func() {
				if err := s.take(); err != nil {
					b.Fatal(err)
				}
			})
			laps, busy = append(laps, time.Since(start)), append(busy, time.Duration(cost))
			moved = len(s.out.Conns)
		}
	}
	b.ReportMetric(median(laps), "ns/op")
	b.ReportMetric(median(laps)/float64(n), "ns/socket")
	b.ReportMetric(median(busy)/float64(n), "cpu-ns/socket") // where the machine is shared
	b.ReportMetric(float64(moved), "moved")
}

func median(laps []time.Duration) float64 {
	slices.Sort(laps)
	return float64(laps[len(laps)/2])
}

// BenchmarkHolders looks through all processes' files for a socket that nobody holds:
// as we do, and as the library does.
func BenchmarkHolders(b *testing.B) {
	testkit.Root(b)
	load := testkit.Start(b, testkit.NetNS(b), "idle", "-n", "5000")
	load.Ready()
	b.Run("links", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			eachHolder(func(inode uint32) bool { return inode == 0 }, func(uint32, conn.Owner) {})
		}
	})
	b.Run("procfs", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			everyTarget(b)
		}
	})
	load.Finish()
}

func everyTarget(b *testing.B) {
	all, err := procfs.AllProcs()
	if err != nil {
		b.Fatal(err)
	}
	for _, p := range all {
		targets, _ := p.FileDescriptorTargets()
		for _, target := range targets {
			if inode, ok := socketInode([]byte(target)); ok && inode == 0 {
				b.Fatal("inode 0")
			}
		}
	}
}

// BenchmarkFirst is from Open to the first sample.
func BenchmarkFirst(b *testing.B) {
	testkit.Root(b)
	load := testkit.Start(b, testkit.NetNS(b), "idle", "-n", "5000", "-touch")
	load.Ready()
	for b.Loop() {
		d, err := Open(conn.Config{Interval: time.Second, TCP: true, UDP: true})
		if err != nil {
			b.Fatal(err)
		}
		for _, err := range d.Samples(context.Background()) {
			if err != nil {
				b.Fatal(err)
			}
			break
		}
		if err := d.Close(); err != nil {
			b.Fatal(err)
		}
	}
	load.Finish()
}
