package main

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// rounds is how often two sockets exchange datagrams.
func (u *udp) rounds() int { return 1 + u.rng.IntN(20) }

func (u *udp) connected() error {
	p, err := u.sockets(2)
	if err != nil {
		return err
	}
	a, b := p[0], p[1]
	if err := a.connect(b); err != nil {
		return err
	}
	if err := b.connect(a); err != nil {
		return err
	}
	for range u.rounds() {
		n, m := u.size(), u.size()
		if err := inTurn(
			func() error { return a.write(b.addr, n) }, func() error { return b.recvfrom(a.addr, n) },
			func() error { return b.write(a.addr, m) }, func() error { return a.read(b.addr, m) }); err != nil {
			return err
		}
	}
	return nil
}

func (u *udp) unconnected() error {
	p, err := u.sockets(2)
	if err != nil {
		return err
	}
	return u.pingPong(p[0], p[1], (*udpSock).recvfrom)
}

// anonymous receives on unconnected sockets by calls that don't return who sent.
func (u *udp) anonymous() error {
	p, err := u.sockets(2)
	if err != nil {
		return err
	}
	if err := u.pingPong(p[0], p[1], (*udpSock).recv); err != nil {
		return err
	}
	return u.pingPong(p[0], p[1], (*udpSock).read)
}

// unbound sends from a socket that the kernel gives a port when it first sends
// and that has no local address.
func (u *udp) unbound() error {
	a, err := u.socket(false)
	if err != nil {
		return err
	}
	b, err := u.socket(true)
	if err != nil {
		return err
	}
	if err := a.sendto(b.addr, 1); err != nil {
		return err
	}
	if a.addr, err = localAddr(a.fd); err != nil {
		return err
	}
	// Its datagrams still come from the loopback address.
	a.addr = netip.AddrPortFrom(a.fam.loopback().Unmap(), a.addr.Port())
	if err := b.recvfrom(a.addr, 1); err != nil {
		return err
	}
	return u.pingPong(a, b, (*udpSock).recvfrom)
}

// pingPong exchanges datagrams by sendto and the given way to receive.
func (u *udp) pingPong(a, b *udpSock, receive udpReceive) error {
	for range u.rounds() {
		n, m := u.size(), u.size()
		if err := inTurn(
			func() error { return a.sendto(b.addr, n) }, func() error { return receive(b, a.addr, n) },
			func() error { return b.sendto(a.addr, m) }, func() error { return receive(a, b.addr, m) }); err != nil {
			return err
		}
	}
	return nil
}

// fanOut is one socket that talks to many.
func (u *udp) fanOut() error {
	p, err := u.sockets(6)
	if err != nil {
		return err
	}
	for _, b := range p[1:] {
		if err := u.pingPong(p[0], b, (*udpSock).recvfrom); err != nil {
			return err
		}
	}
	// Again, so that the socket goes back to flows that it left.
	for _, b := range p[1:] {
		if err := u.pingPong(b, p[0], (*udpSock).recv); err != nil {
			return err
		}
	}
	return nil
}

// fanIn is many connected sockets that talk to one, whose queue holds datagrams
// of several senders at a time.
func (u *udp) fanIn() error {
	p, err := u.sockets(6)
	if err != nil {
		return err
	}
	hub := p[0]
	for range u.rounds() {
		var sizes []int
		for _, a := range p[1:] {
			if err := a.connect(hub); err != nil {
				return err
			}
			n := u.size()
			if err := a.write(hub.addr, n); err != nil {
				return err
			}
			sizes = append(sizes, n)
		}
		for i, a := range p[1:] {
			if err := hub.recvfrom(a.addr, sizes[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// peek looks at each datagram twice, with and without its address, before it
// is read.
func (u *udp) peek() error {
	p, err := u.sockets(2)
	if err != nil {
		return err
	}
	return u.pingPong(p[0], p[1], func(s *udpSock, from netip.AddrPort, n int) error {
		if err := s.wait(); err != nil {
			return err
		}
		for _, flags := range []int{unix.MSG_PEEK, unix.MSG_PEEK | unix.MSG_TRUNC} {
			if k, _, err := unix.Recvfrom(s.fd, s.buf[:n], flags); err != nil || k != n {
				return fmt.Errorf("peek: %d of %d: %w", k, n, err)
			}
		}
		return s.recvfrom(from, n)
	})
}

// zero sends datagrams without payload among others.
func (u *udp) zero() error {
	p, err := u.sockets(2)
	if err != nil {
		return err
	}
	a, b := p[0], p[1]
	for range u.rounds() {
		n := u.size()
		if err := inTurn(
			func() error { return a.sendto(b.addr, 0) }, func() error { return b.recvfrom(a.addr, 0) },
			func() error { return b.sendto(a.addr, 0) }, func() error { return a.read(b.addr, 0) },
			func() error { return b.sendto(a.addr, n) }, func() error { return a.recvfrom(b.addr, n) }); err != nil {
			return err
		}
	}
	return nil
}

// cork builds each datagram of several sends.
func (u *udp) cork() error {
	p, err := u.sockets(2)
	if err != nil {
		return err
	}
	a, b := p[0], p[1]
	for range u.rounds() {
		parts, total := 2+u.rng.IntN(4), 0
		for i := range parts {
			n, flags := 1+u.rng.IntN(500), unix.MSG_MORE
			if i == parts-1 {
				flags = 0
			}
			if err := unix.Sendto(a.fd, a.buf[:n], flags, a.sockaddr(b.addr)); err != nil {
				return fmt.Errorf("corked send: %w", err)
			}
			total += n
		}
		a.sent(b.addr, total, 1)
		if err := b.recvfrom(a.addr, total); err != nil {
			return err
		}
	}
	return nil
}

// udpReceive receives one datagram of n bytes, which is known to be from a remote.
type udpReceive func(s *udpSock, from netip.AddrPort, n int) error

// inTurn takes steps until one fails.
func inTurn(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
