package record

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// segment is a file of a recording, as far as it was looked at.
type segment struct {
	path        string
	header      *Header
	first, last int64 // times of its ticks, Unix ns
	ticks       bool  // there is one
	ended       bool  // with an index, so that it never grows again
}

// tape is a run of blocks that one header describes, open for reading.
type tape struct {
	header *Header
	marks  []mark
	load   func(*mark) (Block, error) // the block is valid until the next call
	more   func() []mark              // all marks, where they grow; else nil
	close  func()
}

// look reads what a segment says of itself.
func look(path string) (*segment, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s := &segment{path: path}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	at, err := s.readHeader(f, size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s.first = at.time
	if end, ok := readTrailer(f, size); ok {
		s.last, s.ticks, s.ended = end.time, true, true
		return s, nil
	}
	for _, m := range scan(f, size) {
		if m.kind == KindTick {
			s.last, s.ticks = m.time, true
		}
	}
	return s, nil
}

// readHeader reads the header, or its copy where it is damaged.
func (s *segment) readHeader(f io.ReaderAt, size int64) (mark, error) {
	err := damaged("no header")
	for m := range frames(f, 0, size) {
		if m.kind == 0 {
			continue
		}
		if m.kind != KindHeader {
			break
		}
		var b Block
		if b, err = readBlock(f, &m, nil); err != nil {
			continue
		}
		if s.header, err = parseHeader(b.Body); err == nil {
			return m, nil
		}
	}
	return mark{}, err
}

func readTrailer(f io.ReaderAt, size int64) (trailer, bool) {
	var b [trailerSize]byte
	if size < trailerSize {
		return trailer{}, false
	}
	if _, err := f.ReadAt(b[:], size-trailerSize); err != nil {
		return trailer{}, false
	}
	return parseTrailer(b[:])
}

// readBlock reads and checks one frame, into *buf if that is there.
func readBlock(f io.ReaderAt, m *mark, buf *[]byte) (Block, error) {
	n := frameHead + m.length
	var frame []byte
	if buf != nil {
		if cap(*buf) < n {
			*buf = make([]byte, n)
		}
		frame = (*buf)[:n]
	} else {
		frame = make([]byte, n)
	}
	got, err := f.ReadAt(frame, m.offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return Block{}, err
	}
	return m.block(frame[:got])
}

// open opens s for reading.
func (s *segment) open() (*tape, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return nil, err
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	buf := new([]byte)
	t := &tape{
		header: s.header, marks: readMarks(f, size),
		load:  func(m *mark) (Block, error) { return readBlock(f, m, buf) },
		close: func() { _ = f.Close() },
	}
	if !s.ended {
		t.marks = untorn(f, t.marks)
		t.more = func() []mark { return grown(f, t.marks) }
	}
	return t, nil
}

// untorn leaves out a last frame that is not all there, which may be in the making.
func untorn(f io.ReaderAt, marks []mark) []mark {
	n := len(marks) - 1
	if n < 0 || marks[n].kind != 0 {
		return marks
	}
	var head [frameHead]byte
	if got, _ := f.ReadAt(head[:], marks[n].offset); got == frameHead {
		if _, ok := parseHead(head[:], marks[n].offset); !ok {
			return marks
		}
	}
	return marks[:n]
}

// grown appends to the marks of a segment those of the whole frames that came since.
func grown(f *os.File, marks []mark) []mark {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil || len(marks) == 0 || marks[len(marks)-1].kind == 0 {
		return marks
	}
	last := marks[len(marks)-1]
	for m := range frames(f, last.offset+frameHead+int64(last.length), size) {
		if m.kind == 0 {
			break
		}
		if m.kind == KindKey || m.kind == KindTick {
			marks = append(marks, m)
		}
	}
	return marks
}

// readMarks reads the index, or looks for frames where there is none.
func readMarks(f io.ReaderAt, size int64) []mark {
	if end, ok := readTrailer(f, size); ok {
		if marks, err := readIndex(f, end.offset, size); err == nil {
			return marks
		}
	}
	return scan(f, size)
}

func readIndex(f io.ReaderAt, offset, size int64) ([]mark, error) {
	var head [frameHead]byte
	if _, err := f.ReadAt(head[:], max(0, offset)); err != nil {
		return nil, err
	}
	m, ok := parseHead(head[:], offset)
	if !ok || m.kind != KindIndex {
		return nil, damaged("the index")
	}
	b, err := readBlock(f, &m, nil)
	if err != nil {
		return nil, err
	}
	return parseIndex(b.Body, size)
}
