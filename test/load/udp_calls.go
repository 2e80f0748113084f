package main

import (
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// size draws a datagram's payload in bytes: mostly below an Ethernet frame's,
// sometimes far above.
func (u *udp) size() int {
	if u.rng.IntN(8) == 0 {
		return 1 + u.rng.IntN(60000)
	}
	return 1 + u.rng.IntN(1400)
}

// sendto sends one datagram with an address.
func (s *udpSock) sendto(to netip.AddrPort, n int) error {
	if err := unix.Sendto(s.fd, s.buf[:n], 0, s.sockaddr(to)); err != nil {
		return fmt.Errorf("sendto: %w", err)
	}
	s.sent(to, n, 1)
	return nil
}

// write sends one datagram on a connected socket.
func (s *udpSock) write(to netip.AddrPort, n int) error {
	k, err := unix.Write(s.fd, s.buf[:n])
	if err != nil || k != n {
		return fmt.Errorf("write: %d of %d: %w", k, n, err)
	}
	s.sent(to, n, 1)
	return nil
}

// recvfrom receives one datagram and checks it.
func (s *udpSock) recvfrom(from netip.AddrPort, n int) error {
	if err := s.wait(); err != nil {
		return err
	}
	k, sa, err := unix.Recvfrom(s.fd, s.buf, 0)
	if err != nil {
		return fmt.Errorf("recvfrom: %w", err)
	}
	at, err := addrPort(sa)
	if err != nil {
		return err
	}
	if at != from || k != n {
		return fmt.Errorf("received %d bytes from %v, not %d from %v", k, at, n, from)
	}
	s.got(from, n, 1)
	return nil
}

// recv receives one datagram without asking who sent it.
func (s *udpSock) recv(from netip.AddrPort, n int) error {
	if err := s.wait(); err != nil {
		return err
	}
	k, _, errno := unix.Syscall6(unix.SYS_RECVFROM, uintptr(s.fd),
		uintptr(unsafe.Pointer(&s.buf[0])), uintptr(len(s.buf)), 0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("recv: %w", errno)
	}
	if int(k) != n {
		return fmt.Errorf("received %d bytes, not %d", k, n)
	}
	s.got(from, n, 1)
	return nil
}

// read receives one datagram by read(2).
func (s *udpSock) read(from netip.AddrPort, n int) error {
	if err := s.wait(); err != nil {
		return err
	}
	k, err := unix.Read(s.fd, s.buf)
	if err != nil || k != n {
		return fmt.Errorf("read: %d of %d: %w", k, n, err)
	}
	s.got(from, n, 1)
	return nil
}

func (s *udpSock) wait() error { return poll(s.u.deadline, "datagram", readable(s.fd)) }
