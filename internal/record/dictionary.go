package record

import "encoding/binary"

// dictionary numbers texts that many rows share, from 1 on; 0 is none. It holds
// what has been used since the last key frame.
type dictionary[T any] struct {
	texts   []text[T]
	numbers map[string]uint32 // by content
	recent  map[*T]uint32     // by pointer: what is published never changes
	fresh   []string          // content of those that the part at hand defines
	size    int               // bytes of all
	scratch []byte
}

func newDictionary[T any](texts []text[T]) dictionary[T] {
	return dictionary[T]{texts: texts, numbers: map[string]uint32{}, recent: map[*T]uint32{}}
}

func (d *dictionary[T]) reset() {
	clear(d.numbers)
	clear(d.recent)
	d.fresh, d.size = d.fresh[:0], 0
}

// number is that of t, which is defined in this part if it was not before.
func (d *dictionary[T]) number(t *T) uint32 {
	if t == nil {
		return 0
	}
	if n, known := d.recent[t]; known {
		return n
	}
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
	d.recent[t] = n
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
