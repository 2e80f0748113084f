package conn

import (
	"math/bits"
	"math/rand/v2"
)

// Index finds where a connection is kept by its id. It holds places alone, whose ids whoever
// keeps them tells: a map takes several times as much memory and time. Make one with
// NewIndex.
type Index struct {
	id      func(at uint32) ID
	seed    uint64
	entries []uint64 // half an id's hash and its place and one; 0 is nobody
	used    int
	newest  uint64 // the greatest cookie that was ever put
}

const leastIndex = 64

// NewIndex returns an empty Index with room for n. id is that of the connection that is kept
// at a place; it is asked of places that are in the index alone.
func NewIndex(n int, id func(at uint32) ID) Index {
	size := leastIndex
	for 4*n > 3*size {
		size *= 2
	}
	return Index{id: id, seed: rand.Uint64(), entries: make([]uint64, size)}
}

// Len is how many connections it knows.
func (x *Index) Len() int { return x.used }

// hash is half of an entry, and its lowest bits the place among the others or before it.
func (x *Index) hash(id ID) uint64 {
	const odd = 0x9e3779b97f4a7c15
	hi, lo := bits.Mul64(id.Cookie^x.seed, odd)
	hi, lo = bits.Mul64(hi^lo^id.Serial^uint64(id.Host)<<48, odd)
	return (hi ^ lo) >> 32
}

func (x *Index) mask() int { return len(x.entries) - 1 }

// find returns the entry of id. Cookies count up, so most connections that are new are told
// by theirs, and no memory is touched.
func (x *Index) find(id ID) (i int, known bool) {
	if id.Cookie > x.newest {
		return 0, false
	}
	h := x.hash(id)
	for i = int(h) & x.mask(); x.entries[i] != 0; i = (i + 1) & x.mask() {
		if e := x.entries[i]; e>>32 == h && x.id(uint32(e)-1) == id {
			return i, true
		}
	}
	return i, false
}

// Find returns where id is kept.
func (x *Index) Find(id ID) (at uint32, known bool) {
	i, known := x.find(id)
	if !known {
		return 0, false
	}
	return uint32(x.entries[i]) - 1, true
}

// Put notes where id, which is not known yet, is kept.
func (x *Index) Put(id ID, at uint32) {
	x.newest = max(x.newest, id.Cookie)
	if x.used++; 4*x.used > 3*len(x.entries) {
		old := x.entries
		x.entries = make([]uint64, 2*len(old))
		for _, e := range old {
			if e != 0 {
				x.put(e)
			}
		}
	}
	x.put(x.hash(id)<<32 | uint64(at+1))
}

func (x *Index) put(e uint64) {
	i := int(e>>32) & x.mask()
	for x.entries[i] != 0 {
		i = (i + 1) & x.mask()
	}
	x.entries[i] = e
}

// Move notes that id, if it is known, is kept elsewhere from now on; it still is where it was.
func (x *Index) Move(id ID, to uint32) {
	if i, known := x.find(id); known {
		x.entries[i] = x.entries[i]>>32<<32 | uint64(to+1)
	}
}

// Remove forgets id, if it is known, and closes the hole: what follows may have been put
// there because its own place was taken.
func (x *Index) Remove(id ID) {
	hole, known := x.find(id)
	if !known {
		return
	}
	x.used--
	for i := (hole + 1) & x.mask(); x.entries[i] != 0; i = (i + 1) & x.mask() {
		home := int(x.entries[i] >> 32)
		if (i-home)&x.mask() >= (i-hole)&x.mask() {
			x.entries[hole], hole = x.entries[i], i
		}
	}
	x.entries[hole] = 0
}

// Clear empties it. Its memory is kept for as many as there were.
func (x *Index) Clear() {
	switch {
	case x.used == 0:
		return
	case len(x.entries) > max(16*x.used, leastIndex):
		*x = NewIndex(x.used, x.id)
	default:
		clear(x.entries)
	}
	x.used, x.newest = 0, 0
}
