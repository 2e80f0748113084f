package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

// wait is between which bounds a connection waited to be accepted.
type wait struct {
	from, to         time.Time // before connect and after accept
	arrived, fetched time.Time // after connect and before accept
}

func (x *wait) check(us uint32) error {
	least, most := x.fetched.Sub(x.arrived), x.to.Sub(x.from)
	if got := time.Duration(us) * time.Microsecond; got < least-time.Microsecond || got > most {
		return fmt.Errorf("a wait of %v; it was from %v to %v", got, least, most)
	}
	return nil
}

// TestAcceptWait lets connections wait for known times: each row tells its own, and the
// listener's how many were accepted and how they are distributed.
func TestAcceptWait(t *testing.T) {
	ns := testkit.NetNS(t)
	w := watch(t, conn.Config{TCP: true})
	l := listen(t, ns, 0, 64)
	id := l.id()
	waits := map[conn.ID]wait{}
	var ends []wait
	knock := func(n int) {
		for range n {
			x := wait{from: time.Now()}
			dial(t, ns, 0, l)
			x.arrived = time.Now()
			ends = append(ends, x)
		}
	}
	fetch := func() {
		for _, x := range ends { // in the order that they came
			x.fetched = time.Now()
			s := l.accept()
			x.to = time.Now()
			waits[s.id()] = x
		}
		ends = nil
	}
	knock(10)
	fetch()
	knock(20)
	from := w.ticks()
	w.until(patience, func(s *seen) error {
		if s.ticks < from+4 {
			return fmt.Errorf("%d ticks yet", s.ticks-from)
		}
		return nil
	})
	fetch()
	w.until(patience, func(s *seen) error {
		for id, x := range waits {
			r := s.live[id]
			if err := x.check(r.AcceptTime); err != nil || r.Owner.PID != ownPID() {
				return fmt.Errorf("%v of pid %d: %w", id, r.Owner.PID, err)
			}
		}
		r := s.live[id]
		var all []time.Duration
		for _, x := range waits {
			all = append(all, x.to.Sub(x.from))
		}
		slices.Sort(all)
		if r.Accepts != 30 || r.Backlog != 0 || r.AcceptP50 == 0 {
			return fmt.Errorf("the listener accepted %d, %d wait, the median is %d µs", r.Accepts, r.Backlog, r.AcceptP50)
		}
		return nil
	})
	// The newest tick's: those that waited, unless it fell between their accepts.
	r := w.stop().last[id]
	for _, us := range []uint32{r.AcceptP50, r.AcceptP99} {
		if got := time.Duration(us) * time.Microsecond; got < 3*tick*7/8 || got > patience {
			t.Errorf("median or 99th percentile %v, they waited %v at least", got, 3*tick)
		}
	}
}

// TestReusePort spreads connections over listeners that share a port: each row has
// exactly those that its own socket accepted.
func TestReusePort(t *testing.T) {
	ns := testkit.NetNS(t)
	reuse := func(port uint16) *socket {
		s := newSocket(t, ns)
		s.must("reuse port", unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
		s.bind(port)
		s.must("listen", unix.Listen(s.fd, 64))
		return s
	}
	older := reuse(0)
	w := watch(t, conn.Config{TCP: true})
	listeners := []*socket{older, reuse(older.port()), reuse(older.port())}
	for range 60 {
		dial(t, ns, 0, older)
	}
	accepted := map[conn.ID]uint64{}
	for _, l := range listeners {
		l.must("non-blocking", unix.SetNonblock(l.fd, true))
		for {
			fd, _, err := unix.Accept4(l.fd, unix.SOCK_CLOEXEC)
			if errors.Is(err, unix.EAGAIN) {
				break
			}
			l.must("accept", err)
			(&socket{t: t, fd: fd}).tame()
			accepted[l.id()]++
		}
	}
	w.until(patience, func(s *seen) error {
		var sum uint64
		for _, l := range listeners {
			if r := s.live[l.id()]; r.Accepts != accepted[l.id()] || r.Owner.PID != ownPID() {
				return fmt.Errorf("%v accepted %d, not %d", r.ID, r.Accepts, accepted[l.id()])
			}
			sum += accepted[l.id()]
		}
		if sum != 60 {
			return fmt.Errorf("%d of 60 accepted", sum)
		}
		return nil
	})
}

// TestListenerOverflow lets a server stop accepting: the row is full, and what it
// dropped is what the namespace's statistics have.
func TestListenerOverflow(t *testing.T) {
	ns := testkit.NetNS(t)
	inhabit(t, ns)
	w := watch(t, conn.Config{TCP: true})
	l := listen(t, ns, 0, 4)
	id := l.id()
	w.known(id)
	for range 5 {
		dial(t, ns, 0, l)
	}
	for range 3 {
		s := newSocket(t, ns)
		s.must("non-blocking", unix.SetNonblock(s.fd, true))
		if err := s.tryConnect(l.port()); !errors.Is(err, unix.EINPROGRESS) {
			t.Fatalf("connect: %v", err)
		}
	}
	w.until(patience, func(s *seen) error {
		r := s.live[id]
		stats := netstats(t, ns)
		if !r.Full() || r.Drops < 3 || r.ListenDrops < 3 || r.ListenOverflows < 3 || uint64(r.Drops) != stats["ListenDrops"] ||
			uint64(r.ListenDrops) != stats["ListenDrops"] || uint64(r.ListenOverflows) != stats["ListenOverflows"] {
			return fmt.Errorf("full %v, %d dropped; in the namespace %d dropped, %d overflowed: it says %d and %d", r.Full(), r.Drops,
				r.ListenDrops, r.ListenOverflows, stats["ListenDrops"], stats["ListenOverflows"])
		}
		return nil
	})
	for range 5 {
		l.accept()
	}
	w.until(patience, func(s *seen) error {
		if r := s.live[id]; r.Full() || r.Accepts < 5 {
			return fmt.Errorf("full %v, %d accepted", r.Full(), r.Accepts)
		}
		return nil
	})
}

// inhabit keeps a process in a namespace, by which tcptop finds its statistics. Before
// the first tick, that is at once; later in the next pass, for which a slow machine waits long.
func inhabit(t *testing.T, ns *testkit.NS) {
	t.Helper()
	testkit.Tools(t, "bash")
	stays := ns.Command("bash", "-c", "read -r")
	in, err := stays.StdinPipe()
	if err == nil {
		err = stays.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = stays.Wait() // read's exit code says that there was no line
	})
}

// known waits until the statistics of a listener's namespace have been read once.
func (w *watcher) known(id conn.ID) {
	w.t.Helper()
	w.until(patience, func(s *seen) error {
		if r := s.live[id]; r.Has&conn.HasListens == 0 {
			return fmt.Errorf("no statistics of the namespace of %v yet", id)
		}
		return nil
	})
}

// TestSYNFlood sends SYNs that nobody will go on with: up to the backlog's limit they
// wait, the others are answered by cookies, and without cookies dropped.
func TestSYNFlood(t *testing.T) {
	ns := testkit.NetNS(t)
	inhabit(t, ns)
	w := watch(t, conn.Config{TCP: true})
	p := &pair{t: t, ns: ns, l: listen(t, ns, 0, 8)}
	p.sysctl("tcp_syncookies", "1")
	ns.Nft("table inet mute {\n chain out {\n type filter hook output priority 0\n tcp flags & rst == rst drop\n }\n}")
	id := p.l.id()
	w.known(id)
	flooded := func(drops uint32) {
		t.Helper()
		w.until(patience, func(s *seen) error {
			r := s.live[id]
			stats := netstats(t, ns)
			// The queue takes as many as the limit says, or one more (inet_csk_reqsk_queue_is_full).
			if r.SYNQueue < 8 || r.SYNQueue > 9 || !r.SYNFlood || r.CookiesSent+r.SYNQueue != 50 || r.Drops != drops ||
				uint64(r.CookiesSent) != stats["SyncookiesSent"] || uint64(r.Drops) != stats["ListenDrops"] {
				return fmt.Errorf("%d in handshake, flooded %v, %d cookies, %d dropped; the namespace has %d and %d", r.SYNQueue, r.SYNFlood,
					r.CookiesSent, r.Drops, stats["SyncookiesSent"], stats["ListenDrops"])
			}
			return nil
		})
	}
	syns(t, ns, p.l.port(), 1, 50)
	flooded(0)
	p.sysctl("tcp_syncookies", "0")
	syns(t, ns, p.l.port(), 51, 10)
	flooded(10)
}

// syns sends n SYNs from ports from on.
func syns(t *testing.T, ns *testkit.NS, to uint16, from, n int) {
	t.Helper()
	fd := -1
	var err error
	ns.Do(func() { fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP) })
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	for port := from; port < from+n; port++ {
		b := make([]byte, 20) // RFC 9293, 3.1
		binary.BigEndian.PutUint16(b, uint16(port))
		binary.BigEndian.PutUint16(b[2:], to)
		b[12], b[13] = 5<<4, 2
		binary.BigEndian.PutUint16(b[14:], 1024)
		binary.BigEndian.PutUint16(b[16:], tcpChecksum(b))
		if err := unix.Sendto(fd, b, 0, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
			t.Fatal(err)
		}
	}
}

// tcpChecksum is of a segment from 127.0.0.1 to 127.0.0.1 without options.
func tcpChecksum(b []byte) uint16 {
	sum := uint32(2*0x7f00+2*1) + unix.IPPROTO_TCP + uint32(len(b))
	for i := 0; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

// netstats are the namespace's TcpExt counters, as nstat(8) reads them.
func netstats(t *testing.T, ns *testkit.NS) map[string]uint64 {
	t.Helper()
	var text []byte
	var err error
	ns.Do(func() { text, err = os.ReadFile("/proc/thread-self/net/netstat") })
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		rest, ok := strings.CutPrefix(line, "TcpExt:")
		if !ok {
			continue
		}
		if names == nil {
			names = strings.Fields(rest)
			continue
		}
		stats := map[string]uint64{}
		for i, f := range strings.Fields(rest) {
			stats[names[i]] = number(t, f)
		}
		return stats
	}
	t.Fatalf("no TcpExt in %q", text)
	return nil
}
