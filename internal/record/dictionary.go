package record

import "encoding/binary"

// dictionary numbers texts that many rows share, from 1 on; 0 is none. It holds
// what has been used since the last key frame. What rows point to goes by handles,
// several of which may have the same text and so the same number.
type dictionary[T any] struct {
	texts   []text[T]
	numbers map[string]uint32 // by content
	handles map[*T]uint32     // by pointer: what is published never changes
	named   []named[T]        // by handle; the first is none
	before  []named[T]        // while a key frame is made: those until then
	fresh   []string          // content of those that the part at hand defines
	size    int               // bytes of all
	last    *T                // that passed
	passed  uint32            // its number
	keyed   int               // handles that the last key frame needed
	least   int               // bytes likewise
	scratch []byte
}

type named[T any] struct {
	is     *T
	number uint32
}

func newDictionary[T any](texts []text[T]) dictionary[T] {
	return dictionary[T]{texts: texts, numbers: map[string]uint32{}, handles: map[*T]uint32{}, named: make([]named[T], 1)}
}

// begin starts anew for a key frame; the rows in it have handles of before.
func (d *dictionary[T]) begin() {
	d.before, d.named = d.named, make([]named[T], 1)
	clear(d.numbers)
	clear(d.handles)
	d.fresh, d.size, d.last = d.fresh[:0], 0, nil
}

// renew turns handles of before into those of now, and says their numbers.
func (d *dictionary[T]) renew(handles, numbers []uint64) {
	for i, h := range handles {
		now := d.handle(d.before[h].is)
		handles[i], numbers[i] = uint64(now), uint64(d.named[now].number)
	}
}

// end ends a key frame.
func (d *dictionary[T]) end() { d.before, d.keyed, d.least = nil, len(d.named), d.size }

// long reports whether texts have piled up since the key frame.
func (d *dictionary[T]) long() bool {
	return len(d.named) >= max(maxTexts, 2*d.keyed) || d.size >= max(maxTextBytes, 2*d.least)
}

// handle is that of t.
func (d *dictionary[T]) handle(t *T) uint32 {
	if t == nil {
		return 0
	}
	if h, known := d.handles[t]; known {
		return h
	}
	n := d.content(t)
	h := uint32(len(d.named))
	d.named = append(d.named, named[T]{t, n})
	d.handles[t] = h
	return h
}

// number is that of t, of which nothing else is to be remembered.
func (d *dictionary[T]) number(t *T) uint32 {
	if t == nil {
		return 0
	}
	if t != d.last {
		d.last = t
		if h, known := d.handles[t]; known {
			d.passed = d.named[h].number
		} else {
			d.passed = d.content(t)
		}
	}
	return d.passed
}

// content is the number of what t says, which is defined in this part if it was not before.
func (d *dictionary[T]) content(t *T) uint32 {
	d.scratch = d.scratch[:0]
	for i := range d.texts {
		s := d.texts[i].get(t)
		d.scratch = append(binary.AppendUvarint(d.scratch, uint64(len(s))), s...)
	}
	n, known := d.numbers[string(d.scratch)]
	if !known {
		n = uint32(len(d.numbers) + 1)
		content := string(d.scratch)
		d.numbers[content] = n
		d.fresh = append(d.fresh, content)
		d.size += len(content)
	}
	return n
}

// define writes what this part is the first to use.
func (d *dictionary[T]) define(w *partWriter) {
	w.uvarint(uint64(len(d.fresh)))
	for _, content := range d.fresh {
		w.plain = append(w.plain, content...)
	}
	d.fresh = d.fresh[:0]
}

// glossary is a dictionary as it is read.
type glossary[T any] struct {
	set []func(*T, string) // by position in the file; nil where we know no such text
	all []*T               // all[0] is none
}

func (g *glossary[T]) reset() { g.all = append(g.all[:0], nil) }

// read takes a part's definitions.
func (g *glossary[T]) read(r *partReader) {
	for n := r.uvarint(); n > 0 && r.err == nil; n-- {
		t := new(T)
		for _, set := range g.set {
			if s := r.text(); set != nil {
				set(t, s)
			}
		}
		g.all = append(g.all, t)
		if len(g.set) == 0 && n > 1 {
			r.fail("texts without parts")
		}
	}
}

func (g *glossary[T]) at(n uint32) (*T, bool) {
	if int(n) >= len(g.all) {
		return nil, false
	}
	return g.all[n], true
}
