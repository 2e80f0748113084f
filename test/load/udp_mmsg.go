package main

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	unix.Msghdr
	n uint32
}

// mmsg sends and receives several datagrams per call, each with its address.
func (u *udp) mmsg() error {
	p, err := u.sockets(2)
	if err != nil {
		return err
	}
	a, b := p[0], p[1]
	for range u.rounds() {
		sizes := make([]int, 1+u.rng.IntN(16))
		for i := range sizes {
			sizes[i] = 1 + u.rng.IntN(1400)
		}
		if err := a.sendmmsg(b, sizes); err != nil {
			return err
		}
		if err := b.recvmmsg(a, sizes); err != nil {
			return err
		}
	}
	return nil
}

// sendmmsg sends one datagram per size on a socket that it connects: x/sys
// keeps its encoding of addresses to itself.
func (s *udpSock) sendmmsg(to *udpSock, sizes []int) error {
	if err := s.connect(to); err != nil {
		return err
	}
	done, err := s.many(unix.SYS_SENDMMSG, sizes)
	if err != nil {
		return fmt.Errorf("sendmmsg: %w", err)
	}
	if len(done) != len(sizes) {
		return fmt.Errorf("sendmmsg: %d of %d", len(done), len(sizes))
	}
	for _, n := range done {
		s.sent(to.addr, n, 1)
	}
	return nil
}

// recvmmsg receives as many datagrams as there are sizes.
func (s *udpSock) recvmmsg(from *udpSock, sizes []int) error {
	for len(sizes) > 0 {
		if err := s.wait(); err != nil {
			return err
		}
		done, err := s.many(unix.SYS_RECVMMSG, sizes)
		if err != nil {
			return fmt.Errorf("recvmmsg: %w", err)
		}
		for i, n := range done {
			if n != sizes[i] {
				return fmt.Errorf("recvmmsg: %d bytes, not %d", n, sizes[i])
			}
			s.got(from.addr, n, 1)
		}
		sizes = sizes[len(done):]
	}
	return nil
}

// many makes one call for a datagram of each size and returns what was moved.
func (s *udpSock) many(call uintptr, sizes []int) ([]int, error) {
	headers := make([]mmsghdr, len(sizes))
	vectors := make([]unix.Iovec, len(sizes))
	for i, n := range sizes {
		vectors[i].Base = &s.buf[0]
		vectors[i].SetLen(n)
		headers[i].Iov = &vectors[i]
		headers[i].SetIovlen(1)
	}
	k, _, errno := unix.Syscall6(call, uintptr(s.fd), uintptr(unsafe.Pointer(&headers[0])), uintptr(len(headers)), 0, 0, 0)
	if errno != 0 {
		return nil, errno
	}
	done := make([]int, k)
	for i := range done {
		done[i] = int(headers[i].n)
	}
	return done, nil
}
