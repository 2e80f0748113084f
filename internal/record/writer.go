package record

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"tcptop/internal/conn"
)

const (
	// maxSegment bounds a segment, as does a sixteenth of what may be kept.
	maxSegment     = 64 << 20
	maxSegmentTime = time.Hour
	parts          = 16
)

// Config says where a Writer writes and how much it keeps.
type Config struct {
	Dir     string
	MaxSize int64         // of all segments, in bytes
	MaxAge  time.Duration // of what is kept
	Header  Header        // Program, Host, Session and Interval
	Files   Files
}

// Stats is what a Writer has done.
type Stats struct {
	Ticks   uint64 // written
	Lost    uint64 // could not be written
	Bytes   int64  // in the directory's segments
	Removed uint64 // segments that were too old or too much
}

// Writer records samples in a directory. Every tick is written at once and made to
// last (fdatasync), so that a crash at any byte takes that tick at most. After an error
// it goes on with the next tick. It is for one goroutine.
type Writer struct {
	cfg   Config
	lock  *os.File
	enc   *Encoder
	old   []stored
	next  uint64 // number of the next segment
	seg   *open
	buf   []byte
	marks []mark // of what is in buf
	stats Stats
}

// open is the segment that is being written.
type open struct {
	file  File
	path  string
	marks []mark
	size  int64
	first int64 // Unix ns
	last  mark
	run   stretch
}

// Create takes the directory, which it makes if it can. The error is a *LockedError
// where another recorder has it.
func Create(cfg Config) (*Writer, error) {
	if err := makeDir(&cfg); err != nil {
		return nil, err
	}
	l, err := lock(cfg.Dir)
	if err != nil {
		return nil, err
	}
	w := &Writer{cfg: cfg, lock: l}
	if w.old, w.next, err = storedIn(cfg.Dir); err == nil {
		w.enc, err = NewEncoder(0)
	}
	if err != nil {
		_ = l.Close()
		return nil, err
	}
	for _, s := range w.old {
		w.stats.Bytes += s.size
	}
	return w, nil
}

func makeDir(cfg *Config) error {
	if _, err := os.Stat(cfg.Dir); err == nil {
		return nil
	}
	return os.MkdirAll(cfg.Dir, 0o700)
}

// Stats returns what was done so far.
func (w *Writer) Stats() Stats { return w.stats }

// Write records s. After an error the tick is not in the recording, and not a byte of
// what was there before has changed.
func (w *Writer) Write(s *conn.Sample) error {
	err := w.write(s)
	if err != nil {
		w.stats.Lost++
		return fmt.Errorf("record a tick: %w", err)
	}
	w.stats.Ticks++
	return nil
}

func (w *Writer) write(s *conn.Sample) error {
	now := s.Time.UnixNano()
	w.buf, w.marks = w.buf[:0], w.marks[:0]
	if w.seg != nil && w.seg.full(&w.cfg, now) {
		_ = w.finish() // without an index the segment is as good, only slower to open
	}
	fresh := w.seg == nil
	if fresh {
		if err := w.header(now); err != nil {
			return err
		}
	}
	keyed, keySize := fresh || w.enc.Full() || w.seg.run.long(), int64(0)
	if keyed {
		w.enc.Key(s, w.put)
		keySize = int64(len(w.buf))
	}
	w.enc.Tick(s, w.put)
	if err := w.makeRoom(now, int64(len(w.buf))); err != nil {
		return err
	}
	if fresh {
		if err := w.create(now); err != nil {
			return err
		}
	}
	if err := w.append(); err != nil {
		w.giveUp()
		return err
	}
	if keyed {
		w.seg.run = stretch{keySize: keySize}
	}
	w.seg.run.add(s, int64(len(w.buf))-keySize)
	return nil
}

// put collects a block as a frame.
func (w *Writer) put(b Block) {
	w.marks = append(w.marks, mark{kind: b.Kind, first: b.First, last: b.Last, seq: b.Seq, time: b.Time, offset: int64(len(w.buf)), length: len(b.Body)})
	w.buf = appendFrame(w.buf, b)
}

// header begins a segment: twice, because without it nothing can be read.
func (w *Writer) header(now int64) error {
	body, err := w.cfg.Header.encode()
	if err != nil {
		return err
	}
	for range 2 {
		w.put(Block{Kind: KindHeader, First: true, Last: true, Seq: w.enc.seq, Time: now, Body: body})
	}
	return nil
}

// create makes the segment that buf begins.
func (w *Writer) create(now int64) error {
	name := fmt.Sprintf("%010d-%s%s", w.next, time.Unix(0, now).UTC().Format("20060102T150405Z"), Suffix)
	path := filepath.Join(w.cfg.Dir, name)
	f, err := w.cfg.Files.Create(path)
	if errors.Is(err, os.ErrNotExist) {
		if f, err = w.restore(path); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	w.next++
	w.seg = &open{file: f, path: path, first: now}
	return nil
}

// restore makes the directory again after it vanished, but not what it was in: that may
// be a file system that is not mounted.
func (w *Writer) restore(path string) (File, error) {
	if err := w.cfg.Files.Mkdir(w.cfg.Dir); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, err
	}
	l, err := lock(w.cfg.Dir)
	if err != nil {
		return nil, err
	}
	_ = w.lock.Close()
	w.lock, w.old, w.stats.Bytes = l, nil, 0
	return w.cfg.Files.Create(path)
}

// append writes buf at once and makes it last. What can't be written whole is taken back.
func (w *Writer) append() error {
	g := w.seg
	n, err := g.file.Write(w.buf)
	if err == nil && n < len(w.buf) {
		err = io.ErrShortWrite
	}
	if err == nil {
		err = g.file.Sync()
	}
	if err == nil && g.size == 0 {
		err = w.cfg.Files.Sync(w.cfg.Dir)
	}
	if err == nil && !g.file.Linked() {
		err = fmt.Errorf("%s was removed", g.path)
	}
	if err != nil {
		return err
	}
	for _, m := range w.marks {
		m.offset += g.size
		if m.kind != KindHeader {
			g.marks = append(g.marks, m)
		}
		g.last = m
	}
	g.size += int64(len(w.buf))
	w.stats.Bytes += int64(len(w.buf))
	return nil
}

// giveUp leaves the segment at what was whole before, and removes it where that is nothing.
func (w *Writer) giveUp() {
	g := w.seg
	w.seg = nil
	linked := g.file.Linked()
	_ = g.file.Truncate(g.size) // a reader steps over half a tick, too
	_ = g.file.Close()
	if g.size == 0 || !linked {
		_ = w.cfg.Files.Remove(g.path)
		w.stats.Bytes -= g.size
		return
	}
	w.old = append(w.old, stored{path: g.path, size: g.size, last: g.last.time})
}

// Close ends the segment with its index and lets go of the directory.
func (w *Writer) Close() error {
	err := w.finish()
	return errors.Join(err, w.lock.Close())
}
