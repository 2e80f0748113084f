package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"golang.org/x/sys/unix"
)

// exchange is one connection of bulk and what happens on it.
type exchange struct {
	client, server *end
	rng            *rand.Rand
	max            int64 // bytes per direction
	deadline       time.Time
	serverFirst    bool // who closes first
}

type bulkKind struct {
	name string
	run  func(*exchange) error
}

func bulkKinds() []bulkKind {
	return []bulkKind{
		{"write", (*exchange).write},
		{"sendfile", (*exchange).sendfile},
		{"splice", (*exchange).splice},
		{"zerocopy", (*exchange).zerocopy},
		{"half-close", (*exchange).halfClose},
		{"reset", (*exchange).reset},
		{"partial", (*exchange).partial},
		{"peek", (*exchange).peek},
	}
}

// size draws a number of bytes: one in eight is 0, half of the rest is small.
func (x *exchange) size() int64 {
	switch {
	case x.rng.IntN(8) == 0:
		return 0
	case x.rng.IntN(2) == 0:
		return x.rng.Int64N(min(x.max, 64<<10) + 1)
	default:
		return x.rng.Int64N(x.max + 1)
	}
}

func (x *exchange) close() error {
	first, second := x.client, x.server
	if x.serverFirst {
		first, second = second, first
	}
	return errors.Join(first.close(), second.close())
}

func (x *exchange) up(s sender, r receiver) *flow {
	return &flow{from: x.client, to: x.server, size: x.size(), send: s, receive: r}
}

func (x *exchange) down(s sender, r receiver) *flow {
	return &flow{from: x.server, to: x.client, size: x.size(), send: s, receive: r}
}

// move pumps the flows and lets go of what they used.
func (x *exchange) move(flows ...*flow) error {
	err := pump(x.deadline, flows...)
	for _, f := range flows {
		err = errors.Join(err, f.send.close(), f.receive.close())
	}
	return err
}

func (x *exchange) write() error {
	x.serverFirst = x.rng.IntN(2) == 0
	return x.move(x.up(newWriter(chunk), newReader()), x.down(newWriter(4096), newReader()))
}

func (x *exchange) sendfile() error {
	s, err := newFileSender()
	if err != nil {
		return err
	}
	return x.move(x.up(s, newReader()), x.down(newWriter(chunk), newReader()))
}

func (x *exchange) splice() error {
	s, err := newSplicer()
	if err != nil {
		return err
	}
	d, err := newDrain()
	if err != nil {
		return err
	}
	return x.move(x.up(s, d), x.down(newWriter(chunk), newReader()))
}

func (x *exchange) zerocopy() error {
	up, err := newZeroCopier(x.client.fd)
	if err != nil {
		return err
	}
	down, err := newZeroCopier(x.server.fd)
	if err != nil {
		return err
	}
	return x.move(x.up(up, newReader()), x.down(down, newReader()))
}

// partial makes the kernel take only a part of every write. The buffer holds
// some of loopback's 64 KiB segments: with less, each waits for a delayed ACK.
func (x *exchange) partial() error {
	for _, e := range []*end{x.client, x.server} {
		if err := unix.SetsockoptInt(e.fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 128<<10); err != nil {
			return fmt.Errorf("send buffer: %w", err)
		}
	}
	return x.move(x.up(newWriter(1<<20), newReader()), x.down(newWriter(1<<20), newReader()))
}

func (x *exchange) peek() error {
	return x.move(x.up(newWriter(chunk), &peeker{*newReader()}), x.down(newWriter(chunk), &peeker{*newReader()}))
}

// halfClose lets the client end its direction before the server begins its own.
func (x *exchange) halfClose() error {
	if err := x.move(x.up(newWriter(chunk), newReader())); err != nil {
		return err
	}
	if err := unix.Shutdown(x.client.fd, unix.SHUT_WR); err != nil {
		return fmt.Errorf("shutdown: %w", err)
	}
	if err := poll(x.deadline, "end of half", readable(x.server.fd)); err != nil {
		return err
	}
	if n, err := unix.Read(x.server.fd, make([]byte, 1)); n != 0 || err != nil {
		return fmt.Errorf("end of half: read %d: %w", n, err)
	}
	x.server.gotFIN = true
	x.serverFirst = true
	return x.move(x.down(newWriter(chunk), newReader()))
}

// reset leaves bytes unread at one end, whose close then is a RST.
func (x *exchange) reset() error {
	up, down := x.up(newWriter(chunk), newReader()), x.down(newWriter(chunk), newReader())
	f := up
	x.serverFirst = x.rng.IntN(2) == 0
	if !x.serverFirst {
		f = down
	}
	f.size = max(f.size, 1)
	// Less than any kernel's smallest receive buffer, so that all of it arrives.
	rest := &flow{from: f.from, to: f.to, send: newWriter(chunk), receive: newReader()}
	rest.size = 1 + x.rng.Int64N(min(f.size, 32<<10))
	rest.keep = rest.size
	f.size -= rest.size
	// The rest follows when all before it was read: a window that was shut then
	// would stay so, and the rest would wait for window probes.
	if err := x.move(up, down); err != nil {
		return err
	}
	return x.move(rest)
}
