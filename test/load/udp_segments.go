package main

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batch is a send that the kernel cuts into datagrams.
type batch struct{ bytes, segment, datagrams int }

// batch draws a send of 1 to 40 datagrams, the last of which may be shorter.
func (u *udp) batch() batch {
	b := batch{segment: 100 + u.rng.IntN(1300)}
	b.bytes = 1 + u.rng.IntN(40*b.segment)
	b.datagrams = (b.bytes + b.segment - 1) / b.segment
	return b
}

// gso cuts by the socket option UDP_SEGMENT; the receiver sees datagrams.
func (u *udp) gso() error {
	return u.segments((*udpSock).sendByOption, (*udpSock).receiveEach)
}

// gsoMessage cuts by a control message of each send.
func (u *udp) gsoMessage() error {
	return u.segments((*udpSock).sendByMessage, (*udpSock).receiveEach)
}

// gro receives many datagrams in one call, sent by either way of cutting.
func (u *udp) gro() error {
	if err := u.segments((*udpSock).sendByOption, (*udpSock).receiveMerged); err != nil {
		return err
	}
	return u.segments((*udpSock).sendByMessage, (*udpSock).receiveMerged)
}

// segments sends batches one way and single datagrams back.
func (u *udp) segments(send, receive func(s *udpSock, peer netip.AddrPort, b batch) error) error {
	p, err := u.sockets(2)
	if err != nil {
		return err
	}
	a, b := p[0], p[1]
	for range u.rounds() {
		n, m := u.batch(), u.size()
		if err := inTurn(
			func() error { return send(a, b.addr, n) }, func() error { return receive(b, a.addr, n) },
			func() error { return b.sendto(a.addr, m) }, func() error { return a.recvfrom(b.addr, m) }); err != nil {
			return err
		}
	}
	return nil
}

func (s *udpSock) sendByOption(to netip.AddrPort, b batch) error {
	if err := unix.SetsockoptInt(s.fd, unix.IPPROTO_UDP, unix.UDP_SEGMENT, b.segment); err != nil {
		return fmt.Errorf("segment size: %w", err)
	}
	if err := unix.Sendto(s.fd, s.buf[:b.bytes], 0, s.sockaddr(to)); err != nil {
		return fmt.Errorf("segmented send: %w", err)
	}
	s.sent(to, b.bytes, b.datagrams)
	return nil
}

func (s *udpSock) sendByMessage(to netip.AddrPort, b batch) error {
	oob := make([]byte, unix.CmsgSpace(2))
	h := (*unix.Cmsghdr)(unsafe.Pointer(&oob[0]))
	h.Level, h.Type = unix.IPPROTO_UDP, unix.UDP_SEGMENT
	h.SetLen(unix.CmsgLen(2))
	binary.NativeEndian.PutUint16(oob[unix.CmsgLen(0):], uint16(b.segment))
	if _, err := unix.SendmsgN(s.fd, s.buf[:b.bytes], oob, s.sockaddr(to), 0); err != nil {
		return fmt.Errorf("segmented send: %w", err)
	}
	s.sent(to, b.bytes, b.datagrams)
	return nil
}

// receiveEach receives the datagrams of a batch one by one.
func (s *udpSock) receiveEach(from netip.AddrPort, b batch) error {
	for left := b.bytes; left > 0; left -= b.segment {
		if err := s.recvfrom(from, min(left, b.segment)); err != nil {
			return err
		}
	}
	return nil
}

// receiveMerged receives a batch in as few calls as UDP_GRO makes of it.
func (s *udpSock) receiveMerged(from netip.AddrPort, b batch) error {
	// Set before the first receive is too late for what is queued already, which
	// then comes one by one: both are right.
	if err := unix.SetsockoptInt(s.fd, unix.IPPROTO_UDP, unix.UDP_GRO, 1); err != nil {
		return fmt.Errorf("receive merged: %w", err)
	}
	bytes, datagrams := 0, 0
	for bytes < b.bytes {
		n, segment, err := s.recvMerged(from)
		if err != nil {
			return err
		}
		bytes += n
		datagrams += (n + segment - 1) / segment
	}
	if bytes != b.bytes || datagrams != b.datagrams {
		return fmt.Errorf("received %d bytes in %d datagrams, not %d in %d", bytes, datagrams, b.bytes, b.datagrams)
	}
	s.got(from, bytes, datagrams)
	return nil
}

// recvMerged makes one call and returns what it got and the size of a datagram.
func (s *udpSock) recvMerged(from netip.AddrPort) (n, segment int, err error) {
	if err := s.wait(); err != nil {
		return 0, 0, err
	}
	oob := make([]byte, unix.CmsgSpace(4))
	n, oobn, _, sa, err := unix.Recvmsg(s.fd, s.buf, oob, 0)
	if err != nil {
		return 0, 0, fmt.Errorf("recvmsg: %w", err)
	}
	if at, err := addrPort(sa); err != nil || at != from {
		return 0, 0, fmt.Errorf("received from %v, not %v: %w", at, from, err)
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil {
		return 0, 0, fmt.Errorf("control message: %w", err)
	}
	for _, m := range messages {
		if m.Header.Level == unix.IPPROTO_UDP && m.Header.Type == unix.UDP_GRO {
			return n, int(binary.NativeEndian.Uint32(m.Data)), nil
		}
	}
	return n, max(n, 1), nil
}
