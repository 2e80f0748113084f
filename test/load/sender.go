package main

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// writer sends by write(2), at most limit bytes at a time.
type writer struct {
	buf []byte
}

func newWriter(limit int) *writer { return &writer{buf: make([]byte, limit)} }

func (w *writer) send(fd int, n int64) (int64, error) {
	k, err := unix.Write(fd, w.buf[:min(n, int64(len(w.buf)))])
	return int64(k), err
}

func (w *writer) settled(int) (bool, error) { return true, nil }
func (w *writer) close() error              { return nil }

// fileSize is the size of the file that sendfile and splice read, in bytes.
const fileSize = 1 << 20

// fileSender sends by sendfile(2).
type fileSender struct {
	file int
	off  int64
}

func newFileSender() (*fileSender, error) {
	file, err := memoryFile()
	return &fileSender{file: file}, err
}

func (s *fileSender) send(fd int, n int64) (int64, error) {
	if s.off == fileSize {
		s.off = 0
	}
	k, err := unix.Sendfile(fd, s.file, &s.off, int(min(n, chunk, fileSize-s.off)))
	return int64(k), err
}

func (s *fileSender) settled(int) (bool, error) { return true, nil }
func (s *fileSender) close() error              { return unix.Close(s.file) }

// splicer sends by splice(2) from a file through a pipe.
type splicer struct {
	file   int
	off    int64
	pipe   [2]int
	inPipe int64
}

func newSplicer() (*splicer, error) {
	s := &splicer{}
	var err error
	if s.file, err = memoryFile(); err != nil {
		return nil, err
	}
	if err := unix.Pipe2(s.pipe[:], unix.O_NONBLOCK|unix.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("pipe: %w", err)
	}
	return s, nil
}

func (s *splicer) send(fd int, n int64) (int64, error) {
	if s.inPipe == 0 {
		if s.off == fileSize {
			s.off = 0
		}
		k, err := unix.Splice(s.file, &s.off, s.pipe[1], nil, int(min(n, chunk, fileSize-s.off)), unix.SPLICE_F_NONBLOCK)
		if err != nil {
			return 0, fmt.Errorf("splice into pipe: %w", err)
		}
		s.inPipe = k
	}
	k, err := unix.Splice(s.pipe[0], nil, fd, nil, int(s.inPipe), unix.SPLICE_F_NONBLOCK)
	if err != nil {
		return 0, err
	}
	s.inPipe -= k
	return k, nil
}

func (s *splicer) settled(int) (bool, error) { return true, nil }

func (s *splicer) close() error {
	return errors.Join(unix.Close(s.file), unix.Close(s.pipe[0]), unix.Close(s.pipe[1]))
}

func memoryFile() (int, error) {
	fd, err := unix.MemfdCreate("load", unix.MFD_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("memory file: %w", err)
	}
	if err := unix.Ftruncate(fd, fileSize); err != nil {
		return -1, fmt.Errorf("memory file: %w", err)
	}
	return fd, nil
}
