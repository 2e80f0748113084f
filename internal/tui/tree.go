package tui

import (
	"iter"

	"tcptop/internal/table"
)

// queryGroups fills the window with groups and the rows of those unfolded.
func (m *Model) queryGroups(v *view, lo, hi int) {
	g := v.grouping
	m.collect(v)
	m.orderGroups(v, hi)
	v.total = len(g.groups)
	for key := range v.unfolded {
		if i, ok := g.index[key]; ok {
			v.total += int(g.groups[i].n)
		}
	}
	g.reserve(min(hi, v.total) - lo)
	v.window, v.base = v.window[:0], lo
	from := lo
	if len(v.unfolded) > 0 {
		from = 0
	}
	m.layTree(v, m.picked.window(from, hi), from, hi)
	g.sum(m.env.zero)
	m.picked.end()
	m.inner.end()
	clear(g.rows)
}

// layTree puts the lines from v.base to hi into the window: groups in order, of
// which the first is at the place line.
func (m *Model) layTree(v *view, groups []candidate, line, hi int) {
	for i := range groups {
		if line >= hi {
			return
		}
		at := groups[i].at
		of := &v.grouping.groups[at]
		if line >= v.base {
			gr := v.grouping.show(of)
			v.window = append(v.window, item{row: &gr.sum, at: m.shown, group: gr})
		}
		if n := v.linesOf(at); n > 1 {
			m.unfold(v, at, v.base-line-1, hi-line-1)
			line += n
		} else {
			line++
		}
	}
}

// collect finds the group of each row, and what orders the groups where the rows'
// values tell.
func (m *Model) collect(v *view) {
	g, by := v.grouping, m.order(v).Column
	join := joinedBy(by.Name)
	g.clear()
	v.rows = 0
	for r := range m.groupRows(v) {
		of := g.add(r)
		if r.ID == v.cursor.id && v.unfolded[of.key] {
			v.alive = r
		}
		if join == nil {
			continue
		}
		switch n, ok := by.Num(m.shown, r); {
		case ok && of.known:
			of.value = join(of.value, n)
		case ok:
			of.value, of.known = n, true
		}
	}
	m.collectUnlisted(v, by, join)
	if g.by.name == "host" {
		g.addUnheard(m.shown.Hosts)
	}
}

// groupRows yields the rows that match, and counts the connections among them. Where each
// end belongs to a group of its own the ends are rows, but that no group has both of a
// connection.
func (m *Model) groupRows(v *view) iter.Seq[*table.Row] {
	match, g, s := m.match(m.shown), v.grouping, m.shown
	if g.by.each {
		match = m.matchEnd(s)
	}
	return func(yield func(*table.Row) bool) {
		for r, shown := range s.Ends() {
			if !shown && !g.by.each || !match(r) {
				continue
			}
			first := s.Other(r)
			again := !shown && (first == nil || match(first)) // the connection is counted, in this tick or before
			if again && first != nil && g.keyOf(first) == g.keyOf(r) {
				continue
			}
			if !again {
				v.rows++
			}
			if !yield(r) {
				return
			}
		}
	}
}

// orderGroups picks the groups that may be in a window before hi, and finds the
// cursor's place.
func (m *Model) orderGroups(v *view, hi int) {
	g, s, o := v.grouping, &m.picked, m.ordering(v)
	o.frozen = nil
	s.begin(o, hi)
	if joinedBy(o.Column.Name) == nil && v.sort.column != "conns" {
		g.link()
	}
	at := v.cursorGroup()
	var chosen candidate
	if at >= 0 {
		chosen = m.groupAt(v, at)
		v.place = 0
	}
	for i := range g.groups {
		c := m.groupAt(v, int32(i))
		if at >= 0 && s.compare(&c, &chosen) < 0 {
			v.place += v.linesOf(int32(i))
		}
		s.offer(&c)
	}
	if v.alive != nil {
		v.place += 1 + m.placeInGroup(v, at)
	}
}

// groupAt is a group as it is ordered: by its sum, or by how many rows it has.
func (m *Model) groupAt(v *view, at int32) candidate {
	g, s := v.grouping, &m.picked
	of := &g.groups[at]
	c := candidate{at: at, tie: [2]uint64{of.key.hi, of.key.lo}}
	switch {
	case v.sort.column == "conns":
		s.number(&c, int64(of.n)+clamp(of.more), true)
	case of.n == 0 && of.unlisted == 0 && s.Column.Name != "host": // its name is all that is known
		s.number(&c, 0, false)
	case joinedBy(s.Column.Name) != nil:
		s.number(&c, of.value, of.known)
	default:
		c.row = g.lead(at)
		s.value(&c, g.total(of, m.env.zero))
	}
	return c
}

// linesOf is how many lines a group takes.
func (v *view) linesOf(at int32) int {
	of := &v.grouping.groups[at]
	if len(v.unfolded) > 0 && v.unfolded[of.key] {
		return 1 + int(of.n)
	}
	return 1
}

// cursorGroup is the group that the cursor is on or in; -1 is none.
func (v *view) cursorGroup() int32 {
	key := v.cursor.group
	switch {
	case v.alive != nil:
		key = v.grouping.keyOf(v.alive)
	case v.cursor.kind != groupItem:
		return -1
	}
	if at, ok := v.grouping.index[key]; ok {
		return at
	}
	return -1
}

// placeInGroup counts the rows of a group before the cursor's.
func (m *Model) placeInGroup(v *view, group int32) int {
	o, n := m.ordering(v), 0
	chosen := o.row(v.alive)
	for _, r := range v.grouping.rows {
		if r.group != group {
			continue
		}
		if c := o.row(r.row); o.compare(&c, &chosen) < 0 {
			n++
		}
	}
	return n
}

// unfold puts the rows of a group at the places from lo to hi into the window.
func (m *Model) unfold(v *view, group int32, lo, hi int) {
	g, s := v.grouping, &m.inner
	n := int(g.groups[group].n)
	if lo, hi = max(lo, 0), min(hi, n); lo >= hi {
		return
	}
	s.begin(m.ordering(v), hi)
	for i := range g.rows {
		if g.rows[i].group == group {
			c := s.row(g.rows[i].row)
			s.offer(&c)
		}
	}
	for i, c := range s.window(lo, hi) {
		v.window = append(v.window, item{row: c.row, at: m.shown, depth: 1, last: lo+i == n-1})
	}
}

// reserve makes room for n visible groups.
func (g *grouping) reserve(n int) {
	if cap(g.visible) < n || cap(g.visible) > max(leastKept, 8*n) {
		g.visible = make([]group, 0, max(n, 0))
	}
	g.visible = g.visible[:0]
}

// row is r less what its counters were when they were zeroed, made in less.
func (z *zeroed) row(r, less *table.Row) *table.Row {
	if z == nil {
		return r
	}
	was, known := z.counts[r.ID]
	if !known {
		return r
	}
	*less = *r
	less.RxBytes -= min(was.rxBytes, less.RxBytes)
	less.TxBytes -= min(was.txBytes, less.TxBytes)
	less.RxPackets -= min(was.rxPackets, less.RxPackets)
	less.TxPackets -= min(was.txPackets, less.TxPackets)
	less.RetransBytes -= min(was.retransBytes, less.RetransBytes)
	less.RetransPackets -= min(was.retransPackets, less.RetransPackets)
	less.Drops -= min(was.drops, less.Drops)
	return less
}
