package spool

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"tcptop/internal/flow"
)

// deadLetter is a segment that no engine will have, kept for whoever wants to know why.
type deadLetter struct {
	name string
	size int64
}

// bury drops segments that the newest one counts.
func (s *Spool) bury(victims []*entry) {
	for _, v := range victims {
		s.counted(v.reason(), &v.lost, &v.carried)
		if v.refused != "" {
			s.letter(v)
		}
		s.forget(v)
	}
	if len(victims) > 0 {
		if err := s.dir.sync(); err != nil {
			s.count.Err = bare(err)
		}
	}
}

// letter keeps a copy of a refused segment.
func (s *Spool) letter(v *entry) {
	b := v.letter
	if b == nil {
		b = v.data
	}
	name, err := v.name()+deadSuffix, error(nil)
	if b == nil {
		if info, statErr := s.dir.Lstat(v.file()); statErr == nil {
			err = s.dir.Rename(v.file(), name)
			s.addLetter(deadLetter{name, occupied(info.Size())})
		}
	} else if err = s.dir.write(s.dir, name, b); err == nil {
		s.addLetter(deadLetter{name, occupied(int64(len(b)))})
	}
	if err != nil {
		s.count.Err = bare(err)
	}
}

func (s *Spool) addLetter(d deadLetter) {
	s.dead = append(s.dead, d)
	size := int64(0)
	for _, d := range s.dead {
		size += d.size
	}
	for size > s.cfg.MaxDead {
		if err := gone(s.dir.Remove(s.dead[0].name)); err != nil {
			s.count.Err = bare(err)
		}
		size -= s.dead[0].size
		s.dead = slices.Delete(s.dead, 0, 1)
	}
}

// recover finds what earlier runs left.
func (s *Spool) recover() error {
	names, err := s.dir.names()
	if err != nil {
		return err
	}
	slices.Sort(names)
	dropped := map[ID]bool{}
	for _, name := range names {
		switch {
		case strings.HasSuffix(name, unfinished):
			s.count.Torn++
			err = s.remove(name)
		case strings.HasSuffix(name, deadSuffix):
			if info, statErr := s.dir.Lstat(name); statErr == nil {
				s.addLetter(deadLetter{name, occupied(info.Size())})
			}
		case strings.HasSuffix(name, segmentSuffix):
			err = s.adopt(name, dropped)
		}
		if err != nil {
			return err
		}
	}
	slices.SortFunc(s.entries, func(a, b *entry) int { return cmp.Or(cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.Number, b.Number)) })
	s.entries = slices.DeleteFunc(s.entries, func(e *entry) bool {
		if dropped[e.ID] { // a kill came between the segment that counts it and its end
			err = errors.Join(err, s.remove(e.file()))
		}
		return dropped[e.ID]
	})
	return err
}

// remove does what it can: a disk that takes nothing is no reason not to begin.
func (s *Spool) remove(name string) error { return ignoreFull(gone(s.dir.Remove(name))) }

func ignoreFull(err error) error {
	if full(err) {
		return nil
	}
	return err
}

// adopt takes a segment of an earlier run.
func (s *Spool) adopt(name string, dropped map[ID]bool) error {
	b, err := s.dir.read(name, prefixSize+maxHeader)
	if errors.Is(err, errForeign) {
		return nil
	}
	if err != nil {
		return err
	}
	info, err := s.dir.Lstat(name)
	if err != nil {
		return err
	}
	h, err := parseHeader(b)
	e := &entry{Header: h, size: occupied(info.Size()), sent: strings.HasSuffix(name, sentSuffix)}
	if err != nil || e.file() != name { // what it stood for is not known
		s.count.Damaged++
		dead := name + deadSuffix
		if err := s.dir.Rename(name, dead); err != nil {
			return ignoreFull(err)
		}
		s.addLetter(deadLetter{dead, occupied(info.Size())})
		s.pending.add(Corrupt, &flow.Sums{})
		return nil
	}
	for _, id := range h.Drops {
		dropped[id] = true
	}
	e.Drops = nil
	if h.Host == s.cfg.Host {
		e.Host = s.cfg.Host // one text for all
	}
	s.entries = append(s.entries, e)
	return nil
}
