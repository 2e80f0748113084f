package tui

import (
	"cmp"
	"slices"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// groupField is the field that groups are named by.
func groupField(by string) string {
	switch by {
	case "process":
		return "comm"
	case "remote":
		return "raddr"
	}
	return by
}

// queryGroups fills the window with groups and the rows of those unfolded.
func (m *Model) queryGroups(v *view, lo, hi int) {
	g, s := v.grouping, m.shown
	match := m.match(s)
	g.clear()
	v.rows = 0
	var less table.Row
	for r := range s.Rows() {
		if !match(r) {
			continue
		}
		v.rows++
		g.add(m.env.zero.row(r, &less), r, v.unfolded)
	}
	n := hi
	if len(v.unfolded) > 0 || v.frozen != nil {
		n = 0
	}
	v.window, v.base, v.total = v.window[:0], lo, 0
	compare := m.compare(v, s)
	for _, gr := range g.arrange(m.compareGroups(v), n) {
		v.add(item{row: &gr.sum, at: s, group: gr}, lo, hi)
		slices.SortFunc(gr.rows, compare)
		for i, r := range gr.rows {
			v.add(item{row: r, at: s, depth: 1, last: i == len(gr.rows)-1}, lo, hi)
		}
	}
}

func (v *view) add(it item, lo, hi int) {
	if lo <= v.total && v.total < hi {
		v.window = append(v.window, it)
	}
	v.total++
}

// compareGroups is the order of groups: by their sums, or by how many rows they have.
func (m *Model) compareGroups(v *view) func(a, b *group) int {
	tie := func(a, b *group) int {
		return cmp.Or(cmp.Compare(a.key.hi, b.key.hi), cmp.Compare(a.key.lo, b.key.lo))
	}
	if v.sort.column == "conns" {
		return func(a, b *group) int {
			n := cmp.Compare(a.n, b.n)
			if v.sort.desc {
				n = -n
			}
			return cmp.Or(n, tie(a, b))
		}
	}
	// The ids of sums are those of some row: made equal, so that the key decides.
	bySum := m.order(v).Compare(m.shown)
	return func(a, b *group) int {
		a.sum.ID, b.sum.ID = conn.ID{}, conn.ID{}
		return cmp.Or(bySum(&a.sum, &b.sum), tie(a, b))
	}
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
