package tui

import (
	"strconv"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// treeColumns are the columns that only grouped rows have.
func treeColumns() []screenColumn {
	return []screenColumn{
		{name: "group", title: "GROUP", width: [3]int{16, 28, 48}, cell: treeCell,
			help: "What the rows of a group share, and the connections of an unfolded one."},
		{name: "conns", title: "CONNS", width: [3]int{5, 5, 5}, right: true, cell: connsCell,
			help: "How many connections and listeners the group has, those that have no row among them."},
	}
}

// narrowTree is a width in which a sign has to do.
const narrowTree = 20

func treeCell(dst []byte, e *env, it *item, w int) ([]byte, style) {
	if it.group == nil {
		branch := "├ "
		switch {
		case e.ascii:
			branch = "| "
		case it.last:
			branch = "└ "
		}
		dst = append(dst, branch...)
		if it.row.Has&conn.HasRaddr == 0 {
			return e.appendLocalEnd(dst, it.row, w-2), plain
		}
		return e.appendRemoteEnd(dst, it.row, w-2), plain
	}
	fold := "▸ "
	switch {
	case e.ascii && e.unfolded[it.group.key]:
		fold = "- "
	case e.ascii:
		fold = "+ "
	case e.unfolded[it.group.key]:
		fold = "▾ "
	}
	if it.group.n == 0 {
		fold = "  "
	}
	dst = append(dst, fold...)
	dst = e.grouping.appendLabel(dst, it.group, e)
	if it.group.open > 0 {
		dst = strconv.AppendUint(append(dst, " +"...), it.group.open, 10)
		if w > narrowTree {
			dst = append(dst, " not shown"...)
		}
		return dst, warning
	}
	if e.grouping.by.name == "host" && it.at.StateOf(it.row) != table.HostOK {
		return dst, warning
	}
	return dst, strong
}

func connsCell(dst []byte, e *env, it *item, _ int) ([]byte, style) {
	if it.group == nil {
		return dst, plain
	}
	return strconv.AppendUint(dst, it.group.conns(), 10), plain
}
