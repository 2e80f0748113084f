package table_test

import (
	"testing"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// TestPassing has connections that came and went within a tick, some told twice in it or
// named as open beside, next to one that stays: each is one row, in that tick alone, and
// where it was is free for others.
func TestPassing(t *testing.T) {
	tab := table.New(table.Config{})
	stays := tcp(1, 10, 20)
	first := at(0)
	first.Conns = []conn.Conn{stays}
	tab.Apply(first)
	cookie := uint64(2)
	for n := range 6 {
		s := at(float64(n + 1))
		want := map[conn.ID]conn.Event{stays.ID: conn.EventSample}
		for i := range 100 {
			c := tcp(cookie, 100, 50)
			c.Opened, c.Reason = s.Mono-1, conn.FinLocal
			cookie++
			s.Closed = append(s.Closed, c)
			want[c.ID] = conn.EventClose
			switch i % 10 {
			case 0:
				s.Closed = append(s.Closed, c)
			case 1:
				c.Reason = 0
				s.Conns = append(s.Conns, c)
			case 2:
				s.Gone = append(s.Gone, c.ID)
			}
		}
		tab.Apply(s)
		snap := tab.Snapshot()
		var positions int32
		for r := range snap.Rows() {
			event, ok := want[r.ID]
			if !ok || r.Event != event || event == conn.EventClose && (r.RxRate != 100 || r.TxRate != 50) {
				t.Errorf("tick %d: %v has event %v, want %v (%v), and rates of %d and %d", n, r.ID, r.Event, event, ok, r.RxRate, r.TxRate)
			}
			delete(want, r.ID)
			positions = max(positions, r.Pos+1)
		}
		if len(want) != 0 || snap.Len() != 101 || positions != 101 {
			t.Errorf("tick %d: %d rows in %d places, and %d that are missing", n, snap.Len(), positions, len(want))
		}
		snap.Release()
	}
	tab.Apply(at(9))
	if n := tab.Snapshot().Len(); n != 1 {
		t.Errorf("%d rows are left, want 1", n)
	}
}
