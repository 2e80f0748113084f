package table

import (
	"slices"
	"sync"
)

// maxOpen bounds the snapshots whose release is waited for; older ones are taken
// for never released, and their pages are left to the garbage collector.
const maxOpen = 64

// maxLists is the spare lists of pages kept: those of two snapshots.
const maxLists = 4

// recycler knows which pages snapshots may still read. Snapshots count up from 1;
// snapshot n reads the pages born at n or before that the table still had then.
// It points at the newest snapshot only, so that one nobody releases is garbage.
type recycler struct {
	mu     sync.Mutex
	newest *Snapshot
	count  uint64   // snapshots given away
	open   []uint64 // those not released, ascending
	lost   uint64   // the newest that is taken for never released
	free   []*page
	bound  int       // of free
	lists  [][]*page // of released snapshots, empty
}

// held is the newest snapshot that may still read pages; 0 is none.
func (r *recycler) held() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.heldBefore(r.count + 1)
}

// heldBefore is the newest snapshot before n that may still read pages.
func (r *recycler) heldBefore(n uint64) uint64 {
	if i, _ := slices.BinarySearch(r.open, n); i > 0 {
		return r.open[i-1]
	}
	return r.lost
}

// get returns a page that nobody reads, with arbitrary contents but born.
func (r *recycler) get() *page {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := (*page)(nil)
	if n := len(r.free) - 1; n >= 0 {
		p, r.free[n] = r.free[n], nil
		r.free = r.free[:n]
	} else {
		p = new(page)
	}
	p.born = r.count + 1
	return p
}

// retire takes a page that the table has no use for.
func (r *recycler) retire(p *page) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch held := r.heldBefore(r.count + 1); {
	case p.born > held:
		r.keep(p)
	case held == r.count && r.newest != nil:
		r.newest.retired = append(r.newest.retired, p)
	}
}

func (r *recycler) keep(p *page) {
	if len(r.free) < r.bound {
		r.free = append(r.free, p)
	}
}

// publish gives s the pages as they are now.
func (r *recycler) publish(s *Snapshot, pages []*page) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count++
	r.newest = s
	r.bound = len(pages) + 1
	if len(r.free) > r.bound {
		clear(r.free[r.bound:])
		r.free = r.free[:r.bound]
	}
	if len(r.open) == maxOpen {
		r.lost = r.open[0]
		r.open = slices.Delete(r.open, 0, 1)
	}
	r.open = append(r.open, r.count)
	s.pool, s.seq = r, r.count
	s.pages = append(r.spare(), pages...)
	s.retired = r.spare()
}

// spare returns an empty list of pages.
func (r *recycler) spare() []*page {
	n := len(r.lists) - 1
	if n < 0 {
		return nil
	}
	list := r.lists[n]
	r.lists = r.lists[:n]
	return list
}

// release takes back what s alone could still read.
func (r *recycler) release(s *Snapshot) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.released {
		return
	}
	s.released = true
	if i, open := slices.BinarySearch(r.open, s.seq); open {
		r.open = slices.Delete(r.open, i, i+1)
	}
	older := r.heldBefore(s.seq + 1)
	for _, p := range s.retired {
		if p.born > older {
			r.keep(p)
		}
	}
	for _, list := range [...][]*page{s.retired, s.pages} {
		clear(list)
		if len(r.lists) < maxLists {
			r.lists = append(r.lists, list[:0])
		}
	}
	s.pages, s.retired, s.events, s.others, s.len = nil, nil, nil, nil, 0
	if r.newest == s {
		r.newest = nil
	}
}
