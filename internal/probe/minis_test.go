package probe

import (
	"maps"
	"slices"
	"testing"

	"tcptop/internal/conn"
)

// TestMinis has small sockets come and go, a pass each: who was not seen again is gone, once,
// and all others are found as they are. The memory of many goes back when they went.
func TestMinis(t *testing.T) {
	m, there := newMinis(), map[conn.ID]uint64{}
	most := 2 * roomLeast
	cookie := uint64(0)
	for round := uint64(1); round < 60; round++ {
		stay := most / 2
		if round == 40 {
			stay = 100
		}
		var want []conn.ID
		for id := range there {
			if stay--; stay < 0 {
				want = append(want, id)
				delete(there, id)
				continue
			}
			m.find(id).round = round
		}
		for round < 40 && len(there) < most {
			cookie++
			id := conn.ID{Cookie: cookie, Serial: cookie % 2 * conn.TimeWaitSerial}
			m.add(mini{id: id, since: int64(cookie), round: round})
			there[id] = cookie
		}
		gone := m.keep(round, nil)
		byCookie := func(a, b conn.ID) int { return int(a.Cookie) - int(b.Cookie) }
		slices.SortFunc(gone, byCookie)
		slices.SortFunc(want, byCookie)
		if !slices.Equal(gone, want) {
			t.Fatalf("pass %d: %d are gone, want %d others", round, len(gone), len(want))
		}
		if len(m.rows) != len(there) {
			t.Fatalf("pass %d: %d are there, want %d", round, len(m.rows), len(there))
		}
		for id, since := range there {
			if s := m.find(id); s == nil || s.id != id || s.since != int64(since) {
				t.Fatalf("pass %d: %v is %+v", round, id, s)
			}
		}
		for _, id := range gone {
			if m.find(id) != nil {
				t.Fatalf("pass %d: %v is there and gone", round, id)
			}
		}
	}
	if cap(m.rows) > roomLeast {
		t.Errorf("room for %d of which there are %d", cap(m.rows), len(m.rows))
	}
	for id := range maps.Clone(there) {
		m.remove(id)
		m.remove(id)
	}
	if len(m.rows) != 0 || m.index.Len() != 0 {
		t.Errorf("%d and %d are left", len(m.rows), m.index.Len())
	}
}
