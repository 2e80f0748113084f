package main

import (
	"fmt"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rawWrite writes all of p without telling the Go scheduler.
func rawWrite(fd int, p []byte) error {
	for len(p) > 0 {
		n, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 {
			return fmt.Errorf("write: %w", errno)
		}
		p = p[n:]
	}
	return nil
}

// rawRead reads what there is, 0 at the end.
func rawRead(fd int, p []byte) (int, error) {
	for {
		n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 {
			return 0, fmt.Errorf("read: %w", errno)
		}
		return int(n), nil
	}
}

// rawReadFull reads len(p) bytes, or none at the end.
func rawReadFull(fd int, p []byte) (int, error) {
	for got := 0; ; {
		n, err := rawRead(fd, p[got:])
		if err != nil || n == 0 {
			return 0, err
		}
		if got += n; got == len(p) {
			return got, nil
		}
	}
}

// blockingPairs makes connections with blocking sockets and without delay.
func blockingPairs(n int) ([][2]int, error) {
	l, err := openLobby()
	if err != nil {
		return nil, err
	}
	pairs := make([][2]int, n)
	for i := range pairs {
		c, s, err := l.pair(v4, "bench", time.Now().Add(30*time.Second))
		if err != nil {
			return nil, err
		}
		for _, fd := range []int{c.fd, s.fd} {
			if err := block(fd); err != nil {
				return nil, err
			}
			if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
				return nil, fmt.Errorf("no delay: %w", err)
			}
		}
		pairs[i] = [2]int{c.fd, s.fd}
	}
	return pairs, l.close()
}

// churnAddr returns the i-th of 60,000 loopback addresses of a thread: each has
// its own local ports, so that those in TIME_WAIT are never missed.
func churnAddr(thread, i int) netip.Addr {
	i = i%60000 + 1
	return netip.AddrFrom4([4]byte{127, byte(thread + 1), byte(i >> 8), byte(i)})
}
