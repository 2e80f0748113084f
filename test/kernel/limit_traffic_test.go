package kernel

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

// transfer is a connection of which a scenario drives both sides.
type transfer struct {
	t                testing.TB
	sender, receiver *net.TCPConn
	done             sync.WaitGroup
}

// tuning is what a scenario sets before its connection opens; zero leaves the default.
type tuning struct {
	sndbuf, rcvbuf int
	segments       bool // what the socket gives to the device is single segments
	cc             string
}

// joinAt connects a socket of one namespace to one at addr of another.
func joinAt(t testing.TB, from, to *testkit.NS, addr string, tune tuning) *transfer {
	t.Helper()
	e := &transfer{t: t}
	var l *net.TCPListener
	var err error
	to.Do(func() { l, err = net.ListenTCP("tcp4", &net.TCPAddr{IP: net.ParseIP(addr)}) })
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	defer l.Close()
	if tune.rcvbuf > 0 { // inherited by what it accepts
		set(t, l, unix.SOL_SOCKET, unix.SO_RCVBUF, tune.rcvbuf)
	}
	from.Do(func() { e.sender, err = net.DialTCP("tcp4", nil, l.Addr().(*net.TCPAddr)) })
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	if e.receiver, err = l.AcceptTCP(); err != nil {
		t.Fatalf("accept: %v", err)
	}
	if tune.sndbuf > 0 {
		set(t, e.sender, unix.SOL_SOCKET, unix.SO_SNDBUF, tune.sndbuf)
	}
	if tune.cc != "" {
		control(t, e.sender, func(fd int) error { return unix.SetsockoptString(fd, unix.SOL_TCP, unix.TCP_CONGESTION, tune.cc) })
	}
	t.Cleanup(func() {
		for _, c := range []*net.TCPConn{e.sender, e.receiver} {
			if err := errors.Join(c.SetLinger(0), c.Close()); err != nil {
				t.Errorf("close: %v", err)
			}
		}
		e.done.Wait()
	})
	return e
}

func set(t testing.TB, c interface {
	File() (*os.File, error)
}, level, opt, value int) {
	t.Helper()
	f, err := c.File()
	if err == nil {
		err = errors.Join(unix.SetsockoptInt(int(f.Fd()), level, opt, value), f.Close())
	}
	if err != nil {
		t.Fatalf("socket option %d: %v", opt, err)
	}
}

func control(t testing.TB, c *net.TCPConn, f func(fd int) error) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err == nil {
		err = errors.Join(err, raw.Control(func(fd uintptr) { err = f(int(fd)) }), err)
	}
	if err != nil {
		t.Fatalf("socket option: %v", err)
	}
}

func cookieOf(t testing.TB, c *net.TCPConn) (id conn.ID) {
	t.Helper()
	control(t, c, func(fd int) (err error) {
		id.Cookie, err = unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_COOKIE)
		return err
	})
	return id
}

// run goes on until the connection is closed.
func (e *transfer) run(f func() error) {
	e.done.Go(func() {
		for {
			if err := f(); err != nil {
				if !errors.Is(err, net.ErrClosed) && !errors.Is(err, unix.ECONNRESET) && !errors.Is(err, io.EOF) &&
					!errors.Is(err, unix.EPIPE) {
					e.t.Errorf("traffic: %v", err)
				}
				return
			}
		}
	})
}

// send writes n bytes at a time, each pause; none is as fast as they are taken.
func (e *transfer) send(c *net.TCPConn, n int, pause time.Duration) {
	data := make([]byte, n)
	e.run(func() error {
		if pause > 0 {
			<-time.After(pause)
		}
		_, err := c.Write(data)
		return err
	})
}

// read reads n bytes at a time, each pause.
func (e *transfer) read(c *net.TCPConn, n int, pause time.Duration) {
	data := make([]byte, n)
	e.run(func() error {
		if pause > 0 {
			<-time.After(pause)
		}
		_, err := c.Read(data)
		return err
	})
}

// answer sends as much as it has read, n bytes at a time.
func (e *transfer) answer(c *net.TCPConn, n int) {
	data := make([]byte, n)
	e.run(func() error {
		if _, err := io.ReadFull(c, data); err != nil {
			return err
		}
		_, err := c.Write(data)
		return err
	})
}
