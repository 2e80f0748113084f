package main

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// reader receives by read(2).
type reader struct{ buf []byte }

func newReader() *reader { return &reader{buf: make([]byte, chunk)} }

func (r *reader) receive(fd int, n int64) (int64, error) {
	k, err := unix.Read(fd, r.buf[:min(n, chunk)])
	if k == 0 && err == nil {
		return 0, errEarlyEnd
	}
	return int64(k), err
}

func (r *reader) close() error { return nil }

var errEarlyEnd = errors.New("connection ended early")

// peeker looks at the bytes with MSG_PEEK before it reads them.
type peeker struct{ reader }

func (p *peeker) receive(fd int, n int64) (int64, error) {
	if _, _, err := unix.Recvfrom(fd, p.buf[:min(n, chunk)], unix.MSG_PEEK); err != nil {
		return 0, err
	}
	return p.reader.receive(fd, n)
}

// drain receives by splice(2) through a pipe to /dev/null.
type drain struct {
	pipe [2]int
	null int
}

func newDrain() (*drain, error) {
	d := &drain{}
	var err error
	if d.null, err = unix.Open("/dev/null", unix.O_WRONLY|unix.O_CLOEXEC, 0); err != nil {
		return nil, fmt.Errorf("/dev/null: %w", err)
	}
	if err := unix.Pipe2(d.pipe[:], unix.O_NONBLOCK|unix.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("pipe: %w", err)
	}
	return d, nil
}

func (d *drain) receive(fd int, n int64) (int64, error) {
	k, err := unix.Splice(fd, nil, d.pipe[1], nil, int(min(n, chunk)), unix.SPLICE_F_NONBLOCK)
	if err != nil {
		return 0, err
	}
	if k == 0 {
		return 0, errEarlyEnd
	}
	for left := k; left > 0; {
		m, err := unix.Splice(d.pipe[0], nil, d.null, nil, int(left), 0)
		if err != nil {
			return 0, fmt.Errorf("splice to /dev/null: %w", err)
		}
		left -= m
	}
	return k, nil
}

func (d *drain) close() error {
	return errors.Join(unix.Close(d.null), unix.Close(d.pipe[0]), unix.Close(d.pipe[1]))
}
