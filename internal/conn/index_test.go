package conn_test

import (
	"math/rand/v2"
	"testing"

	"tcptop/internal/conn"
)

// TestIndex does as a map does, also where many ids come and go.
func TestIndex(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	ids, want := make([]conn.ID, 3000), map[conn.ID]uint32{}
	x := conn.NewIndex(100, func(at uint32) conn.ID { return ids[at] })
	var free []uint32
	for at := range uint32(len(ids)) {
		free = append(free, at)
	}
	for n := range 200_000 {
		id := conn.ID{Cookie: uint64(rng.IntN(2000)), Serial: uint64(rng.IntN(2)), Host: uint16(rng.IntN(2))}
		at, known := x.Find(id)
		if was, there := want[id]; known != there || known && at != was {
			t.Fatalf("step %d: %v is at %d (%v), want %d (%v)", n, id, at, known, was, there)
		}
		switch {
		case known && len(free) > 0 && rng.IntN(4) == 0:
			ids[free[0]] = id
			x.Move(id, free[0])
			ids[at] = conn.ID{}
			want[id], free = free[0], append(free[1:], at)
		case rng.IntN(2) == 0:
			x.Remove(id)
			if known {
				ids[at] = conn.ID{}
				free = append(free, at)
			}
			delete(want, id)
		case !known && rng.IntN(8) == 0:
			x.Move(id, 1)
		case !known && len(free) > 0:
			at, free = free[0], free[1:]
			ids[at] = id
			x.Put(id, at)
			want[id] = at
		}
		if x.Len() != len(want) {
			t.Fatalf("step %d: %d ids, want %d", n, x.Len(), len(want))
		}
	}
	for id, at := range want {
		if got, known := x.Find(id); !known || got != at {
			t.Errorf("%v is at %d (%v), want %d", id, got, known, at)
		}
	}
	x.Clear()
	for id := range want {
		if _, known := x.Find(id); known || x.Len() != 0 {
			t.Fatalf("%v is there after Clear", id)
		}
	}
}
