package tui

import (
	"math/bits"
	"slices"
)

// selection finds the candidates of one window in order. It holds few more than
// come before the window's end, and sorts those in the window only.
type selection struct {
	ordering
	limit int
	all   []candidate
	full  bool
	worst candidate // where full: what comes after it is in no window
}

// leastKept are the candidates that a selection has memory for at any time.
const leastKept = 1 << 10

// begin forgets all candidates and orders the next ones by o. Windows may end at
// limit.
func (s *selection) begin(o ordering, limit int) {
	o.x, o.y = s.x, s.y
	if cap(s.all) > max(leastKept, 8*len(s.all)) {
		s.all = nil
	}
	s.ordering, s.limit, s.full, s.all = o, max(limit, leastKept/2), false, s.all[:0]
}

// end forgets the rows, whose snapshot may be released.
func (s *selection) end() {
	clear(s.all[:cap(s.all)])
	s.at, s.worst = nil, candidate{}
}

// offer takes c unless it is in no window.
func (s *selection) offer(c *candidate) {
	if s.full && s.compare(c, &s.worst) > 0 {
		return
	}
	s.all = append(s.all, *c)
	if len(s.all) < 2*s.limit {
		return
	}
	s.split(s.all, s.limit)
	s.all = s.all[:s.limit]
	s.worst, s.full = slices.MaxFunc(s.all, s.compareValues), true
}

// window returns those at the places from lo to hi, in order.
func (s *selection) window(lo, hi int) []candidate {
	hi = min(hi, len(s.all))
	lo = min(lo, hi)
	s.split(s.all, lo)
	s.split(s.all[lo:], hi-lo)
	found := s.all[lo:hi]
	slices.SortFunc(found, s.compareValues)
	return found
}

func (s *selection) compareValues(a, b candidate) int { return s.compare(&a, &b) }

// split brings the first n of all to the front, in any order.
func (s *selection) split(all []candidate, n int) {
	for tries := 4 * bits.Len(uint(len(all))); 0 < n && n < len(all); tries-- {
		if len(all) <= 16 || tries == 0 {
			slices.SortFunc(all, s.compareValues)
			return
		}
		if m := s.partition(all); n < m {
			all = all[:m]
		} else {
			all, n = all[m:], n-m
		}
	}
}

// partition returns where it has parted all, so that nothing in the first part
// comes after anything in the second, and neither part is empty (C. A. R. Hoare,
// Algorithm 64). There are three at least.
func (s *selection) partition(all []candidate) int {
	pivot := s.median(&all[0], &all[len(all)/2], &all[len(all)-1])
	for i, j := 0, len(all)-1; ; i, j = i+1, j-1 {
		for s.compare(&all[i], &pivot) < 0 {
			i++
		}
		for s.compare(&all[j], &pivot) > 0 {
			j--
		}
		if i >= j {
			return j + 1
		}
		all[i], all[j] = all[j], all[i]
	}
}

func (s *selection) median(a, b, c *candidate) candidate {
	if s.compare(a, b) > 0 {
		a, b = b, a
	}
	switch {
	case s.compare(b, c) <= 0:
		return *b
	case s.compare(a, c) <= 0:
		return *c
	}
	return *a
}
