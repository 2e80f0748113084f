package group_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"tcptop/internal/conn"
	"tcptop/internal/group"
)

// crowd is a host's connections and what they moved since the first tick.
type crowd struct {
	random *rand.Rand
	open   []conn.Conn
	next   uint64
	truth  group.Traffic
	opened uint64
	closed uint64
}

// step moves some connections, opens some and closes some.
func (c *crowd) step(h *host) (s conn.Sample) {
	for range c.random.IntN(20) {
		c.next++
		o := h.young(tcp(c.next, 0, 0))
		o.Owner.Comm = conn.MakeName(fmt.Sprint(c.random.IntN(12)))
		c.open = append(c.open, o)
		c.opened++
		s.Conns = append(s.Conns, o)
	}
	for i := range c.open {
		if o := &c.open[i]; c.random.IntN(3) == 0 {
			if c.random.IntN(9) == 0 { // its owner becomes known, or another one
				o.Owner.Comm = conn.MakeName(fmt.Sprint(c.random.IntN(12)))
			}
			c.move(o)
			s.Conns = append(s.Conns, *o)
		}
	}
	c.open = slices.DeleteFunc(c.open, func(o conn.Conn) bool {
		if c.random.IntN(8) != 0 {
			return false
		}
		c.move(&o)
		o.State, o.Reason = conn.Closed, conn.FinRemote
		s.Closed = append(s.Closed, o)
		c.closed++
		return true
	})
	return s
}

func (c *crowd) move(o *conn.Conn) {
	d := group.Traffic{RxBytes: c.random.Uint64N(1 << 40), TxBytes: c.random.Uint64N(1 << 20), RxPackets: c.random.Uint64N(1 << 20),
		TxPackets: c.random.Uint64N(1 << 20), Retransmits: c.random.Uint64N(1 << 10)}
	c.truth.Add(&d)
	o.RxBytes += d.RxBytes
	o.TxBytes += d.TxBytes
	o.RxPackets += d.RxPackets
	o.TxPackets += d.TxPackets
	o.RetransPackets += uint32(d.Retransmits)
}

// exact fails unless, whatever the bounds are and whenever it is read, the host has what
// moved, groups and retired add up to that, and nothing goes back.
func exact(t *testing.T, seed uint64, ticks int) (evictions uint64) {
	random := rand.New(rand.NewPCG(seed, 0))
	cfg := group.Config{Top: 1 + random.IntN(8), Window: time.Duration(1+random.IntN(4)) * time.Second, Rounds: 1 + random.IntN(3),
		Residency: time.Duration(1+random.IntN(9)) * time.Second, Replacements: 1 + random.IntN(50)}
	h, c := newHost(cfg), &crowd{random: random}
	for range 30 { // older than the agent, with a past that is not counted
		c.next++
		c.open = append(c.open, tcp(c.next, 1e9, 1e9))
	}
	h.tick(conn.Sample{Conns: c.open})
	last := map[group.Key]group.Group{}
	var before *group.View
	for n := range ticks {
		v := h.tick(c.step(h))
		if random.IntN(2) == 0 {
			v.Read()
		}
		balanced(t, v)
		if v.Host.Sum() != c.truth || v.Host.Opened[conn.TCP] != c.opened || v.Host.Closed[conn.TCP][conn.FinRemote] != c.closed {
			t.Fatalf("seed %d, second %d: the host has %+v, opened %v, closed %v; what moved is %+v, %d, %d", seed, n, v.Host.Sum(), v.Host.Opened, v.Host.Closed, c.truth, c.opened, c.closed)
		}
		if len(v.Groups) > cfg.Top+1 {
			t.Fatalf("seed %d, second %d: %d groups", seed, n, len(v.Groups))
		}
		now := map[group.Key]group.Group{}
		for _, g := range v.Groups {
			if _, twice := now[g.Key]; twice {
				t.Fatalf("seed %d: %v twice", seed, g.Key)
			}
			now[g.Key] = g
			was, known := last[g.Key]
			if evicted := before != nil && v.Evictions != before.Evictions; known && !evicted && (g.Moved.RxBytes < was.Moved.RxBytes || g.Moved.TxPackets < was.Moved.TxPackets || g.Opened < was.Opened) {
				t.Fatalf("seed %d, second %d: %v went back from %+v to %+v", seed, n, g.Key, was, g)
			}
			if !known && g.Key != group.Other && g.Moved != (group.Traffic{}) {
				t.Fatalf("seed %d, second %d: %v begins with %+v", seed, n, g.Key, g.Moved)
			}
		}
		if before != nil && (v.Retired.RxBytes < before.Retired.RxBytes || v.Folded.RxBytes < before.Folded.RxBytes) {
			t.Fatalf("seed %d, second %d: retired or folded went back", seed, n)
		}
		last, before = now, v
	}
	return before.Evictions
}

func TestSumIsExact(t *testing.T) {
	var evictions uint64
	for seed := range uint64(30) {
		evictions += exact(t, seed, 80)
	}
	if evictions < 100 {
		t.Errorf("only %d groups lost their place", evictions)
	}
}

func FuzzSumIsExact(f *testing.F) {
	f.Add([]byte("12345678"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var seed [8]byte
		copy(seed[:], b)
		exact(t, binary.LittleEndian.Uint64(seed[:]), 40)
	})
}

func BenchmarkFold(b *testing.B) {
	h := newHost(group.Config{})
	var first conn.Sample
	for n := range uint64(100_000) {
		c := tcp(n+1, 1e9, 1e9)
		c.Owner.Comm = conn.MakeName(fmt.Sprint(n % 500))
		first.Conns = append(first.Conns, c)
	}
	h.tick(first)
	for b.Loop() {
		for i := range 2000 {
			first.Conns[i].RxBytes++
		}
		h.read(conn.Sample{Conns: first.Conns[:2000]})
	}
}
