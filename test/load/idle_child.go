package main

import (
	"fmt"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"
)

// What a touch moves on each connection, in bytes: from the client, and back.
const (
	touchUp   = 100
	touchDown = 50
)

// idleChildMain holds connections: ADDR N. It prints a number when it is done
// with what each line of standard input asks, which is a fraction.
func idleChildMain(args []string, c *console) error {
	addr, err := netip.ParseAddr(args[0])
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	if err := raiseFiles(uint64(2*n + 100)); err != nil {
		return err
	}
	pairs, err := idlePairs(addr, n)
	if err != nil {
		return err
	}
	if err := c.say(n); err != nil {
		return err
	}
	for {
		line, ok := c.hear()
		if !ok {
			return c.in.Err()
		}
		fraction, err := strconv.ParseFloat(line, 64)
		if err != nil {
			return err
		}
		touched, err := touchSome(pairs, fraction)
		if err != nil {
			return err
		}
		if err := c.say(touched); err != nil {
			return err
		}
	}
}

type idlePair struct{ client, server int }

func idlePairs(addr netip.Addr, n int) ([]idlePair, error) {
	l, err := listen(v4, netip.AddrPortFrom(addr, 0), 64)
	if err != nil {
		return nil, err
	}
	if err := block(l); err != nil {
		return nil, err
	}
	at, err := localAddr(l)
	if err != nil {
		return nil, err
	}
	to := v4.sockaddr(at)
	pairs := make([]idlePair, n)
	for i := range pairs {
		if pairs[i], err = idleConnect(l, to); err != nil {
			return nil, err
		}
	}
	return pairs, unix.Close(l)
}

func idleConnect(l int, to unix.Sockaddr) (p idlePair, err error) {
	if p.client, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return p, fmt.Errorf("socket: %w", err)
	}
	if err := unix.Connect(p.client, to); err != nil {
		return p, fmt.Errorf("connect: %w", err)
	}
	if p.server, _, err = unix.Accept4(l, unix.SOCK_CLOEXEC); err != nil {
		return p, fmt.Errorf("accept: %w", err)
	}
	return p, nil
}

// touchSome moves bytes on every 1/fraction-th connection.
func touchSome(pairs []idlePair, fraction float64) (touched int, err error) {
	buf := make([]byte, touchUp)
	due := 0.0
	for _, p := range pairs {
		if due += fraction; due < 1-1e-9 {
			continue
		}
		due--
		touched++
		err := inTurn(
			func() error { return writeAll(p.client, buf[:touchUp]) },
			func() error { return readAll(p.server, buf[:touchUp]) },
			func() error { return writeAll(p.server, buf[:touchDown]) },
			func() error { return readAll(p.client, buf[:touchDown]) })
		if err != nil {
			return touched, err
		}
	}
	return touched, nil
}

func raiseFiles(n uint64) error {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return fmt.Errorf("file limit: %w", err)
	}
	if r.Cur >= n {
		return nil
	}
	r.Cur, r.Max = n, max(r.Max, n)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return fmt.Errorf("raise file limit to %d: %w", n, err)
	}
	return nil
}
