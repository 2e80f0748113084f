package probe

import (
	"testing"

	"tcptop/internal/conn"
)

// TestSlotless has sockets leave the sums one by one, and the next pass come the sooner the fewer
// are left, but not where as many came.
func TestSlotless(t *testing.T) {
	var s slotless
	s.begin(100)
	for i := range uint64(400) {
		m := tcptopMini{Cookie: i + 1, Slotless: 1, Rport: 80, RxBytes: 10, TxBytes: 1, Tgid: uint32(i % 2)}
		m.Raddr[15] = byte(1 + i%4)
		s.add(&m)
	}
	if s.nameless != 200 || s.rest(1000) != 1000 {
		t.Errorf("%d without an owner, rest %d", s.nameless, s.rest(1000))
	}
	for i := range uint64(100) {
		s.left(i + 1)
		s.left(i + 1) // its slot and its last row
	}
	s.left(1000)
	var sum conn.OwnerTotal
	for _, o := range conn.ByRemote(s.totals.Append(nil)) {
		if o.Open != 75 {
			t.Errorf("%+v", o)
		}
		sum.Add(&o)
	}
	if sum.Open != 300 || sum.OpenRx != 3000 || sum.OpenTx != 300 || !s.any() {
		t.Errorf("left are %+v", sum)
	}
	for _, c := range []struct{ lost, refused, rest int64 }{{0, 0, 750}, {0, 100, 1000}, {0, 500, 1000}, {375, 0, 0}, {375, 200, 500}, {10_000, 0, 0}} {
		s.lost, s.refused = c.lost, c.refused
		if got := s.rest(1000); got != c.rest {
			t.Errorf("%d lost, %d came: rest %d, want %d", c.lost, c.refused, got, c.rest)
		}
	}
	s.begin(100)
	if s.any() || s.totals.Append(nil) != nil || s.rest(1000) != 1000 {
		t.Errorf("after another pass: %+v", s)
	}
}
