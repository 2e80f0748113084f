package tui

import (
	"slices"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"tcptop/internal/conn"
)

func TestSort(t *testing.T) {
	d := started(t, 120, 40)
	if got := d.ids()[:3]; !slices.Equal(got, []uint64{12, 10, 202}) {
		t.Errorf("by rate: %v", got)
	}
	d.press("I")
	d.sees("sort rate ▲")
	if got := d.ids()[0]; got == 12 {
		t.Error("reversed, the fastest is still first")
	}
	d.press("s")
	d.typeText("rport")
	d.press("enter")
	d.sees("sort rport ▲")
	if got := d.ids()[0]; got != 11 {
		t.Errorf("by remote port: %v first", got)
	}
	seen := map[string]bool{}
	for range 20 {
		d.press("right")
		seen[d.view().sort.column] = true
	}
	for _, c := range []string{"process", "local", "remote", "state", "rx_rate", "tx_rate", "rtt_us", "age_ms"} {
		if !seen[c] {
			t.Errorf("→ never sorts by %s", c)
		}
	}
	d.press("<", ">", "r")
}

func TestSortByMouse(t *testing.T) {
	d := started(t, 120, 40)
	d.screen()
	i := slices.IndexFunc(d.view().places, func(p place) bool { return p.name == "rtt_us" })
	at := d.view().places[i]
	d.Update(tea.MouseClickMsg{X: at.x + 1, Y: d.headerHeight(), Button: tea.MouseLeft})
	d.sees("sort rtt_us ▼")
	d.Update(tea.MouseClickMsg{X: at.x + 1, Y: d.headerHeight(), Button: tea.MouseLeft})
	d.sees("sort rtt_us ▲")
	d.Update(tea.MouseClickMsg{X: 3, Y: d.headerHeight() + 3, Button: tea.MouseLeft})
	if d.view().at != 2 {
		t.Errorf("a click on the third row selects %d", d.view().at)
	}
	d.Update(tea.MouseWheelMsg{Button: tea.MouseWheelDown})
	d.screen()
}

func TestCursorKeepsItsConnection(t *testing.T) {
	d := started(t, 80, 24)
	d.press("down", "down")
	if d.view().cursor.id.Cookie != 10 {
		t.Fatalf("the cursor is on %v", d.view().cursor)
	}
	for range 4 {
		d.press("right")
		if it := d.view().selected(); it != nil && it.row.ID.Cookie != 10 {
			t.Fatalf("the cursor moved to %v", it.row.ID)
		}
		d.press("I")
	}
	if d.view().cursor.id.Cookie != 10 {
		t.Error("the cursor lost its connection")
	}
}

func TestFollow(t *testing.T) {
	d := many(t, 5000, 80, 24)
	d.press("down", "down", "down")
	id := d.view().cursor.id
	d.press("I")
	if d.view().selected() != nil {
		t.Fatal("the row is still in sight: following it would show nothing")
	}
	d.press("I", "F", "I")
	it := d.view().selected()
	if it == nil || it.row.ID != id {
		t.Fatalf("the screen does not follow %v: %+v", id, d.view().cursor)
	}
	if n := d.view().at - d.view().offset; n < 0 || n >= d.bodyHeight() {
		t.Errorf("the followed row is %d lines below the first", n)
	}
}

func TestFreezeAndPin(t *testing.T) {
	d := started(t, 80, 24)
	before := d.ids()
	d.press("o")
	s := &conn.Sample{Time: d.shown.Time.Add(time.Second), Mono: d.shown.Mono + second, Host: "web1"}
	c := ticks()[0].Conns[3]
	c.RxBytes += 9_000_000_000
	s.Conns = append(s.Conns, c)
	d.tick(s, 3)
	if got := d.ids(); !slices.Equal(got[:3], before[:3]) {
		t.Errorf("frozen: %v, want %v", got, before)
	}
	d.press("o")
	if got := d.ids()[0]; got != 11 {
		t.Errorf("not frozen any more: %d first", got)
	}
	d.press("g", "down", "down", "down", "m")
	pinned := d.view().cursor.id.Cookie
	if got := d.ids()[0]; got != pinned {
		t.Errorf("%d first, want the pinned %d", got, pinned)
	}
	d.sees("* udp")
	d.press("I")
	if got := d.ids()[0]; got != pinned {
		t.Errorf("reversed: %d first, want the pinned %d", got, pinned)
	}
	d.press("m")
	d.lacks("* udp")
}

func TestMoves(t *testing.T) {
	d := many(t, 5000, 80, 24)
	d.press("G")
	if got := d.view().at; got != 4999 {
		t.Errorf("G goes to %d", got)
	}
	last := d.view().cursor
	d.press("k", "j")
	if d.view().cursor != last {
		t.Error("k j does not come back")
	}
	d.press("g")
	if got := d.view().at; got != 0 {
		t.Errorf("g goes to %d", got)
	}
	first := d.view().cursor
	for range 300 {
		d.press("pgdown")
	}
	if d.view().at != 4999 || d.view().cursor != last {
		t.Errorf("paging ends at %d", d.view().at)
	}
	for range 300 {
		d.press("pgup")
	}
	if d.view().cursor != first {
		t.Errorf("paging back ends at %d", d.view().at)
	}
}

// Every place of the list shows what a full sort has there.
func TestWindowIsTheList(t *testing.T) {
	d := many(t, 3000, 80, 24)
	v := d.view()
	all := d.shown.Query(d.match(d.shown), d.order(v).Compare(d.shown), 0)
	for _, offset := range []int{0, 1, 700, 1499, 1501, 2400, 2981} {
		v.offset = offset
		d.arrange()
		for i, it := range v.visible(d.bodyHeight()) {
			if it.row != all[offset+i] {
				t.Fatalf("line %d from %d is %v, want %v", i, offset, it.row.ID, all[offset+i].ID)
			}
		}
	}
}
