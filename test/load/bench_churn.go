package main

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// benchChurnMain measures short connections: each thread is both ends. An op is
// connect, accept, 100 bytes there, 50 bytes back, close and close.
func benchChurnMain(args []string, c *console) error {
	b := newBench("bench-churn", 0)
	par := b.fs.Int("par", 2, "threads, at most 200")
	if err := b.fs.Parse(args); err != nil {
		return err
	}
	if *par < 1 || *par > 200 {
		return errors.New("-par is not 1 to 200")
	}
	done := make([]int64, *par)
	var tasks []func() error
	begin := time.Now()
	end := begin.Add(b.duration())
	for i := range *par {
		tasks = append(tasks, func() (err error) { done[i], err = churn(i, end); return err })
	}
	if err := b.threads(tasks...); err != nil {
		return err
	}
	r := result{Bench: "churn", Seconds: time.Since(begin).Seconds()}
	for _, n := range done {
		r.Ops += n
	}
	return c.say(r)
}

// churn makes connections until end and returns how many.
func churn(thread int, end time.Time) (n int64, err error) {
	l, err := listen(v4, netip.AddrPortFrom(netip.IPv4Unspecified(), 0), 64)
	if err != nil {
		return 0, err
	}
	if err := block(l); err != nil {
		return 0, err
	}
	at, err := localAddr(l)
	if err != nil {
		return 0, err
	}
	for time.Now().Before(end) {
		if err := churnOne(l, netip.AddrPortFrom(churnAddr(thread, int(n)), at.Port())); err != nil {
			return n, fmt.Errorf("connection %d: %w", n, err)
		}
		n++
	}
	return n, unix.Close(l)
}

// churnOne hardly ever waits: over loopback each call finds done what the one
// before it did at the other end.
func churnOne(l int, to netip.AddrPort) error {
	c, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	if err := unix.Connect(c, v4.sockaddr(to)); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	s, _, err := unix.Accept4(l, unix.SOCK_CLOEXEC)
	if err != nil {
		return fmt.Errorf("accept: %w", err)
	}
	var buf [touchUp]byte
	return inTurn(
		func() error { return rawWrite(c, buf[:touchUp]) },
		func() error { _, err := rawReadFull(s, buf[:touchUp]); return err },
		func() error { return rawWrite(s, buf[:touchDown]) },
		func() error { _, err := rawReadFull(c, buf[:touchDown]); return err },
		func() error { return unix.Close(c) },
		func() error { return unix.Close(s) })
}
