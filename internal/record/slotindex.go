package record

import (
	"hash/maphash"

	"tcptop/internal/conn"
)

// slotIndex finds the slot of a connection. It holds slots alone, whose ids are in the
// ledger: a map takes five times as much.
type slotIndex struct {
	seed maphash.Seed
	ids  *ledger
	at   []uint32 // slot and one, by hash; 0 is nobody
	used int
}

func newSlotIndex(ids *ledger) slotIndex {
	return slotIndex{seed: maphash.MakeSeed(), ids: ids, at: make([]uint32, 64)}
}

// home is where id is, or one of the next places.
func (x *slotIndex) home(id conn.ID) int {
	return int(maphash.Comparable(x.seed, id)) & (len(x.at) - 1)
}

func (x *slotIndex) next(i int) int { return (i + 1) & (len(x.at) - 1) }

// find returns the place of id, or the free one where it would go.
func (x *slotIndex) find(id conn.ID) (place int, known bool) {
	for i := x.home(id); ; i = x.next(i) {
		if x.at[i] == 0 {
			return i, false
		}
		if x.ids.id(x.at[i]-1) == id {
			return i, true
		}
	}
}

// slot is that of id.
func (x *slotIndex) slot(id conn.ID) (slot uint32, known bool) {
	i, known := x.find(id)
	return x.at[i] - 1, known
}

// add notes the slot of id, which is not known yet and in the ledger.
func (x *slotIndex) add(id conn.ID, slot uint32) {
	if x.used++; 4*x.used > 3*len(x.at) {
		old := x.at
		x.at = make([]uint32, 2*len(old))
		for _, s := range old {
			if s != 0 {
				i, _ := x.find(x.ids.id(s - 1))
				x.at[i] = s
			}
		}
	}
	i, _ := x.find(id)
	x.at[i] = slot + 1
}

// remove forgets id, which is known, and closes the hole: what follows may have been
// put there because its own place was taken.
func (x *slotIndex) remove(id conn.ID) {
	hole, _ := x.find(id)
	x.used--
	for i := x.next(hole); x.at[i] != 0; i = x.next(i) {
		home := x.home(x.ids.id(x.at[i] - 1))
		if (i-home)&(len(x.at)-1) >= (i-hole)&(len(x.at)-1) {
			x.at[hole], hole = x.at[i], i
		}
	}
	x.at[hole] = 0
}
