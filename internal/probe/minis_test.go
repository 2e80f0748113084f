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

// TestMiniPasses has passes over small sockets: each is told when it comes, when its owner or
// its state is new, and when it went, and not in between.
func TestMiniPasses(t *testing.T) {
	p := &socketPass{minis: newMinis(), left: map[uint64]heir{}, leftBefore: map[uint64]heir{}}
	socket := func(cookie uint64, state conn.State) *tcptopMini {
		return &tcptopMini{Cookie: cookie, State: uint8(state)}
	}
	pass := func(what string, sockets []*tcptopMini, told []uint64, went ...uint64) (conns []conn.Conn) {
		t.Helper()
		p.round++
		for _, m := range sockets {
			conns = p.addMini(m, 2, conns)
		}
		var cookies, gone []uint64
		for _, c := range conns {
			cookies = append(cookies, c.ID.Cookie)
		}
		for _, id := range p.minis.keep(p.round, nil) {
			gone = append(gone, id.Cookie)
		}
		if !slices.Equal(cookies, told) || !slices.Equal(gone, went) {
			t.Errorf("%s: told of %v, want %v; %v went, want %v", what, cookies, told, gone, went)
		}
		return conns
	}
	one, two, three := socket(1, conn.TimeWait), socket(2, conn.TimeWait), socket(3, conn.TimeWait)
	both := []*tcptopMini{one, two}
	pass("new", both, []uint64{1, 2})
	pass("there", both, nil)
	pass("still there", both, nil)
	pass("one too many", []*tcptopMini{one, two, three}, nil)
	p.left[2] = heir{owner: conn.Owner{PID: 7}, uid: 8}
	if c := pass("an owner", both, []uint64{2}); len(c) == 1 && (c[0].Owner.PID != 7 || c[0].UID != 8) {
		t.Errorf("it is %+v", c[0])
	}
	clear(p.left)
	pass("known by then", both, nil)
	pass("one went", both[:1], nil, 2)
	pass("a handshake", []*tcptopMini{one, socket(4, conn.SynRecv)}, []uint64{4})
	p.grown(conn.ID{Cookie: 4})
	pass("grown", both[:1], nil)
	pass("all went", nil, nil, 1)
}
