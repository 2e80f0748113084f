package probe

import (
	"fmt"
	"testing"
	"time"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

// BenchmarkOwners is a pass over all open files: of many processes, each with a socket
// of its own and 99 other files. busy is the processor time of a pass that nobody waits
// for, in percent of a core: what repeated ones cost.
func BenchmarkOwners(b *testing.B) {
	testkit.Kernel(b)
	for _, procs := range []int{100, 1000, 10000} {
		b.Run(fmt.Sprintf("processes=%d/files=100", procs), func(b *testing.B) {
			load := testkit.Start(b, testkit.NetNS(b), "crowd", "-procs", fmt.Sprint(procs))
			load.Ready()
			benchOwners(b, procs)
			load.Finish()
		})
	}
}

func benchOwners(b *testing.B, procs int) {
	p, err := Open(conn.Config{TCP: true, MaxConns: 65536})
	if err != nil {
		b.Fatal(err)
	}
	var wall, cpu stopwatch
	var pause int64
	for b.Loop() {
		wall.time(func() {
			var spent int64
			spent, err = costOf(func() error { return p.files.run(p.slots) })
			cpu = append(cpu, time.Duration(spent))
		})
		if err != nil {
			b.Fatal(err)
		}
		pause = p.files.nextCheck - monotonic()
	}
	owned := 0
	for i := range p.slots.slots {
		if p.slots.owned(uint32(i)) && p.slots.slots[i].Holders == 1 {
			owned++
		}
	}
	if owned < procs {
		b.Errorf("%d of %d sockets have an owner", owned, procs)
	}
	b.ReportMetric(ms(wall), "ms/pass")
	b.ReportMetric(ms(cpu), "cpu-ms/pass")
	b.ReportMetric(cpu.median()/float64(100*procs), "cpu-ns/file")
	b.ReportMetric(float64(pause)/1e9, "pause-s")
	b.ReportMetric(100*cpu.median()/(float64(pause)+wall.median()), "busy-%")
	if err := p.Close(); err != nil {
		b.Error(err)
	}
}
