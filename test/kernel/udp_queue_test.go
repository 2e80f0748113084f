package kernel

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

// TestUDPQueued has many datagrams of several senders and sizes wait in one queue
// before they are read.
func TestUDPQueued(t *testing.T) {
	for _, n := range []int{10, 32, 33, 200} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			w := watchUDP(t, conn.Config{})
			ends := openUDPs(t, testkit.NetNS(t), 4)
			hub := ends[0]
			for i := range n {
				must(t, ends[1+i%3].send(hub.addr, 1+7*i))
			}
			if k, err := hub.drain(); err != nil || k != n {
				t.Fatalf("read %d of %d: %v", k, n, err)
			}
			w.exact(ends...)
		})
	}
}

// TestUDPNeverRead has datagrams that reach a socket and no reader.
func TestUDPNeverRead(t *testing.T) {
	for _, connected := range []bool{false, true} {
		for _, n := range []int{10, 32, 33, 200} {
			t.Run(fmt.Sprintf("connected=%v/%d", connected, n), func(t *testing.T) {
				w := watchUDP(t, conn.Config{})
				ends := openUDPs(t, testkit.NetNS(t), 2)
				a, b := ends[0], ends[1]
				if connected {
					must(t, b.connect(a.addr))
				}
				for i := range n {
					must(t, a.send(b.addr, 1+7*i))
				}
				w.exact(a, b)
			})
		}
	}
}

// TestUDPOverflow lets a receive buffer run over, again and again: what found no
// room was not received.
func TestUDPOverflow(t *testing.T) {
	for _, connected := range []bool{false, true} {
		for _, room := range []int{1, 64 << 10} {
			t.Run(fmt.Sprintf("connected=%v/room=%d", connected, room), func(t *testing.T) {
				w := watchUDP(t, conn.Config{})
				ends := openUDPs(t, testkit.NetNS(t), 4)
				overflow(t, ends, room, connected)
				w.exact(ends...)
			})
		}
	}
}

// overflow makes ends[0] the slow reader of the others.
func overflow(t *testing.T, ends []*udpEnd, room int, connected bool) {
	t.Helper()
	hub, senders := ends[0], ends[1:]
	must(t, unix.SetsockoptInt(hub.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, room))
	if connected {
		senders = senders[:1]
		must(t, hub.connect(senders[0].addr))
	}
	lost := false
	for round := range 20 {
		for i := range 100 {
			must(t, senders[i%len(senders)].send(hub.addr, 1+(37*i+round)%1400))
		}
		if round%2 == 0 {
			must(t, hub.read(0)) // so that there is room for one more only
			continue
		}
		n, err := hub.drain()
		must(t, err)
		lost = lost || n < 100
	}
	if !lost {
		t.Fatal("no datagram was dropped")
	}
}

// TestUDPReconnect connects and disconnects a socket while datagrams wait in its
// queue, which must not change whose they are.
func TestUDPReconnect(t *testing.T) {
	w := watchUDP(t, conn.Config{})
	ends := openUDPs(t, testkit.NetNS(t), 3)
	a, b, c := ends[0], ends[1], ends[2]
	must(t, a.send(b.addr, 100), a.send(b.addr, 200), b.connect(a.addr), b.read(0), b.read(0))
	must(t, b.disconnect(), c.send(b.addr, 7), b.read(0))
	w.exact(ends...)
	must(t, b.connect(a.addr), a.send(b.addr, 300), a.send(b.addr, 400), b.disconnect(), b.read(0), b.read(0))
	must(t, c.send(b.addr, 8), b.read(0))
	w.exact(ends...)
}

// TestUDPLateGRO asks for merged datagrams when single ones wait already.
func TestUDPLateGRO(t *testing.T) {
	w := watchUDP(t, conn.Config{})
	ends := openUDPs(t, testkit.NetNS(t), 2)
	a, b := ends[0], ends[1]
	must(t, b.connect(a.addr), a.send(b.addr, 100), a.send(b.addr, 200))
	must(t, unix.SetsockoptInt(b.fd, unix.IPPROTO_UDP, unix.UDP_GRO, 1), b.read(0), b.read(0))
	must(t, a.send(b.addr, 300), b.read(0))
	w.exact(ends...)
}
