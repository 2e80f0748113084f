package kernel

import (
	"fmt"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
	"tcptop/internal/table"
	"tcptop/internal/testkit"
)

// recv reads one datagram into room bytes without asking who sent it; the test
// knows.
func (e *udpEnd) recv(from *udpEnd, room int) error {
	n, err := unix.Read(e.fd, make([]byte, room))
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	e.note(from.addr, moved{RxBytes: uint64(n), RxPackets: 1})
	return nil
}

// TestUDPNameless reads what waits from several senders without asking who they are.
func TestUDPNameless(t *testing.T) {
	w := watchUDP(t, conn.Config{})
	ends := openUDPs(t, testkit.NetNS(t), 4)
	hub := ends[0]
	for range 5 {
		for i := range 30 {
			must(t, ends[1+i%3].send(hub.addr, 1+i))
		}
		for i := range 30 {
			must(t, hub.recv(ends[1+i%3], 1<<16))
		}
	}
	w.exact(ends...)
}

// TestUDPNamelessMany has more wait than anybody keeps the senders of: what is not
// known is a row without a remote, but nothing is missing and nobody gets too much.
func TestUDPNamelessMany(t *testing.T) {
	w := watchUDP(t, conn.Config{})
	ends := openUDPs(t, testkit.NetNS(t), 4)
	hub := ends[0]
	for i := range 1000 {
		must(t, ends[1+i%3].send(hub.addr, 1+i))
	}
	for i := range 1000 {
		must(t, hub.recv(ends[1+i%3], 1<<16))
	}
	w.settle()
	err := w.look(func(s *seen) error { return allButNames(s.live, hub) })
	if err != nil {
		t.Error(err)
	}
}

// allButNames requires the truth of a socket's sums, and of each remote no more
// than it sent.
func allButNames(rows map[conn.ID]table.Row, e *udpEnd) error {
	by, err := flows(rows)
	if err != nil {
		return err
	}
	var sum moved
	for f, r := range by {
		if f.cookie != e.cookie {
			continue
		}
		got, want := movedBy(&r), e.truth[f.remote]
		sum = moved{sum.TxBytes + got.TxBytes, sum.TxPackets + got.TxPackets, sum.RxBytes + got.RxBytes, sum.RxPackets + got.RxPackets}
		known := f.remote.Port() != 0
		if known && (got.RxBytes > want.RxBytes || got.RxPackets > want.RxPackets) {
			return fmt.Errorf("%v: row %+v, truth %+v", f.remote, got, want)
		}
		if known != (r.Has&conn.HasRaddr != 0) {
			return fmt.Errorf("%v: has a remote: %v", f.remote, !known)
		}
	}
	if sum != e.sum() {
		return fmt.Errorf("all rows %+v, truth %+v", sum, e.sum())
	}
	return nil
}

// TestUDPNamelessCut reads less than what was sent, of several senders.
func TestUDPNamelessCut(t *testing.T) {
	w := watchUDP(t, conn.Config{})
	ends := openUDPs(t, testkit.NetNS(t), 4)
	hub := ends[0]
	for i := range 9 {
		must(t, ends[1+i%3].send(hub.addr, 1000+i))
	}
	for i := range 9 {
		must(t, hub.recv(ends[1+i%3], 100))
	}
	w.exact(ends...)
}

// TestUDPNamesDropped has a reader that asks for the sender for long, then no more:
// of what waited at the change the sender is not known, and nobody gets too much.
func TestUDPNamesDropped(t *testing.T) {
	w := watchUDP(t, conn.Config{})
	ends := openUDPs(t, testkit.NetNS(t), 3)
	a, b, c := ends[0], ends[1], ends[2]
	for range 2000 {
		must(t, a.send(b.addr, 10), b.read(0))
	}
	for i := range 20 {
		must(t, a.send(b.addr, 20+i), c.send(b.addr, 100+i), b.recv(a, 1000), b.recv(c, 1000))
	}
	w.exact(a, c)
	if err := w.look(func(s *seen) error { return allButNames(s.live, b) }); err != nil {
		t.Error(err)
	}
}

// TestUDPMergedMany has many merged datagrams wait for a reader that takes them so.
func TestUDPMergedMany(t *testing.T) {
	for _, n := range []int{20, 600} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			w := watchUDP(t, conn.Config{})
			ends := openUDPs(t, testkit.NetNS(t), 2)
			a, b := ends[0], ends[1]
			must(t, unix.SetsockoptInt(b.fd, unix.IPPROTO_UDP, unix.UDP_GRO, 1))
			must(t, unix.SetsockoptInt(a.fd, unix.IPPROTO_UDP, unix.UDP_SEGMENT, 100))
			for i := range n {
				must(t, sendSegments(a, b.addr, 1+i%20))
			}
			for i := range n {
				must(t, readMerged(b, a.addr, 1+i%20))
			}
			w.exact(ends...)
		})
	}
}

func sendSegments(e *udpEnd, to netip.AddrPort, n int) error {
	if err := e.send(to, 100*n); err != nil {
		return err
	}
	e.note(to, moved{TxPackets: uint64(n - 1)})
	return nil
}

func readMerged(e *udpEnd, from netip.AddrPort, n int) error {
	was := e.sum().RxBytes
	if err := e.read(0); err != nil {
		return err
	}
	if got := e.sum().RxBytes - was; got != uint64(100*n) {
		return fmt.Errorf("read %d bytes at once, not %d", got, 100*n)
	}
	e.note(from, moved{RxPackets: uint64(n - 1)})
	return nil
}

// sum is what all flows of a socket carried.
func (e *udpEnd) sum() (m moved) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, f := range e.truth {
		m = moved{m.TxBytes + f.TxBytes, m.TxPackets + f.TxPackets, m.RxBytes + f.RxBytes, m.RxPackets + f.RxPackets}
	}
	return m
}
