package tui

import (
	"cmp"
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
	v.alive = nil
	switch {
	case m.current == events:
		m.queryEvents(v, lo, hi)
	case m.current == hosts:
		v.window, v.base, v.total, v.rows = v.window[:0], 0, 0, 0
	case v.group != "":
		m.queryGroups(v, lo, hi)
	default:
		m.queryRows(v, lo, hi)
	}
}

// match is which rows the view and the filters let through.
func (m *Model) match(s *table.Snapshot) func(*table.Row) bool {
	filtered := m.bar.filter.Match(s)
	flags := func(*table.Row) bool { return true }
	if m.cfg.Match != nil {
		flags = m.cfg.Match(s)
	}
	if m.current == listeners {
		return func(r *table.Row) bool { return r.Dir == conn.DirListen && flags(r) && filtered(r) }
	}
	return func(r *table.Row) bool { return flags(r) && filtered(r) }
}

// compare is the order of the rows of s in v.
func (m *Model) compare(v *view, s *table.Snapshot) func(a, b *table.Row) int {
	byField := m.order(v).Compare(s)
	if v.frozen == nil {
		return byField
	}
	return func(a, b *table.Row) int {
		x, hasX := v.frozen[a.ID]
		y, hasY := v.frozen[b.ID]
		switch {
		case hasX && hasY:
			return cmp.Compare(x, y)
		case hasX:
			return -1
		case hasY:
			return 1
		}
		return byField(a, b)
	}
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

func (m *Model) queryRows(v *view, lo, hi int) {
	s := m.shown
	match, compare := m.match(s), m.compare(v, s)
	pins := make([]*table.Row, len(m.pins))
	rows := 0
	keep := func(r *table.Row) bool {
		if len(m.pins) > 0 {
			if i := slices.Index(m.pins, r.ID); i >= 0 {
				pins[i] = r
				return false
			}
		}
		if !match(r) {
			return false
		}
		rows++
		if r.ID == v.cursor.id {
			v.alive = r
		}
		return true
	}
	kept := m.keptClosed(v, match)
	backwards := len(kept) == 0 && v.total > 0 && hi > v.total/2 && v.total > 1000
	limit, order := hi, compare
	if backwards {
		limit = max(v.total-lo, 1)
		order = func(a, b *table.Row) int { return compare(b, a) }
	}
	found := s.Query(keep, order, limit)
	v.window, v.base = v.window[:0], 0
	if backwards {
		slices.Reverse(found)
		v.base = max(rows-len(found), 0)
		if v.base > 0 {
			v.base += len(pins)
		}
	}
	v.rows, v.total = rows+len(kept), rows+len(kept)
	if v.base == 0 {
		m.addPins(v, pins)
	} else {
		v.total += len(m.pins)
	}
	for _, r := range found {
		v.window = append(v.window, item{row: r, at: s})
	}
	m.mergeClosed(v, kept, compare)
}

// addPins puts the pinned rows on top and forgets those that are gone.
func (m *Model) addPins(v *view, pins []*table.Row) {
	m.pins = slices.DeleteFunc(m.pins, func(id conn.ID) bool {
		return !slices.ContainsFunc(pins, func(r *table.Row) bool { return r != nil && r.ID == id })
	})
	for _, r := range pins {
		if r != nil {
			v.window = append(v.window, item{row: r, at: m.shown, pinned: true})
			v.total++
			if r.ID == v.cursor.id {
				v.alive = r
			}
		}
	}
}

// keptClosed are the closed rows to show.
func (m *Model) keptClosed(v *view, match func(*table.Row) bool) []item {
	if !m.keep {
		return nil
	}
	var all []item
	for e := range m.tally.newest {
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

// mergeClosed puts the closed rows among the others. The window starts at the top.
func (m *Model) mergeClosed(v *view, kept []item, compare func(a, b *table.Row) int) {
	if len(kept) == 0 {
		return
	}
	first := 0
	for first < len(v.window) && v.window[first].pinned {
		first++
	}
	v.window = append(v.window, kept...)
	slices.SortFunc(v.window[first:], func(a, b item) int { return compare(a.row, b.row) })
}

func (m *Model) queryEvents(v *view, lo, hi int) {
	v.window, v.base, v.total = v.window[:0], lo, 0
	var at *table.Snapshot
	var match func(*table.Row) bool
	for e := range m.tally.newest {
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
