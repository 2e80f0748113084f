package tui

import (
	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// item is one line of the table: a connection, an event or a group.
type item struct {
	row    *table.Row
	at     *table.Snapshot // the tick that the row is of
	group  *group          // set for the heading of a group
	depth  int             // 1 below a heading
	seq    uint64          // of an event
	pinned bool
	closed bool // kept after it closed
	last   bool // of its group
}

// itemKey tells which line an item is, whatever its place.
type itemKey struct {
	id    conn.ID
	group groupKey
	kind  uint8
	seq   uint64
}

const (
	noItem uint8 = iota
	connItem
	groupItem
	eventItem
)

func (it *item) key() itemKey {
	switch {
	case it.group != nil:
		return itemKey{kind: groupItem, group: it.group.key}
	case it.seq != 0:
		return itemKey{kind: eventItem, id: it.row.ID, seq: it.seq}
	case it.row != nil:
		return itemKey{kind: connItem, id: it.row.ID}
	}
	return itemKey{}
}
