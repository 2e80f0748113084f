package tui

import "tcptop/internal/table"

// findCursor looks for the cursor's line in the window. A line that is gone hands
// the cursor to the one in its place; one that is elsewhere is left alone, unless
// the screen follows it.
func (m *Model) findCursor(v *view, h int) {
	if v.cursor.kind == noItem {
		v.at = -1
		return
	}
	was := v.at
	if v.locate() {
		if v.follow && (v.at < v.offset || v.at >= v.offset+h) {
			m.reveal(v, h)
		}
		return
	}
	switch {
	case v.exists() && v.follow:
		m.reveal(v, h)
	case v.exists(), m.current == events:
	case was >= v.offset && was < v.offset+h && v.total > 0:
		v.at = min(was, v.total-1)
		if it := v.item(v.at); it != nil {
			v.cursor = it.key()
			return
		}
		v.cursor, v.at = itemKey{}, -1
	default:
		v.cursor = itemKey{}
	}
}

// exists reports whether the cursor's line is among all lines.
func (v *view) exists() bool { return v.alive != nil || v.place >= 0 }

// locate finds the cursor in the window.
func (v *view) locate() bool {
	v.at = -1
	for i := range v.window {
		if v.window[i].key() == v.cursor {
			v.at = v.base + i
			return true
		}
	}
	return false
}

// reveal scrolls to the cursor, wherever its line is now.
func (m *Model) reveal(v *view, h int) {
	at := v.at
	if at < 0 {
		at = m.placeOf(v)
	}
	if at < 0 {
		return
	}
	switch {
	case at < v.offset:
		v.offset = at
	case at >= v.offset+h:
		v.offset = at - h + 1
	}
	v.offset = min(max(v.offset, 0), max(v.total-h, 0))
	m.query(v, h)
	v.locate()
}

// placeOf counts the lines before the cursor's; -1 is not known.
func (m *Model) placeOf(v *view) int {
	if v.alive == nil || v.group != "" || m.current == events {
		return v.place
	}
	if at := m.pin(v.alive); at >= 0 {
		return at
	}
	o, match := m.ordering(v), m.match(m.shown)
	me := o.row(v.alive)
	n := len(m.pins)
	count := func(r *table.Row) {
		if c := o.row(r); o.compare(&c, &me) < 0 {
			n++
		}
	}
	for r := range m.shown.Rows() {
		if m.pin(r) < 0 && match(r) {
			count(r)
		}
	}
	for _, it := range m.keptClosed(v, match) {
		count(it.row)
	}
	return n
}

// move moves the cursor by n lines. Without one it takes the first visible line;
// out of sight it is shown again.
func (m *Model) move(n int) {
	v, h := m.view(), m.bodyHeight()
	switch {
	case v.total == 0:
		return
	case v.cursor.kind == noItem:
		m.put(v.offset)
		return
	case v.at < 0:
		m.reveal(v, h)
		if v.at < 0 {
			m.put(v.offset)
		}
		return
	}
	m.put(v.at + n)
}

// put moves the cursor to the line at place n and scrolls as far as needed.
func (m *Model) put(n int) {
	v, h := m.view(), m.bodyHeight()
	n = min(max(n, 0), v.total-1)
	if n < 0 {
		return
	}
	before := v.offset
	if n < v.offset {
		v.offset = n
	}
	if n >= v.offset+h {
		v.offset = n - h + 1
	}
	m.dirty = true
	if end := v.base + len(v.window); v.offset != before && (v.offset < v.base || min(v.offset+h, v.total) > end) || v.item(n) == nil {
		m.query(v, h)
		v.offset = min(v.offset, max(v.total-h, 0))
		n = min(n, v.total-1)
	}
	if it := v.item(n); it != nil {
		v.cursor, v.at = it.key(), n
	}
}

// scroll moves the visible lines and leaves the cursor on its own.
func (m *Model) scroll(n int) {
	v, h := m.view(), m.bodyHeight()
	v.offset = min(max(v.offset+n, 0), max(v.total-h, 0))
	m.query(v, h)
	v.locate()
	m.dirty = true
}

// chosen is the line that a key acts on: the cursor's, or the first visible one
// where there is none. It is nil where the list is empty.
func (m *Model) chosen() *item {
	v := m.view()
	if v.cursor.kind == noItem {
		m.put(v.offset)
	}
	if v.at < 0 {
		m.reveal(v, m.bodyHeight())
	}
	return v.selected()
}

// copyOf is a row that outlives its snapshot.
func copyOf(r *table.Row) *table.Row {
	c := *r
	return &c
}
