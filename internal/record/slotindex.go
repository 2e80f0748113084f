package record

import (
	"math/bits"
	"math/rand/v2"

	"tcptop/internal/conn"
)

// slotIndex finds the slot of a connection. It holds slots alone, whose ids are in the
// ledger: a map takes five times as much. Beside each is some of its id's hash, so that the
// ledger is asked hardly ever in vain.
type slotIndex struct {
	seed uint64
	ids  *ledger
	tags []uint8  // of a hash, never 0; 0 is nobody
	at   []uint32 // slots, where there is a tag
	used int
}

func newSlotIndex(ids *ledger) slotIndex {
	return slotIndex{seed: rand.Uint64(), ids: ids, tags: make([]uint8, 64), at: make([]uint32, 64)}
}

// home is where id is, or one of the next places, and its tag.
func (x *slotIndex) home(id conn.ID) (place int, tag uint8) {
	const odd = 0x9e3779b97f4a7c15
	hi, lo := bits.Mul64(id.Cookie^x.seed, odd)
	hi, lo = bits.Mul64(hi^lo^id.Serial^uint64(id.Host)<<48, odd)
	h := hi ^ lo
	return int(h) & (len(x.at) - 1), uint8(h>>56) | 1
}

func (x *slotIndex) next(i int) int { return (i + 1) & (len(x.at) - 1) }

// find returns the place of id.
func (x *slotIndex) find(id conn.ID) (place int, known bool) {
	i, tag := x.home(id)
	for ; x.tags[i] != 0; i = x.next(i) {
		if x.tags[i] == tag && x.ids.id(x.at[i]) == id {
			return i, true
		}
	}
	return i, false
}

// slot is that of id.
func (x *slotIndex) slot(id conn.ID) (slot uint32, known bool) {
	i, known := x.find(id)
	return x.at[i], known
}

// add notes the slot of id, which is not known yet and in the ledger.
func (x *slotIndex) add(id conn.ID, slot uint32) {
	if x.used++; 4*x.used > 3*len(x.at) {
		tags, old := x.tags, x.at
		x.tags, x.at = make([]uint8, 2*len(old)), make([]uint32, 2*len(old))
		for i, s := range old {
			if tags[i] != 0 {
				x.put(x.ids.id(s), s)
			}
		}
	}
	x.put(id, slot)
}

func (x *slotIndex) put(id conn.ID, slot uint32) {
	i, tag := x.home(id)
	for x.tags[i] != 0 {
		i = x.next(i)
	}
	x.tags[i], x.at[i] = tag, slot
}

// remove forgets id, which is known, and closes the hole: what follows may have been
// put there because its own place was taken.
func (x *slotIndex) remove(id conn.ID) {
	hole, _ := x.find(id)
	x.used--
	for i := x.next(hole); x.tags[i] != 0; i = x.next(i) {
		home, _ := x.home(x.ids.id(x.at[i]))
		if (i-home)&(len(x.at)-1) >= (i-hole)&(len(x.at)-1) {
			x.tags[hole], x.at[hole], hole = x.tags[i], x.at[i], i
		}
	}
	x.tags[hole] = 0
}
