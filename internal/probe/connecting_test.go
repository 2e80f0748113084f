package probe

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

// TestStillToCome has a slot whose socket is closed though it connects, as it is for a
// moment: the hook that makes the slot runs before the state is stored.
func TestStillToCome(t *testing.T) {
	if !kernelIs(t, 6, 1) {
		return
	}
	testkit.Kernel(t)
	p, err := Open(conn.Config{Interval: bothProtocols.Interval, TCP: true, MaxConns: 8192})
	must(t, err)
	l := keep(t, p)
	c := connect(t, listen(t, "127.0.0.1:0"))
	l.established(c)
	slot := slotOf(t, p, c.out.cookie)
	hot, row := &p.slots.hot[slot], &p.slots.slots[slot]
	disconnect(t, c.client)
	phaseIs := func(want uint32) {
		t.Helper()
		l.until(func() error {
			if got := atomic.LoadUint32(&hot.Phase); got != want {
				return fmt.Errorf("the slot is in phase %d, not %d", got, want)
			}
			return nil
		})
	}
	phaseIs(phaseDone)
	atomic.StoreUint64(&row.StartNs, uint64(monotonic()+int64(time.Hour)))
	row.State = uint8(conn.SynSent)
	atomic.StoreUint32(&hot.Phase, phaseOpen)
	began := 0
	l.until(func() error {
		if began == 0 {
			began = l.ticks
		}
		if l.ticks < began+5 {
			return errors.New("five ticks have not gone by")
		}
		return nil
	})
	phaseIs(phaseOpen)
	atomic.StoreUint64(&row.StartNs, uint64(monotonic()-int64(time.Minute)))
	phaseIs(phaseDone) // nothing was stored: an end that no hook told
}

// disconnect has a connection end while its socket goes on (tcp_disconnect).
func disconnect(t *testing.T, c *net.TCPConn) {
	t.Helper()
	raw, err := c.SyscallConn()
	must(t, err)
	var failed error
	must(t, raw.Control(func(fd uintptr) {
		to := unix.RawSockaddr{Family: unix.AF_UNSPEC}
		if _, _, errno := unix.Syscall(unix.SYS_CONNECT, fd, uintptr(unsafe.Pointer(&to)), unsafe.Sizeof(to)); errno != 0 {
			failed = errno
		}
	}))
	must(t, failed)
}
