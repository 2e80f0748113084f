package record

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"tcptop/internal/conn"
)

// TestPacked keeps numbers of every size around every base.
func TestPacked(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, base := range []uint64{0, 1, 1 << 31, math.MaxInt64, math.MaxUint64} {
		p, want := packed{base: base}, [sheetRows]uint64{}
		for i := range want {
			want[i] = base
		}
		for bits := range 65 {
			for range 8 {
				at, v := rng.Uint32N(sheetRows), base+rng.Uint64()>>(64-bits)
				if rng.IntN(2) == 0 {
					v = base - rng.Uint64()>>(64-bits)
				}
				p.set(at, v)
				want[at] = v
			}
			for i := range want {
				if got := p.at(uint32(i)); got != want[i] {
					t.Fatalf("base %d, %d bits: number %d is %d, want %d", base, bits, i, got, want[i])
				}
			}
		}
	}
}

// TestLedgerSlots lists the slots that hold a connection, in order and from anywhere.
func TestLedgerSlots(t *testing.T) {
	var l ledger
	held := []uint32{0, 1, 63, 64, 127, 255, 256, 5000, 5001}
	for _, slot := range append(held, 2, 300, 4000) {
		l.room(slot, &conn.Conn{})
		l.keep(slot)
	}
	for _, slot := range []uint32{2, 300, 4000, 9_000_000} {
		l.drop(slot)
	}
	for _, n := range []int{1, 2, 3, 100} {
		var got []uint32
		for from := uint32(0); ; from = got[len(got)-1] + 1 {
			some := l.slots(nil, from, n)
			if len(some) == 0 {
				break
			}
			got = append(got, some...)
		}
		if !slices.Equal(got, held) {
			t.Errorf("%d at once: %v, want %v", n, got, held)
		}
	}
	for slot := range uint32(6000) {
		if l.live(slot) != slices.Contains(held, slot) {
			t.Errorf("slot %d: live is %v", slot, l.live(slot))
		}
	}
}

// TestManyTexts has more texts than may pile up: a key frame that needs them all is not
// followed by another one at once.
func TestManyTexts(t *testing.T) {
	e := newEncoder(t)
	s := &conn.Sample{Time: start, Host: "testhost", Conns: make([]conn.Conn, 2*maxTexts)}
	for i := range s.Conns {
		s.Conns[i] = conn.Conn{ID: conn.ID{Cookie: uint64(i + 1)}, Remote: &conn.Remote{ASN: uint32(i)}}
	}
	tick(e, s)
	if !e.Full() {
		t.Errorf("%d texts are not too many", len(s.Conns))
	}
	d := newDecoder(t, testHeader())
	decode(t, d, key(e, s))
	if e.Full() {
		t.Error("those that are needed are too many")
	}
	same(t, "after a key frame", s, decode(t, d, tick(e, s)))
}
