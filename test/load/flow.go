package main

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// chunk is the most that one call moves, in bytes.
const chunk = 256 << 10

// sender gives bytes to a socket without blocking and says how many the kernel
// took. It must not count what it still holds itself.
type sender interface {
	send(fd int, n int64) (int64, error)
	// settled reports whether nothing is left to do for bytes already sent.
	settled(fd int) (bool, error)
	close() error
}

// receiver takes at most n bytes off a socket without blocking.
type receiver interface {
	receive(fd int, n int64) (int64, error)
	close() error
}

// flow is one direction of a connection.
type flow struct {
	from, to *end
	size     int64 // to send, in bytes
	keep     int64 // to leave unread at the receiver, in bytes
	sent     int64
	read     int64
	send     sender
	receive  receiver
	done     bool
}

// step moves what can be moved now and reports whether that was anything.
func (f *flow) step() (bool, error) {
	before := f.sent + f.read
	if f.sent < f.size {
		n, err := f.send.send(f.from.fd, f.size-f.sent)
		if err != nil && !again(err) {
			return false, fmt.Errorf("%s: send: %w", f.from.Kind, err)
		}
		f.sent += max(n, 0)
	}
	if want := f.size - f.keep; f.read < want {
		n, err := f.receive.receive(f.to.fd, want-f.read)
		if err != nil && !again(err) {
			return false, fmt.Errorf("%s: receive: %w", f.to.Kind, err)
		}
		f.read += max(n, 0)
	}
	settled, err := f.send.settled(f.from.fd)
	if err != nil {
		return false, fmt.Errorf("%s: %w", f.from.Kind, err)
	}
	f.done = settled && f.sent == f.size && f.read == f.size-f.keep
	return f.sent+f.read > before, nil
}

// interest lists what the flow waits for. A sender that is not settled waits
// for POLLERR, which needs no asking.
func (f *flow) interest() []unix.PollFd {
	from := unix.PollFd{Fd: int32(f.from.fd)}
	if f.sent < f.size {
		from.Events = unix.POLLOUT
	}
	fds := []unix.PollFd{from}
	if f.read < f.size-f.keep {
		fds = append(fds, readable(f.to.fd))
	}
	return fds
}

// finish waits until what is left unread has arrived and writes the truth.
func (f *flow) finish(deadline time.Time) error {
	if f.keep > 0 {
		err := await(deadline, "unread bytes", func() (bool, error) {
			queued, err := unix.IoctlGetInt(f.to.fd, unix.SIOCINQ)
			return int64(queued) == f.keep, err
		})
		if err != nil {
			return err
		}
	}
	f.from.TxBytes += uint64(f.size)
	f.to.RxBytes += uint64(f.size)
	return nil
}

// pump moves all flows at once, until all that was sent has arrived.
func pump(deadline time.Time, flows ...*flow) error {
	for {
		moved, done := false, true
		var fds []unix.PollFd
		for _, f := range flows {
			m, err := f.step()
			if err != nil {
				return err
			}
			moved = moved || m
			if !f.done {
				done = false
				fds = append(fds, f.interest()...)
			}
		}
		if done {
			break
		}
		if !moved {
			if err := poll(deadline, flows[0].from.Kind, fds...); err != nil {
				return err
			}
		}
	}
	for _, f := range flows {
		if err := f.finish(deadline); err != nil {
			return err
		}
	}
	return nil
}
