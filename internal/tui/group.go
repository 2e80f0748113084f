package tui

import (
	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// group is the rows with one value. Its sum is a row itself, so that every column
// shows it and sorts by it: counters, rates and queues are summed, times are the
// longest, and what all rows share is kept.
type group struct {
	key    groupKey
	n      int    // rows
	more   uint64 // connections besides that have no row
	open   uint64 // of these that are open
	sum    table.Row
	mixed  mixed
	limits table.Verdicts

	unlisted bool       // the sum has some that have no row
	rated    bool       // the rates of some of these are known
	common   conn.Place // what the places of the rows share, where they differ
}

// mixed says what the rows of a group do not share.
type mixed struct{ laddr, lport, remote bool }

// members are the rows of one group.
type members struct {
	key         groupKey
	value       int64 // what the values of the rows come to, where that is enough to order by
	known       bool  // value is; no row has one otherwise
	n           int32
	shown       int32 // place among the visible groups; -1 is none
	first, last int32 // of its rows, once they are linked

	unlisted int32  // the last part that has no rows, from 1; 0 is none
	more     uint64 // connections of these parts
}

// member is a row, its group and, once linked, the next row of that; -1 is none.
type member struct {
	row         *table.Row
	group, next int32
}

// grouping finds the rows of each group. Only what is visible is summed up and
// kept, so that many groups take little memory, which is used again for every tick.
type grouping struct {
	by     *groupKind
	index  map[groupKey]int32
	groups []members
	rows   []member

	texts map[string]uint64
	named uint64 // texts so far

	unlisted []unlisted
	unheard  []table.Row // of hosts that have none, each its id alone

	visible []group
	scratch group
	less    table.Row
}

func newGrouping(by string) *grouping {
	return &grouping{by: kindOf(by), texts: make(map[string]uint64), index: make(map[groupKey]int32)}
}

const maxTexts = 1 << 16

// clear starts the next tick. The numbers of forgotten texts are not given out
// again: a fold or the cursor never goes from one group to another.
func (g *grouping) clear() {
	if len(g.texts) > max(maxTexts, 4*len(g.groups)) {
		clear(g.texts)
	}
	if cap(g.groups) > max(leastKept, 8*len(g.groups)) {
		g.index, g.groups = make(map[groupKey]int32), nil
	}
	if cap(g.rows) > max(leastKept, 8*len(g.rows)) {
		g.rows = nil
	}
	clear(g.index)
	g.groups, g.rows, g.unheard, g.unlisted = g.groups[:0], g.rows[:0], g.unheard[:0], g.unlisted[:0]
}

// addUnheard makes groups of the hosts that are not heard, which have no rows: who looks for
// them finds them missing otherwise.
func (g *grouping) addUnheard(all []table.Host) {
	for i := range all {
		key := groupKey{lo: uint64(i + 1)}
		if _, known := g.index[key]; known || all[i].State == table.HostOK || all[i].Name == "" {
			continue
		}
		g.index[key] = int32(len(g.groups))
		g.groups = append(g.groups, members{key: key, shown: -1})
		g.unheard = append(g.unheard, table.Row{Conn: conn.Conn{ID: conn.ID{Host: uint16(i + 1)}}})
	}
}

// lead is the first row of a group, which are linked.
func (g *grouping) lead(at int32) *table.Row {
	switch of := &g.groups[at]; {
	case of.n > 0:
		return g.rows[of.first].row
	case of.unlisted > 0:
		return &g.unlisted[of.unlisted-1].row
	}
	return &g.unheard[int(at)-(len(g.groups)-len(g.unheard))]
}

// add puts r into its group.
func (g *grouping) add(r *table.Row) *members {
	i := g.group(g.keyOf(r))
	g.rows = append(g.rows, member{row: r, group: i})
	of := &g.groups[i]
	of.n++
	return of
}

// group is the place among the groups of the one with that key.
func (g *grouping) group(key groupKey) int32 {
	i, known := g.index[key]
	if !known {
		i = int32(len(g.groups))
		g.index[key] = i
		g.groups = append(g.groups, members{key: key, shown: -1})
	}
	return i
}

func (g *grouping) keyOf(r *table.Row) groupKey {
	if g.by.text != nil {
		return g.numberOf(r.Place)
	}
	if key, ok := g.by.key(r); ok {
		return key
	}
	return noValue
}

func (g *grouping) numberOf(p *conn.Place) groupKey {
	if p == nil {
		return noValue
	}
	s := g.by.text(p)
	if s == "" {
		return noValue
	}
	key := groupKey{hi: 1, lo: g.textNumber(s)}
	if g.by.scope != nil {
		key.hi = 1 + g.textNumber(g.by.scope(p))
	}
	return key
}

func (g *grouping) textNumber(s string) uint64 {
	n, known := g.texts[s]
	if !known {
		n = g.named
		g.named++
		g.texts[s] = n
	}
	return n
}

// link makes the rows of each group a list.
func (g *grouping) link() {
	for i := range g.groups {
		g.groups[i].first = -1
	}
	for i := range g.rows {
		r, at := &g.rows[i], int32(i)
		r.next = -1
		of := &g.groups[r.group]
		if of.first < 0 {
			of.first = at
		} else {
			g.rows[of.last].next = at
		}
		of.last = at
	}
}

// total sums up the rows of of, which are linked. The sum stays until the next one.
func (g *grouping) total(of *members, z *zeroed) *table.Row {
	if of.n == 0 {
		g.scratch.sum = table.Row{Conn: conn.Conn{ID: conn.ID{Host: uint16(of.key.lo)}}}
	}
	gr := &g.scratch
	gr.n, gr.more, gr.open, gr.unlisted, gr.rated = 0, 0, 0, false, false
	for i := of.first; i >= 0; i = g.rows[i].next {
		gr.add(z.row(g.rows[i].row, &g.less))
	}
	for i := of.unlisted; i > 0; i = g.unlisted[i-1].next {
		gr.addUnlisted(&g.unlisted[i-1])
	}
	return &gr.sum
}

// show makes of visible. Its sum is there after sum.
func (g *grouping) show(of *members) *group {
	of.shown = int32(len(g.visible))
	g.visible = append(g.visible, group{key: of.key})
	if of.n == 0 {
		g.visible[of.shown].sum.ID.Host = uint16(of.key.lo)
	}
	return &g.visible[of.shown]
}

// sum sums up the rows of the visible groups.
func (g *grouping) sum(z *zeroed) {
	for i := range g.rows {
		if at := g.groups[g.rows[i].group].shown; at >= 0 {
			g.visible[at].add(z.row(g.rows[i].row, &g.less))
		}
	}
	for i := range g.unlisted {
		if at := g.groups[g.unlisted[i].group].shown; at >= 0 {
			g.visible[at].addUnlisted(&g.unlisted[i])
		}
	}
}

// appendLabel appends what the rows of gr have in common, as safe text.
func (g *grouping) appendLabel(dst []byte, gr *group, e *env) []byte {
	switch gr.key {
	case noValue:
		return append(append(dst, "(no "...), g.by.name+")"...)
	case notKnown:
		if g.by.name == "remote" || g.by.name == "process" { // there is a bound to what is told apart
			return append(dst, "(others)"...)
		}
		return append(dst, "(not known)"...)
	}
	return g.by.label(dst, e, &gr.sum)
}
