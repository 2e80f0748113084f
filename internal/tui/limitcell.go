package tui

import (
	"strconv"

	"tcptop/internal/conn"
)

// limitCell writes what holds a row back and for how much of the tick, as fully as
// there is room for.
func limitCell(dst []byte, e *env, it *item, w int) ([]byte, style) {
	l, percent := it.limitOf()
	if it.at.FirstOf(it.row) || l == 0 {
		return append(dst, missing...), dim
	}
	share := " " + strconv.Itoa(int(percent)) + "%"
	if l == conn.LimitIdle && it.group == nil {
		share = "" // nobody asks for how long
	}
	names := [2]string{l.String(), shortLimit(l)}
	for _, text := range [...]string{names[0] + share, names[1] + share, names[0], names[1]} {
		if len(text) <= w || text == names[1] {
			return append(dst, text...), limitStyle(l)
		}
	}
	return dst, plain
}

// shortLimit is a limit in eight cells.
func shortLimit(l conn.Limit) string {
	switch l {
	case conn.LimitPeerWindow:
		return "peer-wnd"
	case conn.LimitSendBuffer:
		return "send-buf"
	}
	return l.String()
}

// limitStyle marks what somebody can do something about.
func limitStyle(l conn.Limit) style {
	switch l {
	case conn.LimitLoss:
		return failure
	case conn.LimitPeerWindow, conn.LimitReader, conn.LimitSendBuffer:
		return warning
	case conn.LimitIdle:
		return dim
	}
	return plain
}
