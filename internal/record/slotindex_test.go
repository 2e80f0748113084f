package record

import (
	"math/rand/v2"
	"testing"

	"tcptop/internal/conn"
)

// TestSlotIndex does as a map does, also where many ids come and go.
func TestSlotIndex(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var l ledger
	x, want := newSlotIndex(&l), map[conn.ID]uint32{}
	var free []uint32
	for slot := range uint32(3000) {
		free = append(free, slot)
	}
	for n := range 200_000 {
		id := conn.ID{Cookie: uint64(rng.IntN(3000)), Serial: uint64(rng.IntN(2))}
		slot, known := x.slot(id)
		if was, there := want[id]; known != there || known && slot != was {
			t.Fatalf("step %d: %v is in slot %d (%v), want %d (%v)", n, id, slot, known, was, there)
		}
		switch {
		case known && rng.IntN(2) == 0:
			x.remove(id)
			delete(want, id)
			free = append(free, slot)
		case !known && len(free) > 0:
			slot, free = free[0], free[1:]
			l.room(slot, &conn.Conn{ID: id})
			l.name(slot, id)
			x.add(id, slot)
			want[id] = slot
		}
		if x.used != len(want) {
			t.Fatalf("step %d: %d ids, want %d", n, x.used, len(want))
		}
	}
	for id, slot := range want {
		if got, known := x.slot(id); !known || got != slot {
			t.Errorf("%v is in slot %d (%v), want %d", id, got, known, slot)
		}
	}
}
