package group

import (
	"sort"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// Host is what the whole host moved since the first tick, and what it has now. The
// zeroth of what is by protocol is of connections that were lost and not known by one.
type Host struct {
	Moved  [conn.UDP + 1]Traffic
	Opened [conn.UDP + 1]uint64
	Closed [conn.UDP + 1][conn.Aborted + 1]uint64 // by reason
	States [conn.Closing + 1]uint64               // TCP sockets by state, listeners too
	Flows  uint64                                 // of UDP
	RTT    Histogram                              // smoothed, of connections that moved, once per tick
}

// Bounds are the upper bounds of a Histogram's buckets in µs.
var Bounds = [...]uint32{250, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000}

// Histogram counts times by Bounds; what is above the last is in Count alone.
type Histogram struct {
	Buckets [len(Bounds)]uint64 // each its own, not the ones below
	Count   uint64
	Sum     uint64 // µs
}

func (h *Histogram) observe(us uint32) {
	if i := sort.Search(len(Bounds), func(i int) bool { return us <= Bounds[i] }); i < len(Bounds) {
		h.Buckets[i]++
	}
	h.Count++
	h.Sum += uint64(us)
}

func (h *Host) row(r *table.Row, moved *Traffic, opened bool) {
	proto := r.Proto
	if proto > conn.UDP {
		proto = 0
	}
	h.Moved[proto].Add(moved)
	if opened {
		h.Opened[proto]++
	}
	if !live(r) {
		if grouped(r) && r.Reason <= conn.Aborted {
			h.Closed[proto][r.Reason]++
		}
		return
	}
	switch state := r.State; {
	case proto == conn.UDP:
		h.Flows++
	case state == conn.NewSynRecv:
		h.States[conn.SynRecv]++
	case int(state) < len(h.States):
		h.States[state]++
	}
	if r.Moved && r.Has&conn.HasPath != 0 && r.RTT > 0 {
		h.RTT.observe(r.RTT)
	}
}

// Sum is what all protocols moved.
func (h *Host) Sum() (all Traffic) {
	for i := range h.Moved {
		all.Add(&h.Moved[i])
	}
	return all
}
