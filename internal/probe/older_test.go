package probe

import (
	"sync/atomic"
	"testing"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

// TestOlderBeyond has more sockets than slots before there is a probe: those that find none are
// counted by the first pass that sees all, and by no later one.
func TestOlderBeyond(t *testing.T) {
	if !kernelIs(t, 6, 1) {
		return
	}
	testkit.Kernel(t)
	const slots, older = 64, 100
	for range older {
		listen(t, "127.0.0.1:0")
	}
	p, err := Open(conn.Config{Interval: bothProtocols.Interval, TCP: true, MaxConns: slots})
	must(t, err)
	defer func() { must(t, p.Close()) }()
	full := func() uint64 { return atomic.LoadUint64(&p.slots.counters.TableFull) }
	must(t, p.files.run(p.slots))
	pass := func() {
		t.Helper()
		_, _, err := p.sockets.run(slots, nil, nil)
		must(t, err)
	}
	pass()
	first := full()
	if first < older-slots {
		t.Errorf("%d sockets found no slot of %d, want %d at least", first, slots, older-slots)
	}
	pass()
	// Others on this machine may begin connections meanwhile.
	if again := full() - first; again >= older-slots {
		t.Errorf("another pass counted %d anew", again)
	}
}
