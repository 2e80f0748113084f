package diag

import (
	"math"

	"tcptop/internal/conn"
)

// holding is a socket and who was found to hold it in a search.
type holding struct {
	place
	owner   conn.Owner // that it had before
	kept    bool       // which holds it still, maybe under a new name
	first   conn.Owner // of the others that which started first
	keeper  conn.Owner // systemd, if it is among the others
	n       uint16
	lastPID uint32
}

// held is the sockets of a search, by inode.
type held struct {
	at   map[uint32]int32
	list []holding
}

func (h *held) reset() {
	if h.at == nil {
		h.at = map[uint32]int32{}
	}
	clear(h.at)
	h.list = h.list[:0]
}

func (h *held) want(inode uint32, of holding) {
	h.at[inode] = int32(len(h.list))
	h.list = append(h.list, of)
}

// search looks through the files of all processes.
func (h *held) search() {
	eachHolder(func(inode uint32) bool { _, ok := h.at[inode]; return ok }, func(inode uint32, o conn.Owner) {
		h.list[h.at[inode]].add(o)
	})
}

// systemd keeps the sockets of the services that it starts, for the next one
// (sd_listen_fds(3)).
var systemd = conn.MakeName("systemd")

// add notes a process that holds the socket; one that has several files of it comes
// several times in a row.
func (h *holding) add(o conn.Owner) {
	if o.PID == h.lastPID {
		return
	}
	h.lastPID = o.PID
	if h.n < math.MaxUint16 {
		h.n++
	}
	switch {
	case o.PID == h.owner.PID && o.Start == h.owner.Start:
		h.kept = true
		h.owner.Comm = o.Comm
	case o.Comm == systemd:
		h.keeper = o
	case h.first.PID == 0 || o.Start < h.first.Start:
		h.first = o
	}
}

// best is whose the socket is: none if nobody was found to hold it.
func (h *holding) best() conn.Owner {
	switch {
	case h.kept && (h.owner.Comm != systemd || h.first.PID == 0):
		return h.owner
	case h.first.PID != 0:
		return h.first
	}
	return h.keeper
}
