package probe

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

// expectFaults says that what fails from now on is the test's doing.
func (l *live) expectFaults() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faulty = true
}

// named waits until every tick is marked with each fault.
func (l *live) named(whats ...string) {
	l.t.Helper()
	l.until(func() error {
		for _, what := range whats {
			if !slices.ContainsFunc(l.faults, func(f string) bool { return strings.HasPrefix(f, what) && !strings.Contains(f, "\n") }) {
				return fmt.Errorf("%q is not in %q", what, l.faults)
			}
		}
		return nil
	})
}

// TestPassesFail has the passes and the ageing of flows fail while samples are taken:
// samples go on with a mark, and what the hooks tell stays right.
func TestPassesFail(t *testing.T) {
	if !kernelIs(t, 6, 1) {
		return
	}
	testkit.Kernel(t)
	p, err := Open(bothProtocols)
	must(t, err)
	l := keep(t, p)
	l.expectFaults()
	server := listen(t, "127.0.0.1:0")
	older := connect(t, server)
	older.say(1000, 2000)
	l.established(older)
	whats := []string{tcpPass.what}
	must(t, p.sockets.it.Close(), p.files.it.Close())
	if p.cfg.UDP {
		whats = append(whats, ageFlows.what)
		must(t, p.flows.prog.Close())
	}
	l.named(whats...)
	older.say(10, 20)
	l.until(func() error { return older.agree(l.last[older.out.cookie], true) })
	l.short(server)
	l.named(whats...)
}

// TestSweepFails has the sweep fail: rows stand as they were, with a mark, and ends are
// told by their hook.
func TestSweepFails(t *testing.T) {
	if !kernelIs(t, 6, 1) {
		return
	}
	testkit.Kernel(t)
	p, err := Open(bothProtocols)
	must(t, err)
	l := keep(t, p)
	l.expectFaults()
	server := listen(t, "127.0.0.1:0")
	c := connect(t, server)
	c.say(1000, 2000)
	l.established(c)
	must(t, p.slots.prog.Close())
	l.named(tcpTier.hooks[0].what)
	must(t, c.client.Close(), c.server.Close())
	l.until(func() error { return c.agree(l.closed[c.out.cookie], true) })
}

// TestHookDetached takes a cgroup's hook away, as anybody may who may load it: it is
// named within a second or two, and the rest is right.
func TestHookDetached(t *testing.T) {
	if !kernelIs(t, 6, 1) {
		return
	}
	testkit.Kernel(t)
	p, err := Open(bothProtocols)
	must(t, err)
	l := keep(t, p)
	l.expectFaults()
	detached := ""
	for _, s := range p.sets {
		for i, hook := range s.links {
			if info, err := hook.Info(); err == nil && info.Cgroup() != nil && detached == "" {
				must(t, hook.Detach())
				detached = s.hooks[i].what
			}
		}
	}
	if detached == "" {
		t.Fatal("nothing to detach")
	}
	l.named(detached + " (hook detached)")
	server := listen(t, "127.0.0.1:0")
	c := connect(t, server)
	c.say(1000, 20000)
	l.until(func() error { return c.agree(l.last[c.out.cookie], true) })
}

// TestNamespaceGoes has namespaces that went between the look for them and the visit, and
// a file that is none: the others are visited all the same.
func TestNamespaceGoes(t *testing.T) {
	if !kernelIs(t, 6, 1) {
		return
	}
	ns := testkit.NetNS(t)
	load := testkit.Start(t, ns, "states")
	load.Ready()
	p, err := Open(bothProtocols)
	must(t, err)
	defer func() { must(t, p.Close()) }()
	here := ""
	all, err := namespaces(false)
	must(t, err)
	for inode, path := range all {
		if inode == ns.Inode() {
			here = path
		}
	}
	visit := func(gone string) (seen int, err error) {
		for range 8 { // a map is walked in another order each time
			at := 0
			err = errors.Join(err, p.sockets.visit(map[uint64]string{1: gone, 2: here}, func(*tcptopMini) { at = 1 }))
			seen += at
		}
		return seen, err
	}
	for _, path := range []string{"/proc/999999999/ns/net", "/run/netns/no-such-namespace"} {
		if seen, err := visit(path); seen != 8 || err != nil {
			t.Errorf("%s: the other was visited %d times of 8: %v", path, seen, err)
		}
	}
	if seen, err := visit("/proc/self/comm"); seen != 8 || err == nil {
		t.Errorf("no namespace: the other was visited %d times of 8: %v", seen, err)
	}
	load.Finish()
}

// TestFullTables has more listeners and more UDP sockets than there is room for: the rest
// is right, and a mark says what is missing, for as long as it is.
func TestFullTables(t *testing.T) {
	if !kernelIs(t, 6, 1) {
		return
	}
	testkit.Kernel(t)
	spec, err := loadTcptop()
	must(t, err)
	spec.Maps["tt_waits"].MaxEntries = 1
	p, err := openObject(bothProtocols, spec)
	must(t, err)
	l := keepFaulty(t, p, true) // the host may have listeners of its own
	server := listen(t, "127.0.0.1:0")
	listen(t, "127.0.0.1:0")
	whats := []string{"how long connections wait at some listeners"}
	if p.socks.prog != nil {
		whats = append(whats, "datagrams that UDP sockets dropped (of more than 4096")
		for range conn.MaxFlows(0) + 100 {
			c, err := net.ListenPacket("udp4", "127.0.0.1:0")
			must(t, err)
			t.Cleanup(func() { must(t, c.Close()) })
		}
	}
	l.named(whats...)
	young := connect(t, server)
	young.say(1000, 2000)
	l.until(func() error { return young.agree(l.last[young.out.cookie], true) })
}

// TestNamedOnce has an owner come while a sample is taken, as a hook tells it: the row is
// in the sample once, and in a later one with its owner.
func TestNamedOnce(t *testing.T) {
	if !kernelIs(t, 6, 1) {
		return
	}
	testkit.Kernel(t)
	p, err := Open(bothProtocols)
	must(t, err)
	defer func() { must(t, p.Close()) }()
	c := connect(t, listen(t, "127.0.0.1:0"))
	_, err = p.slots.reach()
	must(t, err)
	slot := slotOf(t, p, c.out.cookie)
	s := &sampler{Probe: p, unowned: map[uint32]orphan{}}
	pid := p.slots.slots[slot].Tgid
	for tick, want := range []int{1, 1, 0} {
		s.tick++
		s.out.Conns = s.out.Conns[:0]
		if tick == 0 {
			p.slots.slots[slot].Tgid = 0
			s.takeSlot(slot, true)
			p.slots.slots[slot].Tgid = pid
		}
		s.takeFound()
		if len(s.out.Conns) != want || tick == 1 && s.out.Conns[0].Owner.PID != pid {
			t.Errorf("tick %d: %+v", tick, s.out.Conns)
		}
	}
}
