package tui

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// groupNames are what rows can be grouped by, in the order of the key that
// cycles through them.
func groupNames() []string {
	return []string{"process", "user", "remote", "rport", "lport", "state", "unit", "container", "pod", "netns", "cc", "proto"}
}

// groupKey names a group: a number or an address, or the number of a text.
type groupKey struct{ hi, lo uint64 }

// noValue is the group of rows that have no value.
var noValue = groupKey{math.MaxUint64, math.MaxUint64}

// group is the rows with one value. Its sum is a row itself, so that every column
// shows it and sorts by it: counters, rates and queues are summed, times are the
// longest, and what all rows share is kept.
type group struct {
	key    groupKey
	sum    table.Row
	rows   []*table.Row // where it is unfolded
	n      int
	mixed  mixed
	common conn.Place // what the places of the rows share, where they differ
}

// mixed says what the rows of a group do not share.
type mixed struct{ laddr, lport, remote bool }

// grouping sums rows by one value. Its memory is used again for every tick.
type grouping struct {
	by     string
	texts  map[string]uint64
	names  []string
	index  map[groupKey]int
	groups []group
	order  []*group
}

func newGrouping(by string) *grouping {
	return &grouping{by: by, texts: make(map[string]uint64), index: make(map[groupKey]int)}
}

// clear starts the next tick.
func (g *grouping) clear() {
	clear(g.index)
	g.groups = g.groups[:0]
	if len(g.texts) > 1<<16 {
		clear(g.texts)
		g.names = g.names[:0]
	}
}

// add sums r. It keeps shown, the row as the snapshot has it, if its group is
// unfolded.
func (g *grouping) add(r, shown *table.Row, unfolded map[groupKey]bool) {
	key := g.keyOf(r)
	i, known := g.index[key]
	if !known {
		i = len(g.groups)
		g.index[key] = i
		if i < cap(g.groups) {
			g.groups = g.groups[:i+1]
			rows := g.groups[i].rows[:0]
			g.groups[i] = group{key: key, sum: *r, n: 1, rows: rows}
		} else {
			g.groups = append(g.groups, group{key: key, sum: *r, n: 1})
		}
		g.groups[i].sum.Event = conn.EventSample
	} else {
		g.groups[i].add(r)
	}
	if len(unfolded) > 0 && unfolded[key] {
		g.groups[i].rows = append(g.groups[i].rows, shown)
	}
}

func (g *grouping) keyOf(r *table.Row) groupKey {
	switch g.by {
	case "process":
		if r.Owner.PID == 0 && !r.Owner.Kernel {
			return noValue
		}
		return groupKey{uint64(r.Owner.PID), uint64(r.Owner.Start)}
	case "user":
		if r.Has&conn.HasUID == 0 {
			return noValue
		}
		return groupKey{lo: uint64(r.UID)}
	case "remote":
		if r.Has&conn.HasRaddr == 0 {
			return noValue
		}
		return groupKey{binary.BigEndian.Uint64(r.Raddr[:8]), binary.BigEndian.Uint64(r.Raddr[8:])}
	case "rport":
		if r.Has&conn.HasRaddr == 0 {
			return noValue
		}
		return groupKey{lo: uint64(r.Rport)}
	case "lport":
		return groupKey{lo: uint64(r.Lport)}
	case "state":
		if r.State == 0 {
			return noValue
		}
		return groupKey{lo: uint64(r.State)}
	case "proto":
		return groupKey{lo: uint64(r.Proto)}
	case "netns":
		if r.NetNS == 0 {
			return noValue
		}
		return groupKey{lo: uint64(r.NetNS)}
	case "cc":
		if r.Has&conn.HasSettings == 0 {
			return noValue
		}
		return groupKey{binary.BigEndian.Uint64(r.CC[:8]), binary.BigEndian.Uint64(r.CC[8:])}
	}
	return g.textKey(placeText(r, g.by))
}

func placeText(r *table.Row, by string) string {
	if r.Place == nil {
		return ""
	}
	switch by {
	case "unit":
		return r.Place.Unit
	case "container":
		return r.Place.Container
	case "pod":
		return r.Place.Pod
	}
	return ""
}

func (g *grouping) textKey(s string) groupKey {
	if s == "" {
		return noValue
	}
	n, known := g.texts[s]
	if !known {
		n = uint64(len(g.names))
		g.texts[s] = n
		g.names = append(g.names, s)
	}
	return groupKey{hi: 1, lo: n}
}

// appendLabel appends what the rows of gr have in common, as safe text.
func (g *grouping) appendLabel(dst []byte, gr *group, e *env) []byte {
	r := &gr.sum
	if gr.key == noValue {
		return append(append(dst, "(no "...), g.by+")"...)
	}
	switch g.by {
	case "process":
		return e.appendProcess(dst, r)
	case "user":
		if r.Place != nil && r.Place.User != "" {
			return appendSafe(dst, []byte(r.Place.User), e.ascii)
		}
		return strconv.AppendUint(append(dst, "uid "...), uint64(r.UID), 10)
	case "remote":
		return e.appendHost(dst, r.Raddr)
	case "rport", "lport":
		return e.appendPort(dst, r.Proto, uint16(gr.key.lo))
	case "state":
		return append(dst, r.State.String()...)
	case "proto":
		return append(dst, r.Proto.String()...)
	case "netns":
		return strconv.AppendUint(dst, gr.key.lo, 10)
	case "cc":
		return appendSafe(dst, r.CC.Bytes(), e.ascii)
	}
	return appendSafe(dst, []byte(placeText(r, g.by)), e.ascii)
}

// arrange orders the groups by compare, the first n of them at least.
func (g *grouping) arrange(compare func(a, b *group) int, n int) []*group {
	g.order = g.order[:0]
	for i := range g.groups {
		g.order = append(g.order, &g.groups[i])
	}
	selectFirst(g.order, compare, n)
	return g.order
}

// selectFirst brings the first n of all in order to the front and sorts them.
func selectFirst[T any](all []T, compare func(a, b T) int, n int) {
	if n <= 0 || n*8 >= len(all) {
		slices.SortFunc(all, compare)
		return
	}
	best := all[:n]
	slices.SortFunc(best, compare)
	for i := n; i < len(all); i++ {
		if compare(all[i], best[n-1]) >= 0 {
			continue
		}
		at, _ := slices.BinarySearchFunc(best, all[i], compare)
		v := all[i]
		all[i] = best[n-1]
		copy(best[at+1:], best[at:n-1])
		best[at] = v
	}
}
