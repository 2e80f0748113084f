package kernel

import (
	"errors"
	"fmt"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

// socket is a blocking TCP socket over IPv4 of this process. What it waits for
// happens within patience, or the test fails.
type socket struct {
	t      testing.TB
	fd     int
	closed bool
}

func newSocket(t testing.TB, ns *testkit.NS) *socket {
	t.Helper()
	s := &socket{t: t, fd: -1}
	var err error
	ns.Do(func() { s.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0) })
	s.must("socket", err)
	s.must("reuse address", unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
	return s.tame()
}

// tame closes the socket with the test and bounds its reads and accepts. Connect has
// no limit: with one, the runtime's signals would interrupt it (signal(7)).
func (s *socket) tame() *socket {
	s.t.Helper()
	s.t.Cleanup(s.close)
	limit := unix.NsecToTimeval(int64(patience))
	s.must("limit", unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit))
	return s
}

// listen returns a listener on 127.0.0.1; port 0 is any.
func listen(t testing.TB, ns *testkit.NS, port uint16, backlog int) *socket {
	t.Helper()
	s := newSocket(t, ns)
	s.bind(port)
	s.must("listen", unix.Listen(s.fd, backlog))
	return s
}

// dial returns a connection from a port of 127.0.0.1, 0 being any.
func dial(t testing.TB, ns *testkit.NS, from uint16, to *socket) *socket {
	t.Helper()
	s := newSocket(t, ns)
	if from != 0 {
		s.bind(from)
	}
	s.connect(to.port())
	return s
}

func (s *socket) bind(port uint16) {
	s.t.Helper()
	s.must("bind", unix.Bind(s.fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: int(port)}))
}

func (s *socket) connect(port uint16) {
	s.t.Helper()
	s.must("connect", s.tryConnect(port))
}

func (s *socket) tryConnect(port uint16) error {
	return unix.Connect(s.fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: int(port)})
}

// disconnect resets the connection; the socket may connect again.
func (s *socket) disconnect() {
	s.t.Helper()
	unspec := unix.RawSockaddr{Family: unix.AF_UNSPEC}
	_, _, errno := unix.Syscall(unix.SYS_CONNECT, uintptr(s.fd), uintptr(unsafe.Pointer(&unspec)), unsafe.Sizeof(unspec))
	if errno != 0 {
		s.t.Fatalf("disconnect: %v", errno)
	}
}

func (s *socket) accept() *socket {
	s.t.Helper()
	fd, err := again(func() (int, error) {
		fd, _, err := unix.Accept4(s.fd, unix.SOCK_CLOEXEC)
		return fd, err
	})
	s.must("accept", err)
	return (&socket{t: s.t, fd: fd}).tame()
}

// again repeats a call that a signal interrupted.
func again(call func() (int, error)) (n int, err error) {
	for {
		if n, err = call(); !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// pass sends n bytes to the other end, which reads them.
func (s *socket) pass(to *socket, n int) {
	s.t.Helper()
	s.send(n)
	to.receive(n)
}

func (s *socket) send(n int) {
	s.t.Helper()
	k, err := unix.Write(s.fd, make([]byte, n))
	s.must("write", err)
	if k != n {
		s.t.Fatalf("write took %d of %d bytes", k, n)
	}
}

func (s *socket) receive(n int) {
	s.t.Helper()
	for got := 0; got < n; {
		k, err := again(func() (int, error) { return unix.Read(s.fd, make([]byte, n-got)) })
		s.must("read", err)
		if k == 0 {
			s.t.Fatalf("the connection ended after %d of %d bytes", got, n)
		}
		got += k
	}
}

// drain waits until the peer's kernel has all that was sent.
func (s *socket) drain() { s.t.Helper(); s.await(unix.SIOCOUTQ, 0) }

// queue waits until n bytes wait to be read.
func (s *socket) queue(n int) { s.t.Helper(); s.await(unix.SIOCINQ, n) }

func (s *socket) await(ioctl uint, want int) {
	s.t.Helper()
	testkit.Eventually(s.t, patience, func() error {
		if n, err := unix.IoctlGetInt(s.fd, ioctl); n != want || err != nil {
			return fmt.Errorf("%d bytes queued, not %d: %w", n, want, err)
		}
		return nil
	})
}

// abort closes with a reset.
func (s *socket) abort() {
	s.t.Helper()
	s.must("linger", unix.SetsockoptLinger(s.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}))
	s.close()
}

func (s *socket) close() {
	if !s.closed {
		s.closed = true
		if err := unix.Close(s.fd); err != nil {
			s.t.Errorf("close: %v", err)
		}
	}
}

func (s *socket) port() uint16 {
	s.t.Helper()
	sa, err := unix.Getsockname(s.fd)
	s.must("local address", err)
	return uint16(sa.(*unix.SockaddrInet4).Port)
}

// cookie asks for the socket's name; only then, so that counting does not depend on it.
func (s *socket) cookie() uint64 {
	s.t.Helper()
	c, err := unix.GetsockoptUint64(s.fd, unix.SOL_SOCKET, unix.SO_COOKIE)
	s.must("cookie", err)
	return c
}

func (s *socket) id() conn.ID { return conn.ID{Cookie: s.cookie()} }

func (s *socket) must(what string, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("%s: %v", what, err)
	}
}
