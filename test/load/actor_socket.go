package main

import (
	"fmt"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

var actorLoopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// actorPatience bounds what an actor waits for.
const actorPatience = 30 * time.Second

func (a *actor) listen(args []string) (string, error) {
	proto, at := 0, actorLoopback
	switch args[1] {
	case "mptcp":
		proto = unix.IPPROTO_MPTCP
	case "wide":
		at = netip.IPv4Unspecified()
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, proto)
	if err != nil {
		return "", err
	}
	if err := unix.Bind(fd, v4.sockaddr(netip.AddrPortFrom(at, 0))); err != nil {
		return "", err
	}
	if err := unix.Listen(fd, 64); err != nil {
		return "", err
	}
	local, err := localAddr(fd)
	if err != nil {
		return "", err
	}
	a.sockets[args[0]] = fd
	return strconv.Itoa(int(local.Port())), nil
}

// connect is told how: blocking, mptcp, nonblocking, thread (another than the group leader),
// or one of the rings' ways.
func (a *actor) connect(args []string) (string, error) {
	where := args[1]
	if !strings.Contains(where, ":") {
		where = actorLoopback.String() + ":" + where
	}
	to, err := netip.ParseAddrPort(where)
	if err != nil {
		return "", err
	}
	proto := 0
	if args[2] == "mptcp" {
		proto = unix.IPPROTO_MPTCP
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, proto)
	if err != nil {
		return "", err
	}
	a.sockets[args[0]] = fd
	switch how := args[2]; how {
	case "blocking", "mptcp":
		err = unix.Connect(fd, v4.sockaddr(to))
	case "thread":
		err = onNamedThread(func() error { return unix.Connect(fd, v4.sockaddr(to)) })
	case "nonblocking":
		err = connectLater(fd, v4.sockaddr(to))
	default:
		var r *uring
		if r, err = a.uring(how); err == nil {
			err = r.connect(fd, to)
		}
	}
	if err != nil {
		return "", fmt.Errorf("connect %s: %w", args[2], err)
	}
	return "ok", block(fd)
}

func connectLater(fd int, to unix.Sockaddr) error {
	if err := unix.SetNonblock(fd, true); err != nil {
		return err
	}
	if err := unix.Connect(fd, to); err != nil && err != unix.EINPROGRESS {
		return err
	}
	if err := poll(time.Now().Add(actorPatience), "connect", writable(fd)); err != nil {
		return err
	}
	code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && code != 0 {
		err = unix.Errno(code)
	}
	return err
}

// accept is told how: blocking, epoll, thread, or one of the rings' ways.
func (a *actor) accept(args []string) (string, error) {
	l, err := a.socket(args[1])
	if err != nil {
		return "", err
	}
	var fd int
	blocking := func() (err error) {
		if err := block(l); err != nil {
			return err
		}
		fd, _, err = unix.Accept4(l, unix.SOCK_CLOEXEC)
		return err
	}
	switch how := args[2]; how {
	case "blocking":
		err = blocking()
	case "thread":
		err = onNamedThread(blocking)
	case "epoll":
		fd, err = acceptByEpoll(l)
	default:
		var r *uring
		if r, err = a.uring(how); err == nil {
			fd, err = r.accept(l)
		}
	}
	if err != nil {
		return "", fmt.Errorf("accept %s: %w", args[2], err)
	}
	a.sockets[args[0]] = fd
	return "ok", block(fd)
}

func acceptByEpoll(l int) (int, error) {
	if err := unix.SetNonblock(l, true); err != nil {
		return 0, err
	}
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return 0, err
	}
	defer func() { _ = unix.Close(ep) }()
	if err := unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, l, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(l)}); err != nil {
		return 0, err
	}
	var events [1]unix.EpollEvent
	for end := time.Now().Add(actorPatience); time.Now().Before(end); {
		n, err := unix.EpollWait(ep, events[:], 1000)
		if err != nil && err != unix.EINTR {
			return 0, err
		}
		if n <= 0 {
			continue
		}
		fd, _, err := unix.Accept4(l, unix.SOCK_CLOEXEC)
		if !again(err) {
			return fd, err
		}
	}
	return 0, unix.ETIMEDOUT
}

func (a *actor) send(args []string) (string, error) { return a.move(args, writeAll) }

func (a *actor) receive(args []string) (string, error) { return a.move(args, readAll) }

func (a *actor) move(args []string, by func(int, []byte) error) (string, error) {
	fd, err := a.socket(args[0])
	if err != nil {
		return "", err
	}
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return "", err
	}
	return "ok", by(fd, make([]byte, n))
}

func (a *actor) close(args []string) (string, error) {
	fd, err := a.socket(args[0])
	if err != nil {
		return "", err
	}
	delete(a.sockets, args[0])
	return "ok", unix.Close(fd)
}

func (a *actor) shutdown(args []string) (string, error) {
	fd, err := a.socket(args[0])
	if err != nil {
		return "", err
	}
	return "ok", unix.Shutdown(fd, unix.SHUT_RDWR)
}

// uring is the ring that works in a way: "uring" in the caller's context, "uring-worker"
// in a worker of the kernel's for this process, "uring-poll" in the thread that polls.
func (a *actor) uring(how string) (*uring, error) {
	if r := a.ring[how]; r != nil {
		return r, nil
	}
	var flags uint32
	if how == "uring-poll" {
		flags = setupSQPoll
	}
	r, err := newUring(flags, how == "uring-worker")
	if err != nil {
		return nil, fmt.Errorf("%s on %s: %w", how, runtime.GOARCH, err)
	}
	a.ring[how] = r
	return r, nil
}
