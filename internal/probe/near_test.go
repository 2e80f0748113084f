package probe

import (
	"net"
	"runtime"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

// TestNear fills the table, gives slots back on one CPU and wants them on another: what a
// CPU keeps for its next connections is nobody's own where there is no other slot.
func TestNear(t *testing.T) {
	if !kernelIs(t, 6, 1) {
		return
	}
	testkit.Kernel(t)
	p, err := Open(conn.Config{Interval: bothProtocols.Interval, TCP: true, MaxConns: 64})
	must(t, err)
	defer func() { must(t, p.Close()) }()
	full := func() uint64 { return atomic.LoadUint64(&p.slots.counters.TableFull) }
	first, last := cpus(t)

	var held []*net.TCPListener
	on(t, first, func() {
		for full() == 0 && len(held) <= 64 {
			held = append(held, listen(t, "127.0.0.1:0"))
		}
		if full() == 0 {
			t.Errorf("%d listeners are in a table of 64", len(held))
			return
		}
		for _, l := range held[:6] {
			must(t, l.Close())
		}
	})
	before := full()
	on(t, last, func() {
		for range 4 { // the host may take the others
			listen(t, "127.0.0.1:0")
		}
	})
	if n := full() - before; n != 0 {
		t.Errorf("%d of 4 listeners found none of the 6 slots that were given back", n)
	}
}

// cpus are the first and the last that this process may run on.
func cpus(t *testing.T) (first, last int) {
	var may unix.CPUSet
	must(t, unix.SchedGetaffinity(0, &may))
	first = -1
	for cpu := range 1024 {
		if may.IsSet(cpu) {
			last = cpu
			if first < 0 {
				first = cpu
			}
		}
	}
	return first, last
}

// on does something on one CPU, in a thread that ends with it.
func on(t *testing.T, cpu int, do func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		var only unix.CPUSet
		only.Set(cpu)
		err := unix.SchedSetaffinity(0, &only)
		defer func() { done <- err }()
		if err == nil {
			do()
		}
	}()
	must(t, <-done)
}
