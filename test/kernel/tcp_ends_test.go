package kernel

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
	"tcptop/internal/table"
	"tcptop/internal/testkit"
)

// fate is how one end of a connection ended.
type fate struct {
	event   conn.Event
	reason  conn.CloseReason
	detail  conn.CloseDetail
	errno   conn.Errno
	retries uint32 // of the SYN; of a connection that failed
}

func closes(reason conn.CloseReason, detail conn.CloseDetail, errno unix.Errno) fate {
	return fate{event: conn.EventClose, reason: reason, detail: detail, errno: conn.Errno(errno)}
}

func fails(reason conn.CloseReason, detail conn.CloseDetail, errno unix.Errno, retries uint32) fate {
	return fate{conn.EventFail, reason, detail, conn.Errno(errno), retries}
}

func resetRemote() fate { return closes(conn.ResetRemote, 0, unix.ECONNRESET) }

// leftBehind is the end of who closes when the other end is gone.
func leftBehind() fate { return closes(conn.FinLocal, conn.AfterClose, unix.ECONNRESET) }

// ending makes one connection end, or one that never began.
type ending struct {
	name string
	make func(p *pair)
	want map[conn.Dir]fate
}

// pair is a listener and the two ends of its only connection.
type pair struct {
	t              *testing.T
	ns             *testkit.NS
	l              *socket
	client, server *socket
	told           func(*socket, unix.Errno) // waits for the end and takes the socket's error, which it requires
}

// open connects the two.
func (p *pair) open() (client, server *socket) {
	p.client = dial(p.t, p.ns, 0, p.l)
	p.server = p.l.accept()
	return p.client, p.server
}

// fails lets a connect to port run into the error that it should.
func (p *pair) fails(port uint16, want unix.Errno) {
	p.t.Helper()
	s := newSocket(p.t, p.ns)
	if err := s.tryConnect(port); !errors.Is(err, want) {
		p.t.Errorf("connect: %v, want %v", err, want)
	}
}

// begin starts a connect to port and doesn't wait.
func (p *pair) begin(port uint16) *socket {
	p.t.Helper()
	s := newSocket(p.t, p.ns)
	s.must("non-blocking", unix.SetNonblock(s.fd, true))
	if err := s.tryConnect(port); !errors.Is(err, unix.EINPROGRESS) {
		p.t.Errorf("connect: %v", err)
	}
	return s
}

// lose drops every packet from now on.
func (p *pair) lose() {
	p.ns.Nft("table inet gone {\n chain in {\n type filter hook input priority 0; drop\n }\n}")
}

// heal lets packets through again.
func (p *pair) heal() { p.ns.Nft("flush ruleset") }

// reject answers what is sent to the listener's port as a firewall does.
func (p *pair) reject(with string) {
	p.ns.Nft(fmt.Sprintf("table inet wall {\n chain in {\n type filter hook input priority 0\n tcp dport %d reject with %s\n }\n}", p.l.port(), with))
}

func (p *pair) sysctl(name, value string) {
	p.t.Helper()
	var err error
	p.ns.Do(func() { err = os.WriteFile("/proc/sys/net/ipv4/"+name, []byte(value), 0o644) })
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		p.t.Fatalf("%s: %v", name, err)
	}
}

// reaches waits until the connection is in a state.
func (s *socket) reaches(want conn.State) {
	s.t.Helper()
	testkit.Eventually(s.t, patience, func() error {
		info, err := unix.GetsockoptTCPInfo(s.fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil && conn.State(info.State) != want {
			err = fmt.Errorf("in %v, not %v", conn.State(info.State), want)
		}
		return err
	})
}

// dead waits until the kernel has given the connection up.
func (s *socket) dead(want unix.Errno) {
	s.t.Helper()
	s.reaches(conn.Closed)
	got, err := unix.GetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	s.must("socket error", err)
	if unix.Errno(got) != want {
		s.t.Errorf("the socket has %v, want %v", unix.Errno(got), want)
	}
}

func (s *socket) set(option, value int) {
	s.t.Helper()
	s.must("socket option", unix.SetsockoptInt(s.fd, unix.IPPROTO_TCP, option, value))
}

// TestEnds makes every end that a connection can have.
func TestEnds(t *testing.T) {
	reset := resetRemote()
	makeEnds(t, (*socket).dead, append(endsWithError(), []ending{
		{"client closes first", func(p *pair) {
			c, s := p.open()
			c.close()
			s.close()
		}, map[conn.Dir]fate{conn.Out: closes(conn.FinLocal, 0, 0), conn.In: closes(conn.FinRemote, 0, 0)}},
		{"server closes first", func(p *pair) {
			c, s := p.open()
			s.close()
			c.close()
		}, map[conn.Dir]fate{conn.Out: closes(conn.FinRemote, 0, 0), conn.In: closes(conn.FinLocal, 0, 0)}},
		{"closed with data unread", func(p *pair) {
			c, s := p.open()
			c.send(6)
			s.queue(6)
			s.close()
		}, map[conn.Dir]fate{conn.Out: reset, conn.In: closes(conn.ResetLocal, conn.Unread, 0)}},
		{"closed with data unread after its own FIN", func(p *pair) {
			c, s := p.open()
			s.must("shutdown", unix.Shutdown(s.fd, unix.SHUT_WR))
			c.send(6)
			s.queue(6)
			s.close()
		}, map[conn.Dir]fate{conn.Out: closes(conn.ResetRemote, 0, unix.EPIPE), conn.In: closes(conn.ResetLocal, conn.Unread, 0)}},
		{"aborted", func(p *pair) {
			c, _ := p.open()
			c.abort()
		}, map[conn.Dir]fate{conn.Out: closes(conn.ResetLocal, conn.Linger, 0), conn.In: reset}},
		{"disconnected", func(p *pair) {
			c, _ := p.open()
			c.disconnect()
		}, map[conn.Dir]fate{conn.Out: closes(conn.ResetLocal, conn.Disconnect, 0), conn.In: reset}},
		{"never accepted", func(p *pair) {
			p.client = dial(p.t, p.ns, 0, p.l)
			p.l.close()
		}, map[conn.Dir]fate{conn.Out: reset, conn.In: closes(conn.ResetLocal, conn.Unaccepted, 0)}},
		{"refused", func(p *pair) { p.fails(9, unix.ECONNREFUSED) },
			map[conn.Dir]fate{conn.Out: fails(conn.Refused, 0, unix.ECONNREFUSED, 0)}},
		{"refused by a firewall", func(p *pair) {
			p.reject("tcp reset")
			p.fails(p.l.port(), unix.ECONNREFUSED)
		}, map[conn.Dir]fate{conn.Out: fails(conn.Refused, 0, unix.ECONNREFUSED, 0)}},
		{"unreachable", func(p *pair) {
			p.reject("icmpx type host-unreachable") // the first answer comes while connect() has the socket locked
			p.fails(p.l.port(), unix.EHOSTUNREACH)
		}, map[conn.Dir]fate{conn.Out: fails(conn.Unreachable, 0, unix.EHOSTUNREACH, 1)}},
		{"SYNs unanswered", func(p *pair) {
			p.sysctl("tcp_syn_retries", "1")
			p.sysctl("tcp_syn_linear_timeouts", "0") // 6.5
			p.lose()
			p.fails(p.l.port(), unix.ETIMEDOUT)
		}, map[conn.Dir]fate{conn.Out: fails(conn.Timeout, 0, unix.ETIMEDOUT, 1)}},
		{"given up", func(p *pair) {
			p.lose()
			p.begin(p.l.port()).close()
		}, map[conn.Dir]fate{conn.Out: fails(conn.Aborted, 0, 0, 0)}},
		{"no local port", func(p *pair) {
			p.sysctl("ip_local_port_range", "30000 30000")
			hold := newSocket(p.t, p.ns)
			hold.bind(30000)
			p.fails(p.l.port(), unix.EADDRNOTAVAIL)
		}, map[conn.Dir]fate{conn.Out: fails(conn.Aborted, conn.NoPort, unix.EADDRNOTAVAIL, 0)}},
	}...))
}

// makeEnds makes each end, told by its program's way to ask for the socket's error.
func makeEnds(t *testing.T, told func(*socket, unix.Errno), ends []ending) {
	t.Helper()
	for _, e := range ends {
		t.Run(e.name, func(t *testing.T) {
			ns := testkit.NetNS(t)
			w := watch(t, conn.Config{TCP: true})
			p := &pair{t: t, ns: ns, l: listen(t, ns, 0, 8), told: told}
			e.make(p)
			w.until(patience, func(s *seen) error { return fates(s, ns, e.want) })
		})
	}
}

// fill sends until the peer's window is shut, with all that it had room for
// acknowledged and more waiting. A little at a time: of a burst the peer may drop what
// its window took but its memory does not, and that stays in flight.
func (s *socket) fill() {
	s.t.Helper()
	testkit.Eventually(s.t, patience, func() error {
		info, err := unix.GetsockoptTCPInfo(s.fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil {
			return err
		}
		if info.Unacked == 0 && info.Notsent_bytes != 0 && info.Snd_wnd == 0 {
			return nil
		}
		if info.Unacked == 0 && info.Notsent_bytes == 0 {
			if _, err := unix.Write(s.fd, make([]byte, 1<<14)); err != nil {
				return err
			}
		}
		return fmt.Errorf("%d segments unacknowledged, %d bytes unsent, a window of %d", info.Unacked, info.Notsent_bytes, info.Snd_wnd)
	})
}

// fates requires one closed row for each direction that want names, and no other.
func fates(s *seen, ns *testkit.NS, want map[conn.Dir]fate) error {
	found := map[conn.Dir]table.Row{}
	for _, r := range s.closed {
		if uint64(r.NetNS) != ns.Inode() || r.Dir == conn.DirListen {
			continue
		}
		if _, twice := found[r.Dir]; twice {
			return fmt.Errorf("two rows of %v", r.Dir)
		}
		found[r.Dir] = r
		w := want[r.Dir]
		got := fate{r.Event, r.Reason, r.Detail, r.Errno, 0}
		if r.Event == conn.EventFail {
			got.retries = r.SYNRetries
		}
		if got != w || r.Opened == 0 || r.LastActive < r.Opened {
			return fmt.Errorf("%v: %v, %v, %v, %v, %d retries, lived %v; the truth is %v", r.Dir, got.event, got.reason, got.detail,
				got.errno, got.retries, time.Duration(r.LastActive-r.Opened), w)
		}
		if took := time.Duration(r.ConnectTime) * time.Microsecond; r.Event == conn.EventFail && took < time.Duration(w.retries)*time.Second*9/10 {
			return fmt.Errorf("failed after %v with %d retries of a second at least", took, w.retries)
		}
	}
	if len(found) != len(want) {
		return fmt.Errorf("%d rows of %d ends", len(found), len(want))
	}
	return nil
}
