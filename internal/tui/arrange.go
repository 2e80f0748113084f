package tui

import (
	"slices"

	"tcptop/internal/column"
	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// arrange fills the window of the current view from the snapshot shown, keeps the
// cursor on its line and the screen within the list.
func (m *Model) arrange() {
	v := m.view()
	if m.shown == nil {
		return
	}
	m.env.shown = m.shown
	h := m.bodyHeight()
	m.query(v, h)
	if limit := max(v.total-h, 0); v.offset > limit {
		v.offset = limit
		m.query(v, h)
	}
	m.findCursor(v, h)
	m.dirty = true
}

// query fills v.window with the lines around the visible ones.
func (m *Model) query(v *view, h int) {
	lo, hi := max(v.offset-h, 0), v.offset+2*h
	v.alive, v.place = nil, -1
	switch {
	case m.current == events:
		m.queryEvents(v, lo, hi)
	case v.group != "":
		m.queryGroups(v, lo, hi)
	default:
		m.queryRows(v, lo, hi)
	}
}

// match is which rows the view and the filters let through.
func (m *Model) match(s *table.Snapshot) func(*table.Row) bool {
	return m.predicate(s, m.bar.filter.Match(s))
}

// matchEnd is match where a row is one end alone.
func (m *Model) matchEnd(s *table.Snapshot) func(*table.Row) bool {
	return m.predicate(s, m.bar.filter.MatchEnd(s))
}

func (m *Model) predicate(s *table.Snapshot, filtered func(*table.Row) bool) func(*table.Row) bool {
	flags := func(*table.Row) bool { return true }
	if m.cfg.Match != nil {
		flags = m.cfg.Match(s)
	}
	if m.current == listeners {
		return func(r *table.Row) bool { return waits(r) && flags(r) && filtered(r) }
	}
	return func(r *table.Row) bool { return flags(r) && filtered(r) }
}

// waits reports whether r is a listener, or a UDP socket that anybody may send to.
func waits(r *table.Row) bool {
	return r.Dir == conn.DirListen || r.Proto == conn.UDP && r.Has&(conn.HasBytes|conn.HasRaddr|conn.HasQueues) == conn.HasQueues
}

// ordering is the order of the rows of v.
func (m *Model) ordering(v *view) ordering {
	return ordering{Order: m.order(v), at: m.shown, frozen: v.frozen}
}

// order is the field to sort v by.
func (m *Model) order(v *view) column.Order {
	name := v.sort.column
	if c := m.cols.of[name]; c != nil && c.field != nil {
		return column.Order{Column: m.env.zero.column(c.field), Desc: v.sort.desc}
	}
	if name == "group" {
		name = groupField(v.group)
	}
	c, ok := m.cfg.List.Find(name)
	if !ok {
		c, _ = m.cfg.List.Find("rate")
	}
	return column.Order{Column: c, Desc: v.sort.desc}
}

// queryRows fills the window with the pinned rows, which come first, and what is
// visible of the others.
func (m *Model) queryRows(v *view, lo, hi int) {
	match, s := m.match(m.shown), &m.picked
	kept := m.keptClosed(v, match)
	s.begin(m.ordering(v), hi)
	pins := make([]*table.Row, len(m.pins))
	v.rows = len(kept)
	m.skim.begin(m.skimmed(v, &s.ordering), v.cursor.id)
	for at, p := range m.shown.Pages() {
		if rows, known := m.skim.knows(at, p, s); known {
			v.rows += rows
			continue
		}
		v.rows += m.queryPage(v, at, p, match, pins)
	}
	if r := m.shown.At(m.skim.pos); v.alive == nil && r != nil && r.ID == v.cursor.id && match(r) {
		v.alive = r
	}
	for i := range kept {
		c := s.row(kept[i].row)
		c.at = int32(i)
		s.offer(&c)
	}
	v.window, v.base = v.window[:0], lo
	top := m.addPins(v, pins, lo, hi)
	v.total = top + v.rows
	for _, c := range s.window(max(lo-top, 0), max(hi-top, 0)) {
		if c.at >= 0 {
			v.window = append(v.window, kept[c.at])
		} else {
			v.window = append(v.window, item{row: c.row, at: m.shown})
		}
	}
	s.end()
}

// queryPage offers the rows of a page that match, and returns how many these are.
func (m *Model) queryPage(v *view, at int, p table.Page, match func(*table.Row) bool, pins []*table.Row) (rows int) {
	s := &m.picked
	var first candidate
	for r := range p.Rows() {
		if i := m.pin(r); i >= 0 {
			pins[i] = r
		} else if !match(r) {
			continue
		} else {
			c := s.row(r)
			if rows == 0 || s.compare(&c, &first) < 0 {
				first = c
			}
			rows++
			s.offer(&c)
		}
		if r.ID == v.cursor.id {
			v.alive, m.skim.pos = r, r.Pos
		}
	}
	m.skim.note(at, p, rows, first)
	return rows
}

// places is where each row that matches has its place now.
func (m *Model) places(v *view) places {
	match, s := m.match(m.shown), &m.picked
	s.begin(m.ordering(v), m.shown.Len())
	for r := range m.shown.Rows() {
		if match(r) {
			c := s.row(r)
			s.offer(&c)
		}
	}
	last := int32(-1)
	for i := range s.all {
		last = max(last, s.all[i].row.Pos)
	}
	all := make(places, last+1)
	for i, c := range s.window(0, len(s.all)) {
		all[c.row.Pos] = frozenPlace{mark(c.row.ID), uint32(i) + 1}
	}
	s.end()
	return all
}

// pin is the place of r among the pinned rows, -1 where it is none.
func (m *Model) pin(r *table.Row) int {
	if len(m.pins) == 0 {
		return -1
	}
	return slices.Index(m.pins, r.ID)
}

// addPins puts those of the pinned rows into the window that lie from lo to hi,
// forgets those that are gone and returns how many there are.
func (m *Model) addPins(v *view, pins []*table.Row, lo, hi int) int {
	m.pins = m.pins[:0]
	for _, r := range pins {
		if r == nil {
			continue
		}
		if at := len(m.pins); lo <= at && at < hi {
			v.window = append(v.window, item{row: r, at: m.shown, pinned: true})
		}
		m.pins = append(m.pins, r.ID)
	}
	return len(m.pins)
}

// happened is the tally of events: what is measured has more of them than the way to
// a tick of the past.
func (m *Model) happened() *tally {
	if m.cfg.Replay {
		return m.tally
	}
	return m.live
}

// keptClosed are the closed rows to show.
func (m *Model) keptClosed(v *view, match func(*table.Row) bool) []item {
	if !m.keep {
		return nil
	}
	var all []item
	for e := range m.happened().newest {
		if e.Event == conn.EventOpen || e.at.Mono >= m.shown.Mono || !match(&e.Row) {
			continue
		}
		all = append(all, item{row: &e.Row, at: e.at, closed: true})
		if e.ID == v.cursor.id {
			v.alive = &e.Row
		}
	}
	return all
}

func (m *Model) queryEvents(v *view, lo, hi int) {
	v.window, v.base, v.total = v.window[:0], lo, 0
	var at *table.Snapshot
	var match func(*table.Row) bool
	for e := range m.happened().newest {
		if e.at.Mono > m.shown.Mono {
			continue
		}
		if e.at != at {
			at, match = e.at, m.match(e.at)
		}
		if !match(&e.Row) {
			continue
		}
		if lo <= v.total && v.total < hi {
			v.window = append(v.window, item{row: &e.Row, at: e.at, seq: e.seq})
		}
		v.total++
	}
	v.rows = v.total
}
