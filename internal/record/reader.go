package record

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"tcptop/internal/conn"
)

// Suffix ends the name of every segment.
const Suffix = ".tcptop"

// ErrEmpty says that there is no tick in a recording.
var ErrEmpty = errors.New("no tick was recorded")

// Reader reads a recording: a directory of segments, or one of them. Any goroutine may
// use it.
type Reader struct {
	dir      string     // "" of a single segment
	mu       sync.Mutex // guards what follows
	segments []*segment
	gaps     []Gap
}

// Open opens the recording at path. A segment that can't be read is a gap.
func Open(path string) (*Reader, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	paths := []string{path}
	if info.IsDir() {
		if paths, err = segmentPaths(path); err != nil {
			return nil, err
		}
	}
	r := &Reader{}
	if info.IsDir() {
		r.dir = path
	}
	var wrong error
	for _, p := range paths {
		s, err := look(p)
		switch {
		case err != nil:
			wrong = errors.Join(wrong, err)
			r.lost(Gap{What: fmt.Sprintf("%s: %v", filepath.Base(p), errors.Unwrap(err))})
		case s.ticks:
			r.segments = append(r.segments, s)
		}
	}
	if len(r.segments) == 0 {
		if wrong == nil {
			wrong = ErrEmpty
		}
		return nil, fmt.Errorf("%s: %w", path, wrong)
	}
	return r, nil
}

// Refresh looks for ticks that were recorded since, and reports whether there are any.
func (r *Reader) Refresh() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	newest := r.segments[len(r.segments)-1]
	found := false
	if s, err := look(newest.path); err == nil && !newest.ended && s.last > newest.last {
		r.segments[len(r.segments)-1], found = s, true
	}
	if r.dir == "" {
		return found
	}
	paths, err := segmentPaths(r.dir)
	if err != nil {
		return found
	}
	for _, p := range paths {
		if p <= newest.path {
			continue
		}
		if s, err := look(p); err == nil && s.ticks { // else it is being made
			r.segments, found = append(r.segments, s), true
		}
	}
	return found
}

// segmentPaths lists the segments of a directory, the oldest first.
func segmentPaths(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, e := range entries {
		if e.Type().IsRegular() && strings.HasSuffix(e.Name(), Suffix) {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	slices.Sort(paths) // their names begin with their number
	return paths, nil
}

// Header is what the newest segment says of itself.
func (r *Reader) Header() *Header {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.segments[len(r.segments)-1].header
}

// Bounds are the times of the first tick and the last.
func (r *Reader) Bounds() (first, last time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	from, to := r.segments[0].first, r.segments[0].last
	for _, s := range r.segments {
		from, to = min(from, s.first), max(to, s.last)
	}
	return time.Unix(0, from).UTC(), time.Unix(0, to).UTC()
}

// Gaps are the times of which there is nothing, as far as they are known: damage is
// found when it is read.
func (r *Reader) Gaps() []Gap {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.gaps)
}

// Cursor returns one that is before the first tick.
func (r *Reader) Cursor() *Cursor { return newCursor(r) }

// Close is there for symmetry: only cursors hold files.
func (r *Reader) Close() error { return nil }

func (r *Reader) segment(n int) *segment {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.segments[n]
}

func (r *Reader) tapes() (from, to int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return 0, len(r.segments)
}

func (r *Reader) bounds(n int) (first, last int64) {
	s := r.segment(n)
	return s.first, s.last
}

func (r *Reader) open(n int) (*tape, error) { return r.segment(n).open() }

func (r *Reader) lost(g Gap) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.gaps, g) {
		r.gaps = append(r.gaps, g)
	}
}

// Samples is a conn.Source of the ticks from one time to another, both included; zero
// is the beginning and the end. Where there is a tick before from, it comes first, as a
// whole: rates are counted from it.
func (r *Reader) Samples(from, to time.Time) conn.Source {
	return func(ctx context.Context) iter.Seq2[*conn.Sample, error] {
		return func(yield func(*conn.Sample, error) bool) {
			c := r.Cursor()
			defer c.Close()
			s, err := c.first(from)
			for ; err == nil && ctx.Err() == nil; s, err = c.Next() {
				if !to.IsZero() && s.Time.After(to) || !yield(s, nil) {
					return
				}
			}
			if err != nil && !errors.Is(err, io.EOF) {
				yield(nil, err)
			}
		}
	}
}

// first returns the tick before from, or the first of all.
func (c *Cursor) first(from time.Time) (*conn.Sample, error) {
	if from.IsZero() {
		return c.Next()
	}
	p, err := c.find(from.UnixNano() - 1)
	if err != nil {
		return nil, err
	}
	return c.reach(p)
}
