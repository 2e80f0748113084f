package table

import (
	"math/bits"

	"tcptop/internal/conn"
)

// pageRows is how many rows are copied when one of them changes under a
// snapshot. Fewer make a tick with few moved rows cheaper and every query
// dearer: at 100,000 rows a quarter of 32 costs a query four times as much.
const pageRows = 32

// page is pageRows neighbouring rows, shared by the table and its snapshots.
// The bits are one per row, lowest first.
type page struct {
	used    uint32 // there is a row
	shown   uint32 // snapshots show it
	touched uint32 // event, rates and Moved end with this tick
	closing uint32 // the row ends with this tick
	idle    uint32 // the row is hidden after this tick
	passing uint32 // the row came and went within this tick
	born    uint64 // the first snapshot that can hold this page as it is
	rows    [pageRows]Row
	seen    [pageRows]int64 // monotonic ns of the last movement
}

// slot is one row of a page that may be written.
type slot struct {
	*Row
	page *page
	pos  int32
	bit  uint32
}

func (s slot) is(set uint32) bool { return set&s.bit != 0 }
func (s slot) seen() *int64       { return &s.page.seen[s.pos%pageRows] }

// slot returns the row at pos, copying its page first if a snapshot holds it.
func (t *Table) slot(pos int32) slot {
	p := t.writable(pos / pageRows)
	i := pos % pageRows
	return slot{Row: &p.rows[i], page: p, pos: pos, bit: 1 << i}
}

// find returns the row of id. Sources name connections in an order of their own,
// mostly that in which the table first met them: where two in a row were
// neighbours, the next is looked for beside them before the index is asked.
func (t *Table) find(id conn.ID) (pos int32, known bool) {
	if pos = t.guess; pos >= 0 && pos < t.next {
		p, i := t.pages[pos/pageRows], pos%pageRows
		if p != nil && p.used&(1<<i) != 0 && p.rows[i].ID == id {
			t.last, t.guess = pos, pos+1
			return pos, true
		}
	}
	pos, known = t.at(id)
	t.guess = -1
	if known && pos == t.last+1 {
		t.guess = pos + 1
	}
	t.last = pos
	return pos, known
}

// at is where the row of id is, by the index.
func (t *Table) at(id conn.ID) (pos int32, known bool) {
	at, known := t.index.Find(id)
	if !known && t.passing.Len() > 0 {
		at, known = t.passing.Find(id)
	}
	return int32(at), known
}

// id is that of the row at a position.
func (t *Table) id(at uint32) conn.ID { return t.pages[at/pageRows].rows[at%pageRows].ID }

func (t *Table) writable(n int32) *page {
	p := t.pages[n]
	if p != nil && p.born > t.tick.held {
		p.born = t.pool.count + 1 // older ones that had it have been released
		return p
	}
	fresh := t.pool.get()
	if p == nil {
		*fresh = page{born: fresh.born}
	} else {
		born := fresh.born
		*fresh = *p
		fresh.born = born
		t.pool.retire(p)
	}
	t.pages[n] = fresh
	return fresh
}

// touch notes that the row must be settled at the next tick.
func (t *Table) touch(s slot) {
	if s.page.touched == 0 {
		t.touched = append(t.touched, s.pos/pageRows)
	}
	s.page.touched |= s.bit
}

func (t *Table) show(s slot) {
	if !s.is(s.page.shown) {
		s.page.shown |= s.bit
		t.shown++
	}
}

func (t *Table) hide(s slot) {
	if s.is(s.page.shown) {
		s.page.shown &^= s.bit
		t.shown--
	}
}

// add gives c a row; ok is false where the table is full.
func (t *Table) add(c *conn.Conn) (s slot, ok bool) {
	if s, ok = t.place(c); ok {
		t.index.Put(c.ID, uint32(s.pos))
	}
	return s, ok
}

// pass is add for a row that goes with this tick.
func (t *Table) pass(c *conn.Conn) (s slot, ok bool) {
	if s, ok = t.place(c); ok {
		t.passing.Put(c.ID, uint32(s.pos))
		s.page.passing |= s.bit
	}
	return s, ok
}

// place takes a position for c and fills it; ok is false where the table is full.
func (t *Table) place(c *conn.Conn) (s slot, ok bool) {
	var pos int32
	switch n := len(t.vacant); {
	case n > 0:
		pos = t.vacant[n-1]
		t.vacant = t.vacant[:n-1]
	case int(t.next) < t.maxRows:
		pos = t.next
		t.next++
		if int(pos/pageRows) == len(t.pages) {
			t.pages = append(t.pages, nil)
		}
	default:
		return slot{}, false
	}
	s = t.slot(pos)
	s.page.used |= s.bit
	s.Conn, s.Pos = *c, pos
	fill(&s.Sampled, t.tick.now)
	*s.seen() = t.lastActive(c)
	t.show(s)
	t.over.placed(c.ID)
	return s, true
}

// drop frees the row's position, and its page where that was the last row.
func (t *Table) drop(s slot) {
	t.hide(s)
	if !s.is(s.page.passing) {
		t.index.Remove(s.ID)
	}
	delete(t.carried, s.pos)
	t.journal.drop(s.pos)
	t.vacant = append(t.vacant, s.pos)
	p := s.page
	*s.Row = Row{}
	for _, set := range [...]*uint32{&p.used, &p.touched, &p.closing, &p.idle, &p.passing} {
		*set &^= s.bit
	}
	if p.used == 0 {
		t.pages[s.pos/pageRows] = nil
		t.pool.retire(p)
	}
}

// settle ends the tick before: what closed goes, what was idle hides, and what
// moved rests until it is named again.
func (t *Table) settle() {
	for _, n := range t.touched {
		p := t.pages[n]
		switch {
		case p == nil || p.touched == 0:
			continue
		case p.used == p.touched&p.closing:
			t.dropPage(n)
			continue
		}
		p = t.writable(n)
		touched := p.touched
		p.touched = 0
		for ; touched != 0; touched &= touched - 1 {
			t.rest(t.slot(n*pageRows + int32(bits.TrailingZeros32(touched))))
		}
	}
	t.touched = t.touched[:0]
	t.passing.Clear()
}

// dropPage drops all rows of a page, which need not be copied for that.
func (t *Table) dropPage(n int32) {
	p := t.pages[n]
	for i := int32(pageRows) - 1; i >= 0; i-- { // the first is taken first, then
		if p.used>>i&1 == 0 {
			continue
		}
		if p.passing>>i&1 == 0 {
			t.index.Remove(p.rows[i].ID)
		}
		pos := n*pageRows + i
		delete(t.carried, pos)
		t.journal.drop(pos)
		t.vacant = append(t.vacant, pos)
	}
	t.shown -= bits.OnesCount32(p.shown)
	t.pages[n] = nil
	t.pool.retire(p)
}

func (t *Table) rest(s slot) {
	switch {
	case s.is(s.page.closing):
		t.drop(s)
		return
	case s.is(s.page.idle):
		s.page.idle &^= s.bit
		t.hide(s)
	}
	s.Event, s.Moved, s.RxRate, s.TxRate = conn.EventSample, false, 0, 0
	s.Limit, s.Share = t.standing(s)
	s.AcceptRate, s.Dropped = 0, 0
}
