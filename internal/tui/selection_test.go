package tui

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"tcptop/internal/column"
	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// mixture is a snapshot of rows that agree in some fields and differ in others.
func mixture(t testing.TB, n int) *driver {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(all ...string) string { return all[random.IntN(len(all))] }
	s := ticks()[0]
	for i := range n {
		c := tcp(uint64(1000+i), pick("a", "b", "", "exactly-15-byte", "\xff\xff"), uint32(random.IntN(5)), "192.0.2.1", uint16(random.IntN(3)),
			pick("192.0.2.7", "10.0.0.1", "::1", "::ffff:1.2.3.4", "2001:db8::1", "ffff::"), uint16(random.IntN(4)))
		c.Owner.Start = uint32(random.IntN(2))
		c.RxBytes, c.RTT, c.LastActive = random.Uint64N(5), uint32(random.IntN(3)), int64(random.IntN(100))*second
		c.TxBytes = random.Uint64() >> random.IntN(64)
		c.Opened, c.UID, c.State = int64(random.IntN(9))*second, uint32(random.IntN(3)), conn.State(1+random.IntN(11))
		c.Place = &conn.Place{User: pick("", "ann", "bob"), Cgroup: "/system.slice/" + pick("", "a", "b.service", "\x00", "\x00\x00"),
			Unit: pick("", "a-very-long-name.service", "a-very-long-name.slice"), Pod: pick("", "x")}
		if random.IntN(4) == 0 {
			c.Has &^= conn.HasBytes | conn.HasPath | conn.HasUID
			c.RxBytes, c.TxBytes, c.RTT, c.SndWnd, c.RcvWnd = 0, 0, 0, 0, 0
		}
		s.Conns = append(s.Conns, c)
	}
	d := start(t, 120, 40, Config{})
	d.tick(s, 0)
	next := later(s, 1)
	for i := range n / 2 {
		c := s.Conns[i]
		if c.Has&conn.HasBytes != 0 {
			c.RxBytes += random.Uint64N(3) * 1000
		}
		next.Conns = append(next.Conns, c)
	}
	d.tick(next, 1)
	return d
}

// Rows come in the order of column.Order, by every field, at any place of the list.
func TestOrderOfRows(t *testing.T) {
	d := mixture(t, 2000)
	for _, c := range d.cfg.List.All() {
		for _, desc := range []bool{false, true} {
			o := column.Order{Column: &c, Desc: desc}
			want := d.shown.Query(nil, o.Compare(d.shown), 0)
			for _, at := range []int{0, 400, 1200, len(want) - 10} {
				d.picked.begin(ordering{Order: o, at: d.shown}, at+10)
				for r := range d.shown.Rows() {
					c := d.picked.row(r)
					d.picked.offer(&c)
				}
				for i, c := range d.picked.window(at, at+10) {
					if c.row != want[at+i] {
						t.Fatalf("%v: %v at %d, want %v", o, c.row.ID, at+i, want[at+i].ID)
					}
				}
			}
		}
	}
}

// Groups come in the order of their sums, whatever the field and the kind.
func TestOrderOfGroups(t *testing.T) {
	d := mixture(t, 500)
	v := d.view()
	for _, by := range groupNames() {
		v.setGroup(by)
		for _, c := range d.cfg.List.All() {
			for _, desc := range []bool{false, true} {
				v.sort = sorting{c.Name, desc}
				d.arrange()
				sameOrder(t, fmt.Sprintf("%s by %v", by, d.order(v)), v.window, d.order(v).Compare(d.shown))
			}
		}
	}
}

// sameOrder fails unless the groups come in the order of compare, equal ones in
// that of their keys.
func sameOrder(t *testing.T, what string, groups []item, compare func(a, b *table.Row) int) {
	t.Helper()
	if !slices.IsSortedFunc(groups, func(a, b item) int {
		x, y := a.group.key, b.group.key
		return cmp.Or(compare(a.row, b.row), cmp.Compare(x.hi, y.hi), cmp.Compare(x.lo, y.lo))
	}) {
		t.Errorf("%s: out of order", what)
	}
}

// The lines of a tree are the same from wherever one looks at them.
func TestTreeIsTheList(t *testing.T) {
	d := mixture(t, 600)
	v := d.view()
	v.setGroup("remote")
	d.arrange()
	for i, it := range v.window {
		if i%2 == 0 {
			v.unfolded[it.group.key] = true
		}
	}
	d.query(v, 10_000)
	var all []itemKey
	for i := range v.window {
		all = append(all, v.window[i].key())
	}
	if len(all) != v.total || v.total < 2*len(v.grouping.groups) {
		t.Fatalf("%d lines of %d", len(all), v.total)
	}
	for v.offset = range v.total {
		d.query(v, 5)
		for i := range v.window {
			if v.window[i].key() != all[v.base+i] {
				t.Fatalf("line %d from %d differs", v.base+i, v.offset)
			}
		}
	}
}

// The selection survives what would make it slow: many equal keys, and each
// candidate better than those before.
func TestSelection(t *testing.T) {
	for name, value := range map[string]func(i int) int64{
		"equal": func(int) int64 { return 7 }, "rising": func(i int) int64 { return int64(i) },
		"falling": func(i int) int64 { return int64(-i) }, "saw": func(i int) int64 { return int64(i % 100) },
	} {
		t.Run(name, func(t *testing.T) {
			const n = 20_000
			for _, lo := range []int{0, 100, 9000, n - 5} {
				var s selection
				s.begin(ordering{Order: column.Order{Column: &column.Column{}}}, lo+5)
				var want []candidate
				for i := range n {
					c := candidate{at: -1, tie: [2]uint64{uint64(i)}}
					s.number(&c, value(i), true)
					s.offer(&c)
					want = append(want, c)
				}
				slices.SortFunc(want, s.compareValues)
				if got := s.window(lo, lo+5); !slices.Equal(got, want[lo:lo+5]) {
					t.Errorf("from %d: %v, want %v", lo, got, want[lo:lo+5])
				}
				if lo == 0 && len(s.all) > 2*leastKept {
					t.Errorf("%d kept for a window of 5", len(s.all))
				}
			}
		})
	}
}

// The cursor keeps its group, and its row in a group, when these move far away, and
// a screen that follows it shows it.
func TestCursorInTree(t *testing.T) {
	for _, down := range []int{0, 2} {
		d := many(t, 5000, 80, 24)
		v := d.view()
		d.groupBy("remote")
		d.put(0)
		d.press("enter")
		d.put(down)
		chosen := v.cursor
		d.press("I")
		if v.cursor != chosen || v.at >= 0 {
			t.Errorf("line %d: the cursor is on %v at %d, want %v out of sight", down, v.cursor, v.at, chosen)
		}
		d.press("F")
		if v.cursor != chosen || v.at < v.offset || v.at >= v.offset+d.bodyHeight() || v.selected().key() != chosen {
			t.Errorf("line %d: %v at %d is followed from %d, want %v", down, v.cursor, v.at, v.offset, chosen)
		}
	}
}

// A row that the screen follows is visible with others pinned, which have no place
// of their own among the rest.
func TestFollowBesidePins(t *testing.T) {
	d := many(t, 5000, 80, 24)
	v := d.view()
	for n := range 5 {
		d.put(n)
		d.press("m")
	}
	d.put(100)
	id := v.cursor
	v.follow, v.offset = true, 3000
	d.arrange()
	if v.cursor != id || v.at != 100 || v.at < v.offset || v.at >= v.offset+d.bodyHeight() {
		t.Errorf("line %d is followed from %d, want line 100", v.at, v.offset)
	}
}
