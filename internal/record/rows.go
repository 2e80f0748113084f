package record

import (
	"unsafe"

	"tcptop/internal/conn"
)

// Rows are compared by words: most members of neighbours are alike, and what is alike in
// all rows need not be looked at member by member.
const (
	wordSize  = 8
	connWords = int(unsafe.Sizeof(conn.Conn{}) / wordSize)
	tileRows  = 64 // so many stay near while their words are compared
)

// varying are the words in which rows differ, pointers and padding included.
type varying [connWords]bool

func (v *varying) find(rows []conn.Conn) {
	*v = varying{}
	for len(rows) > 1 {
		tile := rows[:min(tileRows+1, len(rows))]
		for w := range v {
			v[w] = v[w] || differ(tile, w)
		}
		rows = rows[len(tile)-1:]
	}
}

// differ reports whether rows have not all the same word w.
func differ(rows []conn.Conn, w int) bool {
	first := word(&rows[0], w)
	for i := range rows {
		if word(&rows[i], w) != first {
			return true
		}
	}
	return false
}

func word(c *conn.Conn, w int) uint64 { return (*[connWords]uint64)(unsafe.Pointer(c))[w] }

// of reports whether a member is in such a word.
func (v *varying) of(m *member[conn.Conn]) bool {
	for w := m.from / wordSize; w <= (m.to-1)/wordSize; w++ {
		if v[w] {
			return true
		}
	}
	return false
}
