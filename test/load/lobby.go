package main

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// lobby is where connections are made: one listener per family, non-blocking
// sockets.
type lobby struct {
	mu        sync.Mutex // a connection is accepted by who connected it
	listeners [families]int
	addrs     [families]netip.AddrPort
}

func openLobby() (*lobby, error) {
	l := &lobby{}
	for f := range families {
		bind := f.loopback()
		if f == mapped {
			bind = netip.IPv6Unspecified() // dual stack, as most servers
		}
		fd, err := listen(f, netip.AddrPortFrom(bind, 0), 4096)
		if err != nil {
			return nil, err
		}
		at, err := localAddr(fd)
		if err != nil {
			return nil, err
		}
		l.listeners[f] = fd
		l.addrs[f] = netip.AddrPortFrom(f.loopback(), at.Port())
	}
	return l, nil
}

func (l *lobby) close() error {
	var errs []error
	for _, fd := range l.listeners {
		errs = append(errs, unix.Close(fd))
	}
	return errors.Join(errs...)
}

// pair makes one connection and describes both ends.
func (l *lobby) pair(f family, kind string, deadline time.Time) (client, server *end, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, err := dial(f, l.addrs[f], deadline)
	if err != nil {
		return nil, nil, err
	}
	if err := poll(deadline, "accept", readable(l.listeners[f])); err != nil {
		return nil, nil, err
	}
	s, _, err := unix.Accept4(l.listeners[f], unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if err != nil {
		return nil, nil, fmt.Errorf("accept: %w", err)
	}
	if client, err = newEnd(c, kind, "out"); err != nil {
		return nil, nil, err
	}
	if server, err = newEnd(s, kind, "in"); err != nil {
		return nil, nil, err
	}
	if client.Local() != server.Remote() {
		return nil, nil, fmt.Errorf("accepted %v, not %v: somebody else uses the port", server.Remote(), client.Local())
	}
	return client, server, nil
}

// listen opens a non-blocking listener.
func listen(f family, at netip.AddrPort, backlog int) (int, error) {
	fd, err := unix.Socket(f.domain(), unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return -1, fmt.Errorf("reuse address: %w", err)
	}
	if f == v6 {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
			return -1, fmt.Errorf("v6 only: %w", err)
		}
	}
	if err := unix.Bind(fd, f.sockaddr(at)); err != nil {
		return -1, fmt.Errorf("bind %v: %w", at, err)
	}
	if err := unix.Listen(fd, backlog); err != nil {
		return -1, fmt.Errorf("listen: %w", err)
	}
	return fd, nil
}

// dial opens a non-blocking connection and waits until it is established.
func dial(f family, to netip.AddrPort, deadline time.Time) (int, error) {
	fd, err := startDial(f, to)
	if err != nil {
		return -1, err
	}
	if err := poll(deadline, "connect", writable(fd)); err != nil {
		return -1, err
	}
	errno, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return -1, fmt.Errorf("connect: %w", err)
	}
	if errno != 0 {
		return -1, fmt.Errorf("connect %v: %w", to, unix.Errno(errno))
	}
	return fd, nil
}

// startDial opens a connection without waiting for the answer.
func startDial(f family, to netip.AddrPort) (int, error) {
	fd, err := unix.Socket(f.domain(), unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	if err := unix.Connect(fd, f.sockaddr(to)); err != nil && err != unix.EINPROGRESS {
		return -1, fmt.Errorf("connect %v: %w", to, err)
	}
	return fd, nil
}
