package kernel

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tcptop/internal/conn"
	"tcptop/internal/table"
	"tcptop/internal/testkit"
)

// handed is accept where a hook saw the process accept, and files where it did not: the
// one for kernels without trampolines sees those that ask for the peer's address.
const handed = ^conn.OwnerSource(0)

// belief is what a row has to say of a socket's owner.
type belief struct {
	what    string
	owner   testkit.Truth // of the process, as it said itself
	source  conn.OwnerSource
	holders int // processes that hold it; -1 is any
}

func (b *belief) check(r *table.Row) error {
	o := r.Owner
	if b.source == handed && (o.Source == conn.OwnerFiles || o.Source == conn.OwnerAccept) {
		o.Source = handed
	}
	switch {
	case int(o.PID) != b.owner.PID, o.Comm.String() != b.owner.Comm, uint64(o.Start) != b.owner.Start, o.Source != b.source:
		return fmt.Errorf("%s: owner %d %s, started %d, by %v; want %d %s, %d, %v", b.what,
			o.PID, o.Comm, o.Start, o.Source, b.owner.PID, b.owner.Comm, b.owner.Start, b.source)
	case b.holders >= 0 && (r.Has&conn.HasHolders == 0 || int(r.Holders) != b.holders):
		return fmt.Errorf("%s: held by %d (known: %v), want %d", b.what, r.Holders, r.Has&conn.HasHolders != 0, b.holders)
	}
	return nil
}

// hold requires a row for every belief that agrees with it.
func hold(rows map[string]table.Row, beliefs []belief) error {
	for i := range beliefs {
		b := &beliefs[i]
		r, ok := rows[b.owner.Cookie]
		if !ok {
			return fmt.Errorf("%s: no row", b.what)
		}
		if err := b.check(&r); err != nil {
			return err
		}
	}
	return nil
}

// stage is where the actors of a test play: a namespace, a watcher and what it shall see.
type stage struct {
	*testing.T
	ns   *testkit.NS
	w    *watcher
	want []belief
	proc bool // /proc tells, and nothing else
}

func newStage(t *testing.T, w *watcher) *stage {
	t.Helper()
	return &stage{T: t, w: w, ns: testkit.NetNS(t)}
}

func (s *stage) act(name string) *actor { s.Helper(); return act(s.T, s.ns, name) }

// expect notes that a socket of a shall be shown as its.
func (s *stage) expect(what string, a *actor, socket, dir string, source conn.OwnerSource, holders int) {
	s.Helper()
	s.want = append(s.want, belief{what, a.truth(socket, dir), source, holders})
}

// seen waits until all that is expected is shown.
func (s *stage) seen() {
	s.Helper()
	s.believe()
	s.w.until(patience, func(seen *seen) error {
		rows := bySocket(seen.live)
		if err := hold(rows, s.want); err != nil {
			return err
		}
		for i := range s.want {
			b := &s.want[i]
			if p := rows[b.owner.Cookie].Process; b.holders > 0 && (p == nil || p.Cmdline != b.owner.Cmdline || p.Exe == "") {
				return fmt.Errorf("%s: program %+v, want %s", b.what, p, b.owner.Cmdline)
			}
		}
		return nil
	})
}

// ended waits until all that is expected has ended and was shown so.
func (s *stage) ended() {
	s.Helper()
	s.believe()
	s.w.until(patience, func(seen *seen) error {
		closed, err := closedBySocket(seen.closed)
		if err != nil {
			return err
		}
		return hold(closed, s.want)
	})
}

// listed requires that just these processes are said to hold a socket of a.
func (s *stage) listed(a *actor, socket string, names ...string) {
	s.Helper()
	cookie, err := strconv.ParseUint(a.truth(socket, "listen").Cookie, 16, 64)
	if err != nil {
		s.Fatal(err)
	}
	found, err := s.w.holders(conn.ID{Cookie: cookie})
	if err != nil {
		s.Fatal(err)
	}
	var got []string
	for i := range found {
		got = append(got, found[i].Comm.String())
	}
	if slices.Sort(got); !slices.Equal(got, names) {
		s.Errorf("held by %v, want %v", got, names)
	}
}

func (s *stage) believe() {
	for i := range s.want {
		if s.proc {
			s.want[i].source = conn.OwnerProc
		}
	}
}

// allClosed waits until no connection of the namespace is left, but for time-wait, by
// what /proc says of a process in it.
func (s *stage) allClosed(a *actor) {
	s.Helper()
	testkit.Eventually(s, patience, func() error {
		list, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/tcp", a.pid))
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(list)) {
			if f := strings.Fields(line); f[3] != "st" && f[3] != "06" && f[3] != "0A" {
				return fmt.Errorf("still there: %s", line)
			}
		}
		return nil
	})
}

// ownerPIDReuse plays until nobody else had the pid first: a thread that keeps it, our own
// runtime's perhaps, may live as long as the test.
func ownerPIDReuse(s *stage) {
	for range 10 {
		if pidReuse(s) {
			return
		}
		s = &stage{T: s.T, w: s.w, ns: testkit.NetNS(s.T), proc: s.proc}
	}
	s.Fatal("others were always faster than us to get the pid")
}

// pidReuse has another process get the pid of one that connected: each has its own.
func pidReuse(s *stage) bool {
	client, server := s.act("client"), s.act("server")
	port := server.tell("listen l tcp")
	for _, c := range []string{"lone", "shared"} {
		client.tell("connect %s %s blocking", c, port)
		server.tell("accept %s l blocking", c)
	}
	child := client.spawn("child", "shared")
	s.expect("before", client, "lone", "out", conn.OwnerConnect, 1)
	s.expect("before", client, "shared", "out", conn.OwnerConnect, 2)
	s.seen()
	s.want = s.want[:1]
	s.want[0].what, s.want[0].holders = "of who had the pid first", 0
	client.leave()
	next := actAs(s.T, s.ns, "next", client.pid)
	if next == nil {
		return false
	}
	next.tell("connect c %s blocking", port)
	s.expect("of who has it now", next, "c", "out", conn.OwnerConnect, 1)
	s.expect("handed down", child, "shared", "out", conn.OwnerFiles, 1)
	s.seen()
	return true
}

// ownerCases live longer than a tick, so that either collector sees them.
var ownerCases = []struct {
	name string
	play func(*stage)
}{
	{"ways", ownerWays},
	{"pre-fork", ownerPreFork},
	{"fork after accept", ownerForkAfterAccept},
	{"hand-over", ownerHandOver},
	{"socket activation", ownerSocketActivation},
	{"exec", ownerExec},
	{"gone", ownerGone},
	{"pid reuse", ownerPIDReuse},
}

// TestOwner has sockets inherited, passed on and outlive their process.
func TestOwner(t *testing.T) {
	for _, c := range ownerCases {
		t.Run(c.name, func(t *testing.T) { c.play(newStage(t, watch(t, conn.Config{TCP: true}))) })
	}
}

// TestDiagOwner is the same without eBPF: /proc tells.
func TestDiagOwner(t *testing.T) {
	testkit.Root(t)
	for _, c := range ownerCases {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, watchDiag(t, conn.Config{TCP: true}))
			s.proc = true
			c.play(s)
		})
	}
}

// ways are those to connect and to accept, each of which another thread of the kernel
// or of the process carries out.
var (
	connects = []string{"blocking", "nonblocking", "thread", "uring", "uring-worker", "uring-poll"}
	accepts  = []string{"blocking", "epoll", "thread", "uring", "uring-worker", "uring-poll"}
)

// ownerWays connects and accepts in every way that there is.
func ownerWays(s *stage) {
	client, server := s.act("client"), s.act("server")
	port := server.tell("listen l tcp")
	s.expect("listener", server, "l", "listen", conn.OwnerConnect, 1)
	for i := range connects {
		client.tell("connect c%d %s %s", i, port, connects[i])
		server.tell("accept s%d l %s", i, accepts[i])
		s.expect("connect, "+connects[i], client, fmt.Sprint("c", i), "out", conn.OwnerConnect, 1)
		s.expect("accept, "+accepts[i], server, fmt.Sprint("s", i), "in", handed, 1)
	}
	s.seen()
}

// ownerPreFork lets workers accept from a listener that they share.
func ownerPreFork(s *stage) {
	client, master := s.act("client"), s.act("master")
	port := master.tell("listen l tcp")
	const workers = 3
	for i := range workers {
		w := master.spawn(fmt.Sprint("worker-", i), "l")
		client.tell("connect c%d %s blocking", i, port)
		w.tell("accept s l blocking")
		s.expect("a worker's connection", w, "s", "in", handed, 1)
	}
	s.expect("the shared listener", master, "l", "listen", conn.OwnerConnect, 1+workers)
	s.seen()
	s.listed(master, "l", "master", "worker-0", "worker-1", "worker-2")
}

// ownerForkAfterAccept is sshd and inetd: the parent accepts, the child works. At
// first the parent is seen to hold the connection, then both, then the child alone.
func ownerForkAfterAccept(s *stage) {
	client, parent := s.act("client"), s.act("parent")
	join(client, parent)
	s.expect("accepted", parent, "s", "in", handed, 1)
	s.seen()
	child := parent.spawn("child", "s")
	s.want[0].holders = 2
	s.seen()
	parent.tell("close s")
	s.want = nil
	s.expect("inherited", child, "s", "in", conn.OwnerFiles, 1)
	s.seen()
	child.exit()
	s.want[0].source, s.want[0].holders = conn.OwnerFiles, -1
	client.tell("close c")
	s.ended()
}

// ownerHandOver passes sockets on by SCM_RIGHTS.
func ownerHandOver(s *stage) {
	giver, taker, server := s.act("giver"), s.act("taker"), s.act("server")
	join(giver, server)
	s.expect("its own", giver, "c", "out", conn.OwnerConnect, 1)
	s.seen()
	giver.tell("give c taker")
	s.want[0].holders = 2 // both hold it, and it stays whose it was
	s.seen()
	giver.tell("close c")
	s.want = nil
	s.expect("given", taker, "c", "out", conn.OwnerFiles, 1)
	s.seen()
}

// ownerSocketActivation lets systemd listen for a service, which it starts with the
// listener, and gets it back.
func ownerSocketActivation(s *stage) {
	systemd, client := s.act("systemd"), s.act("client")
	port := systemd.tell("listen l tcp")
	s.expect("before", systemd, "l", "listen", conn.OwnerConnect, 1)
	s.seen()
	service := systemd.spawn("service", "l")
	client.tell("connect c %s blocking", port)
	service.tell("accept s l blocking")
	before := s.want
	s.want = nil
	s.expect("the service's listener", service, "l", "listen", conn.OwnerFiles, 2)
	s.expect("the service's connection", service, "s", "in", handed, 1)
	s.seen()
	service.exit()
	s.want = before
	s.want[0].source = conn.OwnerFiles
	s.seen()
}

// ownerExec runs another program in the process that connected.
func ownerExec(s *stage) {
	client, server := s.act("before"), s.act("server")
	join(client, server)
	s.expect("connected", client, "c", "out", conn.OwnerConnect, 1)
	s.seen()
	was := s.want[0].owner
	client = client.become("after", "c")
	s.want = nil
	s.expect("the same process", client, "c", "out", conn.OwnerConnect, 1)
	if now := s.want[0].owner; now.PID != was.PID || now.Start != was.Start || now.Comm == was.Comm {
		s.Fatalf("not the same process with another name: %+v, %+v", was, now)
	}
	s.seen()
}

// ownerGone lets a process exit before its connection: its own stays its, one that a
// child has too goes to that.
func ownerGone(s *stage) {
	client, server := s.act("client"), s.act("server")
	port := server.tell("listen l tcp")
	for _, c := range []string{"lone", "shared"} {
		client.tell("connect %s %s blocking", c, port)
		server.tell("accept %s l blocking", c)
	}
	child := client.spawn("child", "shared")
	s.expect("its own", client, "lone", "out", conn.OwnerConnect, 1)
	s.expect("its child's too", client, "shared", "out", conn.OwnerConnect, 2)
	s.seen()
	s.want = s.want[:1]
	s.want[0].holders = 0 // fin-wait-2: the server stays
	client.exit()
	s.expect("its child holds it", child, "shared", "out", conn.OwnerFiles, 1)
	s.seen()
}

// TestOwnerUnseen has all happen within one tick, without a pass over open files.
func TestOwnerUnseen(t *testing.T) {
	s := newStage(t, watch(t, conn.Config{TCP: true, Interval: time.Hour}))
	giver, taker, before, parent := s.act("giver"), s.act("taker"), s.act("before"), s.act("parent")
	clients := s.act("clients")

	port := parent.tell("listen l tcp")
	clients.tell("connect c %s blocking", port)
	parent.tell("accept s l blocking")
	child := parent.spawn("child", "s")
	s.expect("fork after accept", child, "s", "in", conn.OwnerAccept, -1)
	s.expect("its client", clients, "c", "out", conn.OwnerConnect, -1)
	parent.tell("close s")
	child.exit()
	clients.tell("close c")

	giver.tell("connect c %s blocking", port)
	parent.tell("accept s l blocking")
	giver.tell("give c taker")
	s.expect("given", taker, "c", "out", conn.OwnerAccept, -1)
	s.expect("its server", parent, "s", "in", conn.OwnerAccept, -1)
	giver.tell("close c")
	taker.tell("close c")
	parent.tell("close s")

	before.tell("connect c %s blocking", port)
	parent.tell("accept s l blocking")
	after := before.become("after", "c")
	s.expect("exec", after, "c", "out", conn.OwnerConnect, -1)
	after.exit()
	parent.tell("close s")

	s.allClosed(clients)
	seen := s.w.stop()
	closed, err := closedBySocket(seen.closed)
	if err == nil {
		err = hold(closed, s.want)
	}
	if err != nil {
		t.Error(err)
	}
}

// TestOwnerMPTCP has connections over MPTCP, which programs in Go listen for by default:
// the TCP sockets underneath are the kernel's making and the process' all the same, those
// that are older than the watcher too.
func TestOwnerMPTCP(t *testing.T) {
	ns := testkit.NetNS(t)
	client, server := act(t, ns, "client"), act(t, ns, "server")
	port := server.tell("listen old mptcp")
	client.tell("connect old %s mptcp", port)
	server.tell("accept old-s old blocking")
	w := watch(t, conn.Config{TCP: true})
	ports := []string{port, server.tell("listen new mptcp")}
	client.tell("connect new %s mptcp", ports[1])
	server.tell("accept new-s new blocking")
	client.tell("connect plain %s blocking", ports[1])
	server.tell("accept plain-s new blocking")
	w.until(patience, func(s *seen) error {
		rows := in(ns, s.live)
		if len(rows) != 8 {
			return fmt.Errorf("%d rows, want 2 listeners and 3 connections", len(rows))
		}
		for _, r := range rows {
			want := server
			if slices.Contains(ports, strconv.Itoa(int(r.Rport))) {
				want = client
			}
			if int(r.Owner.PID) != want.pid || r.Owner.Comm.String() != want.name || r.Holders != 1 {
				return fmt.Errorf("%v %v %d-%d is of %+v, held by %d, want %s %d", r.Dir, r.State, r.Lport, r.Rport, r.Owner, r.Holders, want.name, want.pid)
			}
		}
		return nil
	})
}
