package main

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// inheritedListener is the first of exec.Cmd.ExtraFiles.
const inheritedListener = 3

// shortServerMain is one accepting process of short: INDEX. It serves until its
// standard input ends.
func shortServerMain(args []string, c *console) error {
	if err := rename("srv-" + args[0]); err != nil {
		return err
	}
	for {
		fds := []unix.PollFd{readable(inheritedListener), {Fd: 0, Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); err != nil && err != unix.EINTR {
			return fmt.Errorf("poll: %w", err)
		}
		if fds[0].Revents == 0 {
			if fds[1].Revents != 0 {
				return nil
			}
			continue
		}
		fd, _, err := unix.Accept4(inheritedListener, unix.SOCK_CLOEXEC)
		if again(err) {
			continue // another server was faster
		}
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		if err := shortServe(fd, c); err != nil {
			return err
		}
	}
}

func shortServe(fd int, c *console) error {
	if err := patient(fd); err != nil {
		return err
	}
	e, err := newEnd(fd, "short", "in")
	if err != nil {
		return err
	}
	if e.Start, err = startOfSelf(); err != nil {
		return err
	}
	if err := readAll(fd, make([]byte, shortRequest)); err != nil {
		return err
	}
	if err := writeAll(fd, make([]byte, shortReply)); err != nil {
		return err
	}
	if err := readAll(fd, make([]byte, 1)); !errors.Is(err, errEarlyEnd) {
		return fmt.Errorf("end of client: not the end but %w", err)
	}
	e.RxBytes, e.TxBytes = shortRequest, shortReply
	if err := e.tell(c); err != nil {
		return err
	}
	return e.close()
}
