package main

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

func (s *states) pair(f family) (client, server *end, err error) {
	return s.lobby.pair(f, "state", s.deadline)
}

func (s *states) listening(f family) error {
	unspecified := netip.IPv4Unspecified()
	if f != v4 {
		unspecified = netip.IPv6Unspecified()
	}
	e, err := s.loose(s.lobby.listeners[f], "listen", netip.AddrPortFrom(unspecified, 0))
	if err != nil {
		return err
	}
	return s.tell(e, "listen")
}

func (s *states) established(f family) error {
	c, t, err := s.pair(f)
	if err != nil {
		return err
	}
	return inTurn(
		func() error { return s.tell(c, "established") },
		func() error { return s.tell(t, "established") })
}

// synSent connects to a listener that does not hear.
func (s *states) synSent(f family) error {
	l, at, err := s.secondListener(f)
	if err != nil {
		return err
	}
	if err := deafen(l); err != nil {
		return err
	}
	fd, err := startDial(f, at)
	if err != nil {
		return err
	}
	return s.tellSynSent(fd, at)
}

// synRecv connects with a socket that does not hear the answer.
func (s *states) synRecv(f family) error {
	_, at, err := s.secondListener(f)
	if err != nil {
		return err
	}
	fd, err := unix.Socket(f.domain(), unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	if err := deafen(fd); err != nil {
		return err
	}
	if err := unix.Connect(fd, f.sockaddr(at)); err != unix.EINPROGRESS {
		return fmt.Errorf("connect: %w", err)
	}
	if err := s.tellSynSent(fd, at); err != nil {
		return err
	}
	e, err := s.loose(fd, "in", at)
	if err != nil {
		return err
	}
	e.Laddr, e.Lport, e.Raddr, e.Rport = e.Raddr, e.Rport, e.Laddr, e.Lport
	return s.orphan(e, "syn-recv")
}

// secondListener opens a listener of its own, patient enough to answer a SYN for
// some minutes.
func (s *states) secondListener(f family) (int, netip.AddrPort, error) {
	l, err := listen(f, netip.AddrPortFrom(f.loopback(), 0), 16)
	if err != nil {
		return -1, netip.AddrPort{}, err
	}
	if err := unix.SetsockoptInt(l, unix.IPPROTO_TCP, unix.TCP_SYNCNT, 12); err != nil {
		return -1, netip.AddrPort{}, fmt.Errorf("SYN retries: %w", err)
	}
	at, err := localAddr(l)
	if err != nil {
		return -1, netip.AddrPort{}, err
	}
	e, err := s.loose(l, "listen", netip.AddrPort{})
	if err != nil {
		return -1, netip.AddrPort{}, err
	}
	e.Raddr = netip.IPv4Unspecified()
	if f != v4 {
		e.Raddr = netip.IPv6Unspecified()
	}
	return l, netip.AddrPortFrom(f.loopback(), at.Port()), s.tell(e, "listen")
}

func (s *states) tellSynSent(fd int, to netip.AddrPort) error {
	e, err := s.loose(fd, "out", to)
	if err != nil {
		return err
	}
	return s.tell(e, "syn-sent")
}

// finWait1 sends a FIN to a peer that does not hear.
func (s *states) finWait1(f family) error {
	c, t, err := s.pair(f)
	if err != nil {
		return err
	}
	return inTurn(
		func() error { return deafen(t.fd) },
		func() error { return s.shutdown(c) },
		func() error { return s.tell(c, "fin-wait-1") },
		func() error { return s.tell(t, "established") })
}

// closeWait ends one direction: its other end is in fin-wait-2.
func (s *states) closeWait(f family) error {
	c, t, err := s.pair(f)
	if err != nil {
		return err
	}
	return inTurn(
		func() error { return s.shutdown(c) },
		func() error { return s.tell(c, "fin-wait-2") },
		func() error { return s.tell(t, "close-wait") })
}

// lastAck answers a FIN with one that is not heard.
func (s *states) lastAck(f family) error {
	c, t, err := s.pair(f)
	if err != nil {
		return err
	}
	return inTurn(
		func() error { return s.shutdown(c) },
		func() error { return s.tell(c, "fin-wait-2") },
		func() error { return deafen(c.fd) },
		func() error { return s.shutdown(t) },
		func() error { return s.tell(t, "last-ack") })
}

// closing ends both directions; only one end hears the other's FIN, and its own
// stays without an answer.
func (s *states) closing(f family) error {
	c, t, err := s.pair(f)
	if err != nil {
		return err
	}
	return inTurn(
		func() error { return deafen(t.fd) },
		func() error { return s.shutdown(c, t) },
		func() error { return s.tell(c, "closing") },
		func() error { return s.tell(t, "fin-wait-1") })
}

// timeWait closes orderly. Its socket goes, a small one without owner stays for
// a minute.
func (s *states) timeWait(f family) error {
	c, t, err := s.pair(f)
	if err != nil {
		return err
	}
	if err := c.close(); err != nil {
		return err
	}
	if err := poll(s.deadline, "end of peer", readable(t.fd)); err != nil {
		return err
	}
	if err := t.close(); err != nil {
		return err
	}
	return s.orphan(c, "time-wait")
}
