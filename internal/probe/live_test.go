package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
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

	mu     sync.Mutex // guards what follows
	last   map[uint64]conn.Conn
	flows  map[flowID]conn.Conn
	closed map[uint64]conn.Conn
	loss   conn.Loss
	ticks  int
	err    error
}

type flowID struct {
	cookie uint64
	rport  uint16
}

var bothProtocols = Config{Interval: 100 * time.Millisecond, TCP: true, UDP: true, MaxConns: 8192, UDPTimeout: 5 * time.Second}

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
	var unsupported *UnsupportedError
	if !errors.As(err, &unsupported) || unsupported.Detail == "" || strings.Contains(err.Error(), "\n") || len(err.Error()) > 200 {
		t.Errorf("refused by %q, detail %q; want an UnsupportedError of one line", err, unsupported)
	}
}

// keep reads p's samples until the test ends.
func keep(t testing.TB, p *Probe) *live {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &live{
		t: t, probe: p, cancel: cancel, done: make(chan struct{}),
		last: map[uint64]conn.Conn{}, flows: map[flowID]conn.Conn{}, closed: map[uint64]conn.Conn{},
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
	l.loss = s.Loss
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

// TestLiveTCP is what any kernel must do that is said to be supported: the truth of
// connections within this process, which needs no other program.
func TestLiveTCP(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(addr, func(t *testing.T) {
			server := listen(t, addr)
			older := connect(t, server)
			older.say(3000, 70000)
			l := watch(t)
			if l == nil {
				return
			}
			l.established(older)
			young := connect(t, server)
			young.say(12345, 1<<20)
			l.established(young)
			older.say(1, 2)
			l.established(older)
			l.until(func() error { return listening(l, endOf(t, server, server.Addr())) })
			l.closes(older, young)
			l.short(server)
			l.refused(addr)
		})
	}
}

func listening(l *live, at end) error {
	c := l.last[at.cookie]
	if c.State != conn.Listen || c.Lport != at.port || c.BacklogMax == 0 || int(c.Owner.PID) != os.Getpid() {
		return fmt.Errorf("listener: %+v", c)
	}
	return nil
}

// closes ends one connection in order and resets the other.
func (l *live) closes(a, b *pair) {
	must(l.t, a.client.Close())
	if _, err := a.server.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		l.t.Fatal(err)
	}
	must(l.t, a.server.Close())
	l.ended(a, conn.FinLocal, conn.FinRemote)
	must(l.t, b.client.SetLinger(0), b.client.Close())
	if _, err := b.server.Read(make([]byte, 1)); err == nil {
		l.t.Fatal("read from a connection that was reset")
	}
	l.ended(b, conn.ResetLocal, conn.ResetRemote)
}

// short are connections that live between two ticks.
func (l *live) short(server *net.TCPListener) {
	var pairs []*pair
	for i := range 50 {
		p := connect(l.t, server)
		p.say(100+i, 1000+i)
		must(l.t, p.server.Close())
		if _, err := p.client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			l.t.Fatal(err)
		}
		must(l.t, p.client.Close())
		pairs = append(pairs, p)
	}
	for _, p := range pairs {
		l.ended(p, conn.FinRemote, conn.FinLocal)
	}
}

// refused is a connection that nobody listens for.
func (l *live) refused(addr string) {
	gone := listen(l.t, addr)
	at := endOf(l.t, gone, gone.Addr())
	must(l.t, gone.Close())
	if _, err := net.DialTCP("tcp", nil, gone.Addr().(*net.TCPAddr)); !errors.Is(err, unix.ECONNREFUSED) {
		l.t.Fatal(err)
	}
	l.until(func() error {
		for _, c := range l.closed {
			if c.Rport == at.port && c.Reason == conn.Refused && c.State == conn.SynSent && int(c.Owner.PID) == os.Getpid() {
				return nil
			}
		}
		return fmt.Errorf("no row of the connection to port %d", at.port)
	})
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// TestLiveUDP has flows of known bytes and datagrams: connected and not, a reader
// that asks who sent and one that does not.
func TestLiveUDP(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(addr, func(t *testing.T) {
			l := watch(t)
			if l == nil || !l.probe.cfg.UDP {
				return
			}
			server, err := net.ListenPacket("udp", addr)
			must(t, err)
			defer server.Close()
			client, err := net.Dial("udp", server.LocalAddr().String())
			must(t, err)
			defer client.Close()
			buf := make([]byte, 4096)
			for i := range 10 {
				_, err := client.Write(buf[:1000+i])
				must(t, err)
				if i%2 == 0 {
					_, from, err := server.ReadFrom(buf)
					must(t, err)
					_, err = server.WriteTo(buf[:7], from)
					must(t, err)
					_, err = client.Read(buf)
					must(t, err)
					continue
				}
				_, err = server.(*net.UDPConn).Read(buf) // does not ask
				must(t, err)
			}
			a, b := endOf(t, client.(*net.UDPConn), client.LocalAddr()), endOf(t, server.(*net.UDPConn), server.LocalAddr())
			l.until(func() error {
				return errors.Join(flowIs(l.flows[flowID{a.cookie, b.port}], conn.Out, 10045, 10, 35, 5),
					flowIs(l.flows[flowID{b.cookie, a.port}], conn.In, 35, 5, 10045, 10))
			})
		})
	}
}

// TestLiveUDPThreads has threads that preempt each other in the midst of hooks: what
// the kernel keeps from these then, it counts.
func TestLiveUDPThreads(t *testing.T) {
	const threads, each = 8, 5000
	l := watch(t)
	if l == nil || !l.probe.cfg.UDP {
		return
	}
	server, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(t, err)
	defer server.Close()
	var all sync.WaitGroup
	var ends []end
	for range threads {
		client, err := net.DialUDP("udp", nil, server.LocalAddr().(*net.UDPAddr))
		must(t, err)
		defer client.Close()
		ends = append(ends, endOf(t, client, client.LocalAddr()))
		all.Go(func() {
			runtime.LockOSThread()
			for range each {
				if _, err := client.Write(make([]byte, 100)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	to := endOf(t, server, server.LocalAddr()).port
	l.until(func() error {
		var counted uint64
		for _, e := range ends {
			counted += l.flows[flowID{e.cookie, to}].TxPackets
		}
		skipped, err := l.probe.Skipped()
		must(t, err)
		none := !kernelIs(t, 7, 0) && l.probe.udpTier == udpTiers[0].name
		if counted > threads*each || counted+skipped < threads*each || none && skipped > 0 {
			return fmt.Errorf("counted %d, skipped %d of %d", counted, skipped, threads*each)
		}
		return nil
	})
}

// TestLiveUDPFile sends a file: its pages take another way than what is written.
func TestLiveUDPFile(t *testing.T) {
	l := watch(t)
	if l == nil || !l.probe.cfg.UDP {
		return
	}
	server, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(t, err)
	defer server.Close()
	client, err := net.DialUDP("udp", nil, server.LocalAddr().(*net.UDPAddr))
	must(t, err)
	defer client.Close()
	file, err := os.Create(filepath.Join(t.TempDir(), "pages"))
	must(t, err, file.Truncate(3000))
	defer file.Close()
	raw, err := client.SyscallConn()
	must(t, err)
	for range 3 {
		var start int64
		var n int
		must(t, raw.Control(func(fd uintptr) { n, err = unix.Sendfile(int(fd), int(file.Fd()), &start, 3000) }), err)
		if got, _, err := server.ReadFrom(make([]byte, 4096)); err != nil || got != n || n != 3000 {
			t.Fatalf("sent %d, received %d: %v", n, got, err)
		}
	}
	a, b := endOf(t, client, client.LocalAddr()), endOf(t, server, server.LocalAddr())
	l.until(func() error {
		return errors.Join(flowIs(l.flows[flowID{a.cookie, b.port}], conn.Out, 9000, 3, 0, 0),
			flowIs(l.flows[flowID{b.cookie, a.port}], conn.In, 0, 0, 9000, 3))
	})
}

// TestLiveUDPSegmented is a connected socket whose very first send is segmented.
func TestLiveUDPSegmented(t *testing.T) {
	l := watch(t)
	if l == nil || !l.probe.cfg.UDP {
		return
	}
	server, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(t, err)
	defer server.Close()
	client, err := net.DialUDP("udp", nil, server.LocalAddr().(*net.UDPAddr))
	must(t, err)
	defer client.Close()
	raw, err := client.SyscallConn()
	must(t, err)
	must(t, raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_SEGMENT, 100) }), err)
	buf := make([]byte, 4096)
	_, err = client.Write(buf[:1050])
	must(t, err)
	for range 11 {
		_, _, err := server.ReadFrom(buf)
		must(t, err)
	}
	a, b := endOf(t, client, client.LocalAddr()), endOf(t, server, server.LocalAddr())
	l.until(func() error {
		return errors.Join(flowIs(l.flows[flowID{a.cookie, b.port}], conn.Out, 1050, 11, 0, 0),
			flowIs(l.flows[flowID{b.cookie, a.port}], conn.In, 0, 0, 1050, 11))
	})
}

func flowIs(c conn.Conn, dir conn.Dir, tx, txPackets, rx, rxPackets uint64) error {
	if c.TxBytes != tx || c.TxPackets != txPackets || c.RxBytes != rx || c.RxPackets != rxPackets || c.Dir != dir {
		return fmt.Errorf("%v tx %d in %d, rx %d in %d; want %v tx %d in %d, rx %d in %d", c.Dir,
			c.TxBytes, c.TxPackets, c.RxBytes, c.RxPackets, dir, tx, txPackets, rx, rxPackets)
	}
	if int(c.Owner.PID) != os.Getpid() || !c.Raddr.Netip().IsLoopback() || c.Partial {
		return fmt.Errorf("flow %+v", c)
	}
	return nil
}
