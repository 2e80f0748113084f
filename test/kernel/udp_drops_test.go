package kernel

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
	"tcptop/internal/table"
	"tcptop/internal/testkit"
)

// socketMemory is what SO_MEMINFO says of a socket: index as in enum of
// include/uapi/linux/sock_diag.h.
type socketMemory [9]uint32

func (e *udpEnd) memory() (m socketMemory) {
	e.t.Helper()
	size := uint32(unsafe.Sizeof(m))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(e.fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&m)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		e.t.Fatalf("SO_MEMINFO: %v", errno)
	}
	return m
}

// TestUDPDrops has a reader that sleeps: its socket gets a row of its own with what
// waits, what it has room for and what it dropped, though nobody has read or sent by it.
func TestUDPDrops(t *testing.T) {
	for _, c := range []struct{ connected, before bool }{{false, true}, {true, true}, {false, false}} {
		t.Run(fmt.Sprintf("connected=%v/before=%v", c.connected, c.before), func(t *testing.T) {
			ns := testkit.NetNS(t)
			var w *watcher
			if !c.before {
				w = watchUDP(t, conn.Config{}) // a later pass over open files finds it
			}
			ends := openUDPs(t, ns, 2)
			sleeper, sender := ends[0], ends[1]
			must(t, unix.SetsockoptInt(sleeper.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 8<<10))
			if c.connected {
				must(t, sleeper.connect(sender.addr))
			}
			if c.before {
				w = watchUDP(t, conn.Config{})
			}
			id := idOf(t, sleeper)
			for range 100 {
				must(t, sender.send(sleeper.addr, 500))
			}
			asKernel := func(s *seen) error {
				r, m := s.live[id], sleeper.memory()
				got := []uint32{r.RecvQueue, r.RecvBuffer, r.Drops}
				if want := []uint32{m[0], m[1], m[8]}; fmt.Sprint(got) != fmt.Sprint(want) || m[8] == 0 ||
					r.Owner.PID != ownPID() || (r.Has&conn.HasRaddr != 0) != c.connected {
					return fmt.Errorf("row %+v; the kernel has %v", r, want)
				}
				return nil
			}
			w.until(patience, asKernel)
			n, err := sleeper.drain()
			if must(t, err); uint32(n)+sleeper.memory()[8] != 100 {
				t.Fatalf("%d read and %d dropped of 100", n, sleeper.memory()[8])
			}
			w.until(patience, asKernel)
			must(t, unix.Close(sleeper.fd))
			w.until(patience, func(s *seen) error {
				for _, r := range s.closed {
					if r.ID == id && r.Event == conn.EventClose && r.Drops == uint32(100-n) {
						return nil
					}
				}
				return errors.New("the socket's row has not ended")
			})
		})
	}
}

func idOf(t *testing.T, e *udpEnd) conn.ID {
	t.Helper()
	cookie, err := unix.GetsockoptUint64(e.fd, unix.SOL_SOCKET, unix.SO_COOKIE)
	must(t, err)
	return conn.ID{Cookie: cookie}
}

// TestUDPSendErrors sends to where there is no route, and to a port that nobody has.
func TestUDPSendErrors(t *testing.T) {
	ns := testkit.NetNS(t)
	w := watchUDP(t, conn.Config{})
	ends := openUDPs(t, ns, 3)
	away := netip.MustParseAddrPort("203.0.113.1:53")
	for range 7 {
		if err := ends[0].send(away, 10); !errors.Is(err, unix.ENETUNREACH) {
			t.Fatalf("send without a route: %v", err)
		}
	}
	nobody := netip.AddrPortFrom(loopback, 9)
	must(t, ends[1].connect(nobody))
	for range 3 { // ICMP's answer to the first fails the next (ip_icmp_error)
		must(t, ends[1].write(nobody, 4))
		if _, err := unix.Write(ends[1].fd, make([]byte, 4)); !errors.Is(err, unix.ECONNREFUSED) {
			t.Fatalf("send to a closed port: %v", err)
		}
	}
	must(t, ends[2].send(ends[0].addr, 4))
	w.until(patience, func(s *seen) error {
		for _, want := range []struct {
			e      *udpEnd
			to     netip.AddrPort
			errors uint32
			errno  unix.Errno
			sent   uint64
		}{{ends[0], away, 7, unix.ENETUNREACH, 0}, {ends[1], nobody, 3, unix.ECONNREFUSED, 3}, {ends[2], ends[0].addr, 0, 0, 1}} {
			r, err := rowTo(s, want.e, want.to)
			if err != nil {
				return err
			}
			if r.SendErrors != want.errors || r.Errno != conn.Errno(want.errno) || r.TxPackets != want.sent || r.Owner.PID != ownPID() {
				return fmt.Errorf("%d sends failed, the last with %d, %d went; the truth is %+v", r.SendErrors, r.Errno, r.TxPackets, want)
			}
		}
		return nil
	})
}

// rowTo is the row of one flow.
func rowTo(s *seen, e *udpEnd, to netip.AddrPort) (table.Row, error) {
	by, err := flows(s.live)
	if err != nil {
		return table.Row{}, err
	}
	r, ok := by[flow{e.cookie, to}]
	if !ok {
		return r, fmt.Errorf("no row of the flow to %v", to)
	}
	return r, nil
}
