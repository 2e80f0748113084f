package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

const patience = 30 * time.Second

// live is all that a probe has said so far, by socket cookie. Other traffic of the
// host is in it too: tests ask for the cookies of their own sockets.
type live struct {
	t      testing.TB
	probe  *Probe
	cancel context.CancelFunc
	done   chan struct{}

	mu       sync.Mutex // guards what follows
	last     map[uint64]conn.Conn
	flows    map[flowID]conn.Conn
	closed   map[uint64]conn.Conn
	loss     conn.Loss
	cost     conn.Cost
	programs []conn.Program // as of cost
	faults   []string       // of the newest sample
	faulty   bool           // faults are what the test is about
	ticks    int
	err      error
}

type flowID struct {
	cookie uint64
	rport  uint16
}

var bothProtocols = conn.Config{Interval: 100 * time.Millisecond, TCP: true, UDP: true, MaxConns: 8192, UDPTimeout: 5 * time.Second}

// watch opens a probe of TCP and UDP and keeps what it says until the test ends. On
// a kernel that is known to be too old it requires a refusal and returns nil.
func watch(t testing.TB) *live {
	t.Helper()
	testkit.Kernel(t)
	p, err := Open(bothProtocols)
	if !kernelIs(t, 6, 1) {
		requireRefusal(t, p, err)
		return nil
	}
	if err != nil {
		t.Fatalf("open probe: %v", err)
	}
	hasUDP := kernelIs(t, 6, 12) || kernelIs(t, 6, 1) && runtime.GOARCH == "amd64"
	if missing := strings.Join(p.Missing(), "\n"); hasUDP != (missing == "") || hasUDP == strings.Contains(missing, "UDP") {
		t.Errorf("UDP is measured here: %v; missing: %q", hasUDP, missing)
	}
	return keep(t, p)
}

// kernelIs reports whether the running kernel is at least that new.
func kernelIs(t testing.TB, major, minor int) bool {
	t.Helper()
	var u unix.Utsname
	must(t, unix.Uname(&u))
	var a, b int
	if _, err := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &a, &b); err != nil {
		t.Fatal(err)
	}
	return a > major || a == major && b >= minor
}

func requireRefusal(t testing.TB, p *Probe, err error) {
	t.Helper()
	if err == nil {
		t.Error("this kernel is known to be too old, and the probe opened")
		must(t, p.Close())
		return
	}
	var unsupported *conn.UnsupportedError
	if !errors.As(err, &unsupported) || unsupported.Detail == "" || strings.Contains(err.Error(), "\n") || len(err.Error()) > 200 {
		t.Errorf("refused by %q, detail %q; want an UnsupportedError of one line", err, unsupported)
	}
}

// keep reads p's samples until the test ends.
func keep(t testing.TB, p *Probe) *live { return keepFaulty(t, p, false) }

// keepFaulty is keep where faults may be what the test is about from the first tick on.
func keepFaulty(t testing.TB, p *Probe, faulty bool) *live {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &live{
		t: t, probe: p, cancel: cancel, done: make(chan struct{}),
		last: map[uint64]conn.Conn{}, flows: map[flowID]conn.Conn{}, closed: map[uint64]conn.Conn{}, faulty: faulty,
	}
	go l.run(ctx)
	t.Cleanup(l.stop)
	l.until(func() error {
		if l.ticks == 0 {
			return fmt.Errorf("no tick yet")
		}
		return nil
	})
	return l
}

func (l *live) run(ctx context.Context) {
	defer close(l.done)
	for s, err := range l.probe.Samples(ctx) {
		l.mu.Lock()
		if err != nil {
			l.err = err
			l.mu.Unlock()
			return
		}
		l.take(s)
		l.mu.Unlock()
	}
}

func (l *live) take(s *conn.Sample) {
	for _, c := range s.Conns {
		if c.Proto == conn.UDP {
			l.flows[flowID{c.ID.Cookie, c.Rport}] = c
		} else if c.ID.Serial == 0 { // not what a connection leaves for time-wait
			l.last[c.ID.Cookie] = c
		}
	}
	for _, c := range s.Closed {
		l.closed[c.ID.Cookie] = c
	}
	l.loss, l.faults = s.Loss, slices.Clone(s.Faults)
	l.cost, l.programs = s.Cost, s.Programs
	if len(l.faults) > 0 && !l.faulty {
		l.t.Errorf("tick %d: %q", l.ticks, l.faults)
	}
	l.ticks++
}

func (l *live) stop() {
	l.cancel()
	<-l.done
	if l.err != nil {
		l.t.Errorf("samples: %v", l.err)
	}
	if err := l.probe.Close(); err != nil {
		l.t.Errorf("close probe: %v", err)
	}
	if l.loss != (conn.Loss{Stale: l.loss.Stale, MissedTicks: l.loss.MissedTicks}) {
		l.t.Errorf("something was lost: %+v", l.loss)
	}
}

// until waits for cond, which looks at what is known while nobody changes it.
func (l *live) until(cond func() error) {
	l.t.Helper()
	testkit.Eventually(l.t, patience, func() error {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.err != nil {
			return l.err
		}
		return cond()
	})
}

// end is one end of a loopback connection, or a UDP socket.
type end struct {
	syscall.Conn
	cookie uint64
	port   uint16
}

func endOf(t testing.TB, c syscall.Conn, local net.Addr) end {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var cookie uint64
	if cerr := raw.Control(func(fd uintptr) {
		cookie, err = unix.GetsockoptUint64(int(fd), unix.SOL_SOCKET, unix.SO_COOKIE)
	}); cerr != nil || err != nil {
		t.Fatal(cerr, err)
	}
	at, err := netip.ParseAddrPort(local.String())
	if err != nil {
		t.Fatal(err)
	}
	return end{c, cookie, at.Port()}
}

// pair is a connection over loopback, of which both ends are in this process.
type pair struct {
	t                testing.TB
	client, server   *net.TCPConn
	out, in          end
	toServer, toBack uint64 // bytes written so far
}

func connect(t testing.TB, l *net.TCPListener) *pair {
	t.Helper()
	c, err := net.DialTCP("tcp", nil, l.Addr().(*net.TCPAddr))
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = c.Close(), s.Close() })
	return &pair{t: t, client: c, server: s, out: endOf(t, c, c.LocalAddr()), in: endOf(t, s, s.LocalAddr())}
}

func listen(t testing.TB, addr string) *net.TCPListener {
	t.Helper()
	var plain net.ListenConfig
	plain.SetMultipathTCP(false) // Go's default, whose cookie is not that of the TCP socket within
	l, err := plain.Listen(context.Background(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.(*net.TCPListener)
}

// say moves n bytes to the server and m back.
func (p *pair) say(n, m int) {
	p.t.Helper()
	transfer(p.t, p.client, p.server, n)
	transfer(p.t, p.server, p.client, m)
	p.toServer += uint64(n)
	p.toBack += uint64(m)
}

func transfer(t testing.TB, from, to net.Conn, n int) {
	t.Helper()
	wrote := make(chan error, 1)
	go func() {
		_, err := from.Write(make([]byte, n))
		wrote <- err
	}()
	if _, err := io.CopyN(io.Discard, to, int64(n)); err != nil {
		t.Fatal(err)
	}
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
}

// agree compares a row with one end of p.
func (p *pair) agree(c conn.Conn, out bool) error {
	tx, rx, me, peer, dir := p.toServer, p.toBack, p.out, p.in, conn.Out
	if !out {
		tx, rx, me, peer, dir = p.toBack, p.toServer, p.in, p.out, conn.In
	}
	switch {
	case c.ID.Cookie != me.cookie:
		return fmt.Errorf("no row of cookie %x", me.cookie)
	case c.TxBytes != tx || c.RxBytes != rx:
		return fmt.Errorf("tx %d rx %d, want %d and %d: %+v", c.TxBytes, c.RxBytes, tx, rx, c)
	case c.Lport != me.port || c.Rport != peer.port || !c.Laddr.Netip().IsLoopback() || !c.Raddr.Netip().IsLoopback():
		return fmt.Errorf("%v:%d to %v:%d, want ports %d and %d", c.Laddr.Netip(), c.Lport, c.Raddr.Netip(), c.Rport, me.port, peer.port)
	case c.Dir != dir:
		return fmt.Errorf("dir %v, want %v", c.Dir, dir)
	case int(c.Owner.PID) != os.Getpid() || c.Owner.Comm != leader() || c.Owner.Start == 0:
		return fmt.Errorf("owner %+v, want %d %v", c.Owner, os.Getpid(), leader())
	case c.NetNS == 0 || c.UID != uint32(os.Getuid()) || c.MSS == 0 || c.CC == conn.Name{} || c.RTT == 0 || c.TxPackets == 0:
		return fmt.Errorf("something is missing: %+v", c)
	}
	return nil
}

// leader is the name of this process.
func leader() conn.Name {
	comm, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		panic(err)
	}
	return conn.MakeName(strings.TrimSpace(string(comm)))
}

// established waits for the rows of both ends of p.
func (l *live) established(p *pair) {
	l.t.Helper()
	l.until(func() error {
		for _, out := range []bool{true, false} {
			c := l.last[p.cookie(out)]
			if err := p.agree(c, out); err != nil {
				return err
			}
			if c.State != conn.Established {
				return fmt.Errorf("state %v", c.State)
			}
		}
		return nil
	})
}

// ended waits for the last rows of both ends of p.
func (l *live) ended(p *pair, out, in conn.CloseReason) {
	l.t.Helper()
	l.until(func() error {
		for _, side := range []bool{true, false} {
			c, want := l.closed[p.cookie(side)], in
			if side {
				want = out
			}
			if err := p.agree(c, side); err != nil {
				return err
			}
			if c.Reason != want {
				return fmt.Errorf("closed by %v, want %v", c.Reason, want)
			}
		}
		return nil
	})
}

func (p *pair) cookie(out bool) uint64 {
	if out {
		return p.out.cookie
	}
	return p.in.cookie
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}
