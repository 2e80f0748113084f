package diag

import (
	"tcptop/internal/conn"
)

// space is a network namespace and the sockets in it.
type space struct {
	inode uint64
	path  string // of a file that it can be entered by; empty is our own
	whole uint32 // round of its last complete dump
	round uint32 // of the search that found it last

	rows      []row // places stay while their socket lives
	vacant    []int32
	index     map[uint64]int32  // by key
	listening map[uint16]uint32 // ports with a listener, and the round that saw it
	doubts    []int32           // places of rows to settle
}

func newSpace(inode uint64, path string) *space {
	return &space{inode: inode, path: path, index: map[uint64]int32{}, listening: map[uint16]uint32{}}
}

// place returns a free place for a row.
func (sp *space) place() int32 {
	if n := len(sp.vacant) - 1; n >= 0 {
		pos := sp.vacant[n]
		sp.vacant = sp.vacant[:n]
		return pos
	}
	sp.rows = append(sp.rows, row{})
	return int32(len(sp.rows) - 1)
}

// note remembers listeners, which a dump has first, and takes a connection to the port
// of one for accepted if its counters did not tell.
func (sp *space) note(r *reading, round uint32) {
	switch {
	case r.Proto != conn.TCP:
	case r.State == conn.Listen:
		sp.listening[r.Lport] = round
	case r.Dir == 0 && sp.listening[r.Lport] == round:
		r.Dir = conn.In
	}
}

// inherit gives a time-wait socket the owner that its connection had.
func (sp *space) inherit(e *row) {
	if e.ID.Serial != conn.TimeWaitSerial {
		return
	}
	pos, known := sp.index[e.ID.Cookie]
	if !known {
		return
	}
	was := &sp.rows[pos]
	was.left = true
	e.Owner, e.UID, e.Dir = was.Owner, was.UID, was.Dir
	e.Has |= was.Has & conn.HasUID
}
