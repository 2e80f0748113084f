package tui

import (
	"strconv"

	"tcptop/internal/column"
	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// other is the other end of the connection that the line shows, nil where it has none or
// that is not known.
func (it *item) other() *table.Row {
	if it.group != nil {
		return nil
	}
	return it.at.Other(it.row)
}

// slow reports whether what the line shows is what a host told before.
func (it *item) slow() bool {
	o := it.other()
	return it.at.StateOf(it.row) == table.HostSlow || o != nil && it.at.StateOf(o) == table.HostSlow
}

// bothCells are the cells of fields that a line with both ends of a connection has twice.
func (s *columnSet) bothCells() {
	host, again := s.of["host"], s.of["retrans_packets"]
	host.cell = hostCell(host.cell)
	again.cell = againCell(again.cell, again.field)
}

// hostCell is the host or, where both ends are seen, both: web1→db1.
func hostCell(single cellFunc) cellFunc {
	return func(dst []byte, e *env, it *item, w int) ([]byte, style) {
		o := it.other()
		if o == nil {
			return single(dst, e, it, w)
		}
		a := appendSafe(nil, []byte(it.at.HostOf(it.row)), e.ascii)
		b := appendSafe(nil, []byte(it.at.HostOf(o)), e.ascii)
		return appendBoth(dst, a, b, w, e.ascii), plain
	}
}

// bothProcesses is the processes of both ends, with their pids where there is room.
func bothProcesses(dst []byte, e *env, r, o *table.Row, w int) []byte {
	a, b := e.appendProcess(nil, r), e.appendProcess(nil, o)
	if textWidth(a)+1+textWidth(b) > w {
		a, b = e.appendComm(nil, &r.Owner.Comm), e.appendComm(nil, &o.Owner.Comm)
	}
	return appendBoth(dst, a, b, w, e.ascii)
}

func arrow(ascii bool) string {
	if ascii {
		return ">"
	}
	return "→"
}

// appendBoth appends a→b in w cells, each cut to what the other one leaves.
func appendBoth(dst, a, b []byte, w int, ascii bool) []byte {
	room := max(w-1, 2)
	first := max(room-room/2, room-textWidth(b))
	a = trimMiddle(a, 0, min(first, room-1), ascii)
	b = trimMiddle(b, 0, max(room-textWidth(a), 1), ascii)
	return append(append(append(dst, a...), arrow(ascii)...), b...)
}

// againCell is how many segments either end sent again, this one first, or both together
// where there is no room.
func againCell(single cellFunc, c *column.Column) cellFunc {
	return func(dst []byte, e *env, it *item, w int) ([]byte, style) {
		o := it.other()
		if o == nil {
			return single(dst, e, it, w)
		}
		from, sum, known := len(dst), int64(0), false
		for i, r := range [...]*table.Row{it.row, o} {
			if i > 0 {
				dst = append(dst, '/')
			}
			n, ok := c.Num(it.at, r)
			if !ok {
				dst = append(dst, missing...)
				continue
			}
			n = e.zero.less(c.Name, r, n)
			dst = strconv.AppendInt(dst, n, 10)
			sum, known = sum+n, true
		}
		switch {
		case !known:
			return append(dst[:from], missing...), dim
		case len(dst)-from > w:
			dst = e.units.Append(dst[:from], c.Kind, sum)
		}
		return dst, countStyle(c, sum)
	}
}

// limitOf is what holds the connection of a line back: of one with both ends, in the
// direction that moves more.
func (it *item) limitOf() (conn.Limit, uint8) {
	o := it.other()
	if o == nil || it.at.FirstOf(o) {
		return it.row.Limit, it.row.Share
	}
	from, to := table.Heavier(it.row, o)
	if l, share, _ := table.Held(from, to); l != 0 {
		return l, share
	}
	l, share, _ := table.Held(to, from)
	return l, share
}
