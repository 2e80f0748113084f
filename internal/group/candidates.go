package group

import (
	"cmp"
	"container/heap"
	"slices"
)

// candidates are the groups without a slot that moved most in a window, in bounded room:
// Space-Saving (Metwally, Agrawal, El Abbadi, ICDT 2005). Whoever is not among them takes
// the least one's place and its count along, as what is not sure of its own.
type candidates struct {
	room  int
	index map[Key]*candidate
	heap  leastFirst
}

type candidate struct {
	key   Key
	count uint64 // bytes, at most
	error uint64 // of these, how many may be others'
	at    int    // in the heap
}

// sure is what the group moved at least.
func (c *candidate) sure() uint64 { return c.count - c.error }

func newCandidates(room int) candidates {
	return candidates{room: room, index: make(map[Key]*candidate)}
}

func (s *candidates) offer(key Key, bytes uint64) {
	if bytes == 0 {
		return
	}
	if c := s.index[key]; c != nil {
		c.count += bytes
		heap.Fix(&s.heap, c.at)
		return
	}
	if len(s.heap) < s.room {
		c := &candidate{key: key, count: bytes}
		s.index[key] = c
		heap.Push(&s.heap, c)
		return
	}
	c := s.heap[0]
	delete(s.index, c.key)
	c.key, c.error = key, c.count
	c.count += bytes
	s.index[key] = c
	heap.Fix(&s.heap, 0)
}

func (s *candidates) drop(key Key) {
	if c := s.index[key]; c != nil {
		heap.Remove(&s.heap, c.at)
		delete(s.index, key)
	}
}

func (s *candidates) clear() {
	clear(s.index)
	clear(s.heap)
	s.heap = s.heap[:0]
}

// best are the candidates that surely moved something, those that moved most first.
func (s *candidates) best() []*candidate {
	all := slices.DeleteFunc(slices.Clone([]*candidate(s.heap)), func(c *candidate) bool { return c.sure() == 0 })
	slices.SortFunc(all, func(a, b *candidate) int {
		return cmp.Or(cmp.Compare(b.sure(), a.sure()), compareKeys(a.key, b.key))
	})
	return all
}

type leastFirst []*candidate

func (h leastFirst) Len() int           { return len(h) }
func (h leastFirst) Less(i, j int) bool { return h[i].count < h[j].count }
func (h leastFirst) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

func (h *leastFirst) Push(x any) {
	c := x.(*candidate)
	c.at = len(*h)
	*h = append(*h, c)
}

func (h *leastFirst) Pop() any {
	old := *h
	c := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return c
}
