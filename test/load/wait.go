package main

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// poll waits until one of fds has what it asks for (or an error) or until the
// deadline, which is an error.
func poll(deadline time.Time, what string, fds ...unix.PollFd) error {
	for {
		left := time.Until(deadline)
		if left <= 0 {
			return fmt.Errorf("%s: nothing happened before the deadline", what)
		}
		ts := unix.NsecToTimespec(int64(left))
		n, err := unix.Ppoll(fds, &ts, nil)
		if n > 0 {
			return nil
		}
		if err != nil && err != unix.EINTR {
			return fmt.Errorf("poll: %w", err)
		}
	}
}

// await asks cond at growing intervals of 0.1 to 5 ms until it is true or until
// the deadline, for conditions that no descriptor reports.
func await(deadline time.Time, what string, cond func() (bool, error)) error {
	for pause := 100 * time.Microsecond; ; pause = min(2*pause, 5*time.Millisecond) {
		ok, err := cond()
		if err != nil || ok {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: not before the deadline", what)
		}
		<-time.After(pause)
	}
}

func readable(fd int) unix.PollFd { return unix.PollFd{Fd: int32(fd), Events: unix.POLLIN} }
func writable(fd int) unix.PollFd { return unix.PollFd{Fd: int32(fd), Events: unix.POLLOUT} }

// again tells that a non-blocking call has to be repeated later.
func again(err error) bool { return errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) }

// block makes calls on a socket wait, but not for ever.
func block(fd int) error {
	if err := unix.SetNonblock(fd, false); err != nil {
		return fmt.Errorf("blocking mode: %w", err)
	}
	return patient(fd)
}

// patient gives every blocking call on a socket a deadline; connect(2) keeps the
// one for sending.
func patient(fd int) error {
	tv := unix.NsecToTimeval(int64(30 * time.Second))
	for _, opt := range []int{unix.SO_RCVTIMEO, unix.SO_SNDTIMEO} {
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, opt, &tv); err != nil {
			return fmt.Errorf("socket timeout: %w", err)
		}
	}
	return nil
}
