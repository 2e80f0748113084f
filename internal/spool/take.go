package spool

import (
	"bytes"
	"errors"
	"io/fs"
	"slices"

	"tcptop/internal/flow"
)

// Segment is one that was taken: until Done, Back or Reject nobody else gets it.
type Segment struct {
	Header
	Lines []byte // a JSON object each

	e      *entry
	unsure bool // the engine may have had it before
}

// Take returns the newest segment or the oldest; nil where none waits.
func (s *Spool) Take(newest bool) *Segment {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		e := s.next(newest)
		if e == nil {
			return nil
		}
		lines, err := s.load(e)
		if err == nil {
			g := &Segment{Header: e.Header, Lines: lines, e: e, unsure: e.sent}
			e.flying = true
			s.mark(e, true)
			return g
		}
		if !damaged(err) { // it may be read later
			s.count.Err = bare(err)
			s.publish()
			return nil
		}
		s.count.Damaged++
		e.refused, e.lost, e.carried = Corrupt, e.Sums, e.Carried
		s.publish()
	}
}

func (s *Spool) next(newest bool) *entry {
	waits := func(e *entry) bool { return !e.flying && e.refused == "" }
	if !newest {
		if i := slices.IndexFunc(s.entries, waits); i >= 0 {
			return s.entries[i]
		}
		return nil
	}
	for _, e := range slices.Backward(s.entries) {
		if waits(e) {
			return e
		}
	}
	return nil
}

func (s *Spool) load(e *entry) (lines []byte, err error) {
	b := e.data
	if b == nil {
		if b, err = s.dir.read(e.file(), prefixSize+maxHeader+maxFrame+1); err != nil {
			return nil, err
		}
	}
	h, lines, err := s.codec.unpack(b)
	if err == nil && h.ID != e.ID {
		err = errCorrupt
	}
	return lines, err
}

func damaged(err error) bool {
	return errors.Is(err, errCorrupt) || errors.Is(err, errForeign) || errors.Is(err, fs.ErrNotExist)
}

// Done says that the engine has it.
func (s *Spool) Done(g *Segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(g.e)
	s.publish()
}

// Back says that the engine has not got it or, unsure, that nobody knows.
func (s *Spool) Back(g *Segment, unsure bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g.e.flying = false
	s.mark(g.e, g.unsure || unsure)
	s.publish()
}

// Reject says that the engine refuses lines, which are all of it or the part that the
// engine has not got; unsure, that it may have taken them before. With the next segment
// they become a dead letter.
func (s *Spool) Reject(g *Segment, lines []byte, unsure bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := g.e
	e.flying, e.refused, e.lost, e.carried = false, Rejected, e.Sums, e.Carried
	if unsure || g.unsure {
		e.refused = Unacknowledged
	}
	if len(lines) < len(g.Lines) {
		h := e.Header
		h.Sums, h.Carried, h.Rows = count(lines)
		e.lost, e.carried = h.Sums, h.Carried
		e.letter, _ = s.codec.pack(&h, lines) // without it the sums are kept
	}
	s.publish()
}

// count is what lines stand for.
func count(lines []byte) (sums, carried flow.Sums, rows int) {
	for line := range bytes.Lines(lines) {
		one, dropped, err := flow.ParseSums(line)
		if err != nil {
			continue // we wrote it
		}
		sums.Add(&one)
		if dropped {
			carried.Add(&one)
		}
		rows++
	}
	return sums, carried, rows
}

// forget removes a segment. A file that stays is delivered again by the next run, under
// the same name.
func (s *Spool) forget(e *entry) {
	if i := slices.Index(s.entries, e); i >= 0 {
		s.entries = slices.Delete(s.entries, i, i+1)
	}
	if e.data == nil {
		if err := gone(s.dir.Remove(e.file())); err != nil {
			s.count.Err = bare(err)
		}
	}
}
