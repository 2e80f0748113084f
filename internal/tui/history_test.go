package tui

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tcptop/internal/conn"
)

// series are the values of r, the oldest first.
func series(r *ring) []float32 {
	var all []float32
	for i := r.len() - 1; i >= 0; i-- {
		all = append(all, r.back(i))
	}
	return all
}

// at is the sample of second n.
func at(n int, conns ...conn.Conn) *conn.Sample {
	return &conn.Sample{Time: ticks()[0].Time.Add(time.Duration(n) * time.Second), Mono: int64(100+n) * second, Host: "web1", Conns: conns}
}

// The history of a connection starts when it was first seen, not when somebody
// first looked at it.
func TestHistorySinceFirstSeen(t *testing.T) {
	d := start(t, 40, 6, Config{})
	old := tcp(1, "old", 1, "192.0.2.1", 1, "203.0.113.9", 80)
	old.Opened, old.RetransPackets = 0, 7
	first := at(1, old)
	d.tick(first, 0)
	young := tcp(2, "young", 2, "192.0.2.1", 2, "203.0.113.9", 80)
	young.RTT, young.RxBytes = 100, 0
	for n := 2; n <= 9; n++ {
		s := at(n)
		switch n {
		case 3:
			young.Opened, young.TxBytes = s.Mono-1, 1000
			s.Conns = append(s.Conns, young)
		case 5:
			young.TxBytes, young.RetransPackets, young.RTT = 3000, 2, 300
			s.Conns = append(s.Conns, young)
		case 6:
			old.RetransPackets, old.RxBytes = 8, old.RxBytes+500
			s.Conns = append(s.Conns, old)
		}
		d.tick(s, n)
	}
	h := newHistory(trafficTicks)
	for r := range d.shown.Rows() {
		h.fill(d.tally, r, false)
		got := fmt.Sprint(series(&h.rx), series(&h.tx), series(&h.rtt), series(&h.retrans))
		want := "[0 0 0 0 0 0 0] [1000 0 2000 0 0 0 0] [100 100 300 300 300 300 300] [0 0 2 0 0 0 0]"
		if r.ID == old.ID {
			want = "[0 0 0 0 0 500 0 0 0] [0 0 0 0 0 0 0 0 0] " +
				fmt.Sprint(slices.Repeat([]uint32{old.RTT}, 9)) + " [0 0 0 0 0 1 0 0 0]"
		}
		if got != want {
			t.Errorf("%v:\n%s, want\n%s", r.Owner.Comm, got, want)
		}
	}
}

// A row that takes another's position has none of its history.
func TestHistoryIsItsOwn(t *testing.T) {
	d := start(t, 80, 24, Config{})
	a := tcp(1, "a", 1, "192.0.2.1", 1, "203.0.113.9", 80)
	d.tick(at(1, a), 0)
	a.TxBytes += 5000
	d.tick(at(2, a), 1)
	end := at(3)
	end.Closed = append(end.Closed, a)
	d.tick(end, 2)
	b := tcp(2, "b", 2, "192.0.2.1", 2, "203.0.113.9", 80)
	b.Opened = 0
	d.tick(at(4, b), 3)
	h := newHistory(trafficTicks)
	for r := range d.shown.Rows() {
		if r.ID != b.ID || r.Pos != 0 {
			t.Fatalf("%v at %d", r.ID, r.Pos)
		}
		h.fill(d.tally, r, false)
		if got := series(&h.tx); slices.Max(got) != 0 {
			t.Errorf("%v", got)
		}
	}
}

// What happened in ticks whose frame was never taken is remembered.
func TestDroppedFramesAreRemembered(t *testing.T) {
	d := start(t, 80, 24, Config{})
	frames := NewMailbox()
	const n = 5
	for i := range n {
		c := tcp(uint64(i+1), fmt.Sprintf("worker-%d", i), uint32(i+1), "192.0.2.1", 1, "203.0.113.9", 80)
		s := at(i + 1)
		c.Opened = s.Mono - 1
		s.Conns = append(s.Conns, c)
		d.rows.Apply(s)
		frames.Put(Frame{Snapshot: d.rows.Snapshot()})
	}
	d.Update(frames.take())
	d.press("5")
	screen := d.View().Content
	for i := 1; i < n; i++ { // the first tick shows what was there before
		if !strings.Contains(screen, fmt.Sprintf("worker-%d", i)) {
			t.Errorf("the event of tick %d is missing:\n%s", i, screen)
		}
	}
	if d.tally.ticks != n {
		t.Errorf("%d ticks", d.tally.ticks)
	}
}
