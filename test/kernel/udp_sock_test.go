package kernel

import (
	"fmt"
	"net/netip"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tcptop/internal/testkit"
)

var loopback = netip.MustParseAddr("127.0.0.1")

// moved is what a flow carried.
type moved struct{ TxBytes, TxPackets, RxBytes, RxPackets uint64 }

// udpEnd is a UDP socket of this process in a namespace, with the truth about
// each of its flows. It may be used by several threads.
type udpEnd struct {
	t      testing.TB
	fd     int
	addr   netip.AddrPort
	cookie string
	mu     sync.Mutex // guards truth
	truth  map[netip.AddrPort]moved
}

// openUDP binds a blocking socket, whose reads give up after a while.
func openUDP(t testing.TB, ns *testkit.NS) *udpEnd {
	t.Helper()
	e := &udpEnd{t: t, truth: map[netip.AddrPort]moved{}}
	var err error
	ns.Do(func() { err = e.open() })
	if err != nil {
		t.Fatalf("UDP socket: %v", err)
	}
	t.Cleanup(func() { _ = unix.Close(e.fd) })
	return e
}

func openUDPs(t testing.TB, ns *testkit.NS, n int) []*udpEnd {
	ends := make([]*udpEnd, n)
	for i := range ends {
		ends[i] = openUDP(t, ns)
	}
	return ends
}

func (e *udpEnd) open() (err error) {
	if e.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return err
	}
	wait := unix.NsecToTimeval(int64(5 * time.Second))
	if err := unix.SetsockoptTimeval(e.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(e.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 4<<20); err != nil {
		return err
	}
	if err := unix.Bind(e.fd, &unix.SockaddrInet4{Addr: loopback.As4()}); err != nil {
		return err
	}
	at, err := unix.Getsockname(e.fd)
	if err != nil {
		return err
	}
	e.addr = fromSockaddr(at)
	cookie, err := unix.GetsockoptUint64(e.fd, unix.SOL_SOCKET, unix.SO_COOKIE)
	e.cookie = strconv.FormatUint(cookie, 16)
	return err
}

func fromSockaddr(sa unix.Sockaddr) netip.AddrPort {
	in, ok := sa.(*unix.SockaddrInet4)
	if !ok {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(netip.AddrFrom4(in.Addr), uint16(in.Port))
}

func sockaddr(to netip.AddrPort) unix.Sockaddr {
	return &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())}
}

func (e *udpEnd) note(remote netip.AddrPort, m moved) {
	e.mu.Lock()
	defer e.mu.Unlock()
	was := e.truth[remote]
	e.truth[remote] = moved{was.TxBytes + m.TxBytes, was.TxPackets + m.TxPackets, was.RxBytes + m.RxBytes, was.RxPackets + m.RxPackets}
}

// send sends one datagram of n bytes with an address.
func (e *udpEnd) send(to netip.AddrPort, n int) error {
	if err := unix.Sendto(e.fd, make([]byte, n), 0, sockaddr(to)); err != nil {
		return fmt.Errorf("sendto %v: %w", to, err)
	}
	e.note(to, moved{TxBytes: uint64(n), TxPackets: 1})
	return nil
}

// write sends one datagram of n bytes on a socket connected to a remote.
func (e *udpEnd) write(to netip.AddrPort, n int) error {
	if _, err := unix.Write(e.fd, make([]byte, n)); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	e.note(to, moved{TxBytes: uint64(n), TxPackets: 1})
	return nil
}

// read reads one datagram.
func (e *udpEnd) read(flags int) error {
	buf := make([]byte, 1<<16)
	n, from, err := unix.Recvfrom(e.fd, buf, flags)
	if err != nil {
		return fmt.Errorf("recvfrom: %w", err)
	}
	e.note(fromSockaddr(from), moved{RxBytes: uint64(n), RxPackets: 1})
	return nil
}

// drain reads all that is queued and returns how many datagrams it was.
func (e *udpEnd) drain() (n int, err error) {
	for {
		switch err := e.read(unix.MSG_DONTWAIT); {
		case err == nil:
			n++
		case isAgain(err):
			return n, nil
		default:
			return n, err
		}
	}
}

func (e *udpEnd) connect(to netip.AddrPort) error { return unix.Connect(e.fd, sockaddr(to)) }

// disconnect makes it an unconnected socket again, at the same address: a port that
// the kernel chose is given up (__udp_disconnect).
func (e *udpEnd) disconnect() error {
	unspecified := unix.RawSockaddrInet4{Family: unix.AF_UNSPEC}
	if err := connectRaw(e.fd, &unspecified); err != nil {
		return err
	}
	if at, err := unix.Getsockname(e.fd); err != nil || fromSockaddr(at) == e.addr {
		return err
	}
	return unix.Bind(e.fd, sockaddr(e.addr))
}
