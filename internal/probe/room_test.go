package probe

import (
	"slices"
	"testing"

	"tcptop/internal/conn"
)

// TestRoom has a list grow for one tick of many: it is small again within two minutes of
// ticks that need less, stays as it is while they need what they have, and a list that is
// hardly used goes at once.
func TestRoom(t *testing.T) {
	var r room
	rows := []conn.Conn(nil)
	tick := func(n int) {
		rows = r.next(slices.Grow(rows, n)[:n])
	}
	tick(100_000)
	for range 2 * roomTicks {
		tick(20_000)
	}
	if got := cap(rows); got < 20_000 || got > 40_000 {
		t.Errorf("room for %d rows, of which ticks need 20,000", got)
	}
	if n := testing.AllocsPerRun(100, func() { tick(20_000) }); n != 0 {
		t.Errorf("%v allocations in a tick that needs what there is", n)
	}
	if tick(1000); rows != nil {
		t.Errorf("room for %d rows after a tick of 1,000", cap(rows))
	}
	tick(roomLeast)
	if tick(1); cap(rows) < roomLeast {
		t.Errorf("room for %d rows, which is not worth giving back", cap(rows))
	}
	for range 2 * roomTicks {
		tick(5000)
	}
	if tick(30_000); cap(rows) < 30_000 {
		t.Errorf("room for %d rows after the first tick of 30,000", cap(rows))
	}
}
