package logfile

import (
	"bytes"
	"errors"
	"io"
)

// packer is how lines lie in a file. Each time lines are packed they can be read
// without anything that comes after.
type packer interface {
	// pack appends lines as the file has them.
	pack(dst, lines []byte) ([]byte, error)
	// whole is where the last of what was packed ends, if f has size bytes.
	whole(f io.ReaderAt, size int64) (int64, error)
	// unpack reads lines back.
	unpack(f io.Reader) (io.ReadCloser, error)
	// magic is what f begins with, however little of it there is; nil is the lines.
	magic() []byte
}

// maxLine bounds a line, the header included, and so what may be cut off the end of
// a file as one that was not finished.
const maxLine = 1 << 20

// errForeign is an end that no log leaves behind.
var errForeign = errors.New("does not end as a log does")

// plain is lines as they are.
type plain struct{}

func (plain) pack(dst, lines []byte) ([]byte, error)    { return append(dst, lines...), nil }
func (plain) unpack(f io.Reader) (io.ReadCloser, error) { return io.NopCloser(f), nil }
func (plain) magic() []byte                             { return nil }

func (plain) whole(f io.ReaderAt, size int64) (int64, error) {
	tail := make([]byte, min(size, maxLine))
	from := size - int64(len(tail))
	if _, err := f.ReadAt(tail, from); err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	last := bytes.LastIndexByte(tail, '\n')
	if last < 0 && from > 0 {
		return 0, errForeign
	}
	return from + int64(last) + 1, nil
}

// walk finds where the last whole block of f ends. next is where the block at an
// offset ends, or errTorn.
func walk(f io.ReaderAt, size int64, next func(f io.ReaderAt, at, size int64) (int64, error), unpack func(io.Reader) (io.ReadCloser, error)) (int64, error) {
	at, last := int64(0), int64(0)
	for at < size {
		end, err := next(f, at, size)
		if errors.Is(err, errTorn) && size-at <= maxBlock {
			break
		}
		if err != nil {
			return 0, errForeign
		}
		last, at = at, end
	}
	// After a loss of power the last block may have its length and not its bytes.
	if at > last && at-last <= maxBlock && !readable(io.NewSectionReader(f, last, at-last), unpack) {
		return last, nil
	}
	return at, nil
}

func readable(block io.Reader, unpack func(io.Reader) (io.ReadCloser, error)) bool {
	r, err := unpack(block)
	if err == nil {
		_, err = io.Copy(io.Discard, r)
		err = errors.Join(err, r.Close())
	}
	return err == nil
}

// maxBlock bounds what lines that are packed at once become.
const maxBlock = 4 << 20

// errTorn is a block that the file does not have all of.
var errTorn = errors.New("unfinished")
