package main

import (
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// shortClientMain is one process of short: INDEX PORT. It exits without closing
// its connection.
func shortClientMain(args []string, c *console) error {
	i, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	port, err := strconv.ParseUint(args[1], 10, 16)
	if err != nil {
		return err
	}
	if err := rename(fmt.Sprintf("cli-%d", i)); err != nil {
		return err
	}
	exchange := func() error { return shortExchange(family(i)%families, uint16(port), c) }
	if i%4 != 3 {
		return exchange()
	}
	return onNamedThread(exchange)
}

func shortExchange(f family, port uint16, c *console) error {
	fd, err := unix.Socket(f.domain(), unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	if err := unix.Connect(fd, f.sockaddr(netip.AddrPortFrom(f.loopback(), port))); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	// Only now: with a limit a call that a signal interrupts is not restarted.
	if err := patient(fd); err != nil {
		return err
	}
	e, err := newEnd(fd, "short", "out")
	if err != nil {
		return err
	}
	if e.Start, err = startOfSelf(); err != nil {
		return err
	}
	e.TxBytes, e.RxBytes = shortRequest, shortReply
	if err := writeAll(fd, make([]byte, shortRequest)); err != nil {
		return err
	}
	// Before the last read, so that the exit follows it at once. Should that read
	// fail, so does the process and with it the whole run.
	if err := e.tell(c); err != nil {
		return err
	}
	return readAll(fd, make([]byte, shortReply))
}

// onNamedThread runs f on a thread that is not the group leader and has a comm
// of its own, which must not be taken for the process'.
func onNamedThread(f func() error) error {
	runtime.LockOSThread()
	if unix.Gettid() == unix.Getpid() {
		// A goroutine runs elsewhere as long as this one keeps the leader.
		done := make(chan error)
		go func() { done <- onNamedThread(f) }()
		return <-done
	}
	if err := os.WriteFile("/proc/thread-self/comm", []byte("thread"), 0); err != nil {
		return err
	}
	return f()
}

func writeAll(fd int, p []byte) error {
	for len(p) > 0 {
		n, err := unix.Write(fd, p)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("write: %w", err)
		}
		p = p[n:]
	}
	return nil
}

func readAll(fd int, p []byte) error {
	for len(p) > 0 {
		n, err := unix.Read(fd, p)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		if n == 0 {
			return errEarlyEnd
		}
		p = p[n:]
	}
	return nil
}
