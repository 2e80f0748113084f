package tui

import "tcptop/internal/column"

// Key is a key of the screen, for the man page.
type Key struct {
	Group string // what it is for
	Keys  string // as the help shows them
	Does  string
}

// Keys lists the keys of the table in the help's order.
func Keys(list *column.List) []Key {
	m := New(Config{List: list, Frames: NewMailbox()})
	var all []Key
	for _, c := range m.keys {
		h := c.Help()
		all = append(all, Key{Group: c.group, Keys: h.Key, Does: h.Desc})
	}
	return all
}
