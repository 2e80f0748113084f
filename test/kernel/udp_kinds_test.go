package kernel

import (
	"fmt"
	"net/netip"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

// TestUDP compares 100 pairs of a socket and its remote, of all kinds and
// families, with their truth: bytes, datagrams, owner, direction and addresses.
func TestUDP(t *testing.T) {
	w := watchUDP(t, conn.Config{})
	ns := testkit.NetNS(t)
	for seed := range 5 {
		t.Run(fmt.Sprintf("seed=%d", seed+1), func(t *testing.T) {
			load := testkit.Start(t, ns, "udp", "-flows", "100", "-hold", "-seed", strconv.Itoa(seed+1))
			truths := load.Ready()
			if len(truths) < 200 {
				t.Fatalf("%d flows of 100 pairs", len(truths))
			}
			w.settle()
			if err := w.look(func(s *seen) error { return flowsAgree(s.live, truths) }); err != nil {
				t.Error(err)
			}
			if err := w.look(func(s *seen) error { return beganOpen(s, truths) }); err != nil {
				t.Error(err)
			}
			load.Finish()
		})
	}
	if err := noLoss(w.stop()); err != nil {
		t.Error(err)
	}
}

// beganOpen requires that each flow is known from its start.
func beganOpen(s *seen, truths []testkit.Truth) error {
	by, err := flows(s.first)
	if err != nil {
		return err
	}
	source := map[string]conn.OwnerSource{"out": conn.OwnerConnect, "in": conn.OwnerAccept}
	for _, want := range truths {
		r := by[flow{want.Cookie, want.Remote()}]
		if r.Event != conn.EventOpen || r.Partial || r.Opened == 0 || r.State != 0 || r.Owner.Source != source[want.Dir] {
			return fmt.Errorf("%s %v: event %v, partial %v, opened %d, state %v, owner source %v",
				want.Kind, r.ID, r.Event, r.Partial, r.Opened, r.State, r.Owner.Source)
		}
	}
	return nil
}

// TestUDPOlder has sockets that are older than the probe: what they moved before is
// not known, and neither is who began.
func TestUDPOlder(t *testing.T) {
	ns := testkit.NetNS(t)
	old := openUDPs(t, ns, 2)
	a, b := old[0], old[1]
	must(t, a.send(b.addr, 1000), b.read(0))
	a.truth, b.truth = map[netip.AddrPort]moved{}, map[netip.AddrPort]moved{}
	w := watchUDP(t, conn.Config{})
	young := openUDP(t, ns)
	must(t, a.send(b.addr, 10), b.read(0), b.send(a.addr, 20), a.read(0))
	must(t, young.send(b.addr, 30), b.read(0), b.send(young.addr, 40), young.read(0))
	w.exact(a, b, young)
	err := w.look(func(s *seen) error {
		for _, r := range in(ns, s.live) {
			partial := flowOf(&r).cookie != young.cookie
			if r.Partial != partial || (r.Dir == 0) != partial {
				return fmt.Errorf("%v %d to %d: partial %v, dir %v", r.ID, r.Lport, r.Rport, r.Partial, r.Dir)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestUDPCorkOption builds a datagram of several writes and lets it go by a socket
// option, not by a send; the next datagram is one of its own.
func TestUDPCorkOption(t *testing.T) {
	w := watchUDP(t, conn.Config{})
	ends := openUDPs(t, testkit.NetNS(t), 2)
	a, b := ends[0], ends[1]
	must(t, a.connect(b.addr))
	for range 3 {
		must(t, unix.SetsockoptInt(a.fd, unix.IPPROTO_UDP, unix.UDP_CORK, 1))
		for range 4 {
			must(t, a.write(b.addr, 100))
		}
		a.note(b.addr, moved{TxPackets: ^uint64(2)}) // the four are one
		must(t, unix.SetsockoptInt(a.fd, unix.IPPROTO_UDP, unix.UDP_CORK, 0), b.read(0))
		must(t, a.write(b.addr, 100), b.read(0))
	}
	w.exact(a, b)
}

// TestUDPCorkThreads has one thread begin a datagram and another end it.
func TestUDPCorkThreads(t *testing.T) {
	w := watchUDP(t, conn.Config{})
	ends := openUDPs(t, testkit.NetNS(t), 2)
	a, b := ends[0], ends[1]
	turn := []chan struct{}{make(chan struct{}), make(chan struct{}), make(chan struct{}), make(chan struct{})}
	go close(turn[0])
	must(t, onThreads(3, func(i int) error {
		<-turn[i]
		flags := unix.MSG_MORE
		if i == 2 {
			flags = 0
		}
		err := unix.Sendto(a.fd, make([]byte, 100), flags, sockaddr(b.addr))
		close(turn[i+1])
		<-turn[3] // no thread is used twice
		return err
	}))
	a.note(b.addr, moved{TxBytes: 300, TxPackets: 1})
	must(t, b.read(0))
	w.exact(a, b)
}

// TestUDPFailedSend fails a send to one remote after its address was seen; the
// next datagram, to another, must not be taken for that one's.
func TestUDPFailedSend(t *testing.T) {
	w := watchUDP(t, conn.Config{})
	ends := openUDPs(t, testkit.NetNS(t), 3)
	a, b, c := ends[0], ends[1], ends[2]
	if err := unix.Sendto(a.fd, make([]byte, 65530), 0, sockaddr(b.addr)); err != unix.EMSGSIZE {
		t.Fatalf("send of 65530 bytes: %v", err)
	}
	a.note(b.addr, moved{}) // a row that counts the failure
	must(t, a.connect(c.addr), a.write(c.addr, 10), c.read(0))
	w.exact(a, b, c)
}
