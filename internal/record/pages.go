package record

import "tcptop/internal/conn"

// entry is what a Decoder knows of one connection.
type entry struct {
	conn.Conn
	texts [3]uint32 // numbers in the glossaries
	set   uint32    // that named it last
	live  bool
}

// pageEntries is how many connections are kept together: memory grows by a page,
// nothing is moved.
const pageEntries = 64

// maxSlots bounds what bytes from outside can make a Decoder keep.
const maxSlots = 1 << 22

// pages are entries by slot.
type pages struct{ all []*[pageEntries]entry }

// at returns the entry of slot, or an empty one that nobody may write to.
func (p *pages) at(slot uint32) *entry {
	if n := int(slot / pageEntries); n < len(p.all) && p.all[n] != nil {
		return &p.all[n][slot%pageEntries]
	}
	return &nobody
}

// make returns the entry of slot for writing.
func (p *pages) make(slot uint32) *entry {
	n := int(slot / pageEntries)
	for len(p.all) <= n {
		p.all = append(p.all, nil)
	}
	if p.all[n] == nil {
		p.all[n] = new([pageEntries]entry)
	}
	return &p.all[n][slot%pageEntries]
}

// nobody is what is known of a slot that was never used.
var nobody entry
