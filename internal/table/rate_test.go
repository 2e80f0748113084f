package table_test

import (
	"math"
	"testing"
	"time"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

func TestRates(t *testing.T) {
	tab := table.New(table.Config{})
	want(t, tab, at(0, tcp(1, 100, 200), tcp(2, 5, 5)),
		line{1, conn.EventSample, conn.Established, false, 100, 200, 0, 0},
		line{2, conn.EventSample, conn.Established, false, 5, 5, 0, 0})
	want(t, tab, at(1, tcp(1, 1100, 2200)),
		line{1, conn.EventSample, conn.Established, true, 1100, 2200, 1000, 2000},
		line{2, conn.EventSample, conn.Established, false, 5, 5, 0, 0})
	want(t, tab, at(2),
		line{1, conn.EventSample, conn.Established, false, 1100, 2200, 0, 0},
		line{2, conn.EventSample, conn.Established, false, 5, 5, 0, 0})
}

// What a listener accepts and drops is of the tick in which it did.
func TestListenerRates(t *testing.T) {
	listener := func(accepts uint64, drops uint32) conn.Conn {
		return conn.Conn{ID: conn.ID{Cookie: 1}, Proto: conn.TCP, State: conn.Listen, Dir: conn.DirListen,
			Has: conn.HasAccepts | conn.HasDrops | conn.HasBacklog, Accepts: accepts, Drops: drops, Backlog: 5, BacklogMax: 4}
	}
	tab := table.New(table.Config{})
	for i, tick := range []struct {
		sample  *conn.Sample
		accepts uint64
		dropped uint32
	}{
		{at(0, listener(100, 7)), 0, 0}, // from before
		{at(2, listener(110, 10)), 5, 3},
		{at(3), 0, 0},
		{at(4, listener(111, 10)), 1, 0},
	} {
		tab.Apply(tick.sample)
		for r := range tab.Snapshot().Rows() {
			if r.AcceptRate != tick.accepts || r.Dropped != tick.dropped || !r.Full() {
				t.Errorf("tick %d: %d accepted per second, %d dropped, full %v", i, r.AcceptRate, r.Dropped, r.Full())
			}
		}
	}
}

func TestRateRoundsToNearest(t *testing.T) {
	tab := table.New(table.Config{})
	tab.Apply(at(0, tcp(1, 0, 0)))
	want(t, tab, at(3, tcp(1, 4, 5)), line{1, conn.EventSample, conn.Established, true, 4, 5, 1, 2})
}

func TestRateDoesNotOverflow(t *testing.T) {
	tab := table.New(table.Config{})
	tab.Apply(at(0, tcp(1, 0, 0)))
	s := at(0, tcp(1, math.MaxUint64, 1e18))
	s.Mono = start + second/2
	want(t, tab, s, line{1, conn.EventSample, conn.Established, true, math.MaxUint64, 1e18, math.MaxUint64, 2e18})
}

func TestFirstTick(t *testing.T) {
	tab := table.New(table.Config{})
	s := closing(at(0, opened(tcp(1, 1e9, 1e9), -0.5)), opened(tcp(2, 7, 7), -0.5))
	snap := want(t, tab, s,
		line{2, conn.EventClose, conn.Established, true, 7, 7, 0, 0},
		line{1, conn.EventSample, conn.Established, false, 1e9, 1e9, 0, 0})
	if !snap.First || snap.Elapsed != 0 {
		t.Errorf("First = %v, Elapsed = %v", snap.First, snap.Elapsed)
	}
	want(t, tab, at(1, tcp(1, 1e9+10, 1e9)), line{1, conn.EventSample, conn.Established, true, 1e9 + 10, 1e9, 10, 0})
}

func TestCounterReset(t *testing.T) {
	tab := table.New(table.Config{})
	tab.Apply(at(0, tcp(1, 1000, 1000)))
	want(t, tab, at(1, tcp(1, 999, 3000)), line{1, conn.EventSample, conn.Established, true, 1000, 3000, 0, 2000})
	want(t, tab, at(2, tcp(1, 1001, 10)), line{1, conn.EventSample, conn.Established, true, 1001, 3000, 1, 0})
}

func TestMissedTick(t *testing.T) {
	tab := table.New(table.Config{})
	tab.Apply(at(0, tcp(1, 0, 0)))
	snap := want(t, tab, at(4, tcp(1, 4000, 400)), line{1, conn.EventSample, conn.Established, true, 4000, 400, 1000, 100})
	if snap.Elapsed != 4*time.Second {
		t.Errorf("Elapsed = %v", snap.Elapsed)
	}
}

func TestClockStep(t *testing.T) {
	for _, step := range []time.Duration{-time.Hour, time.Hour} {
		tab := table.New(table.Config{})
		tab.Apply(at(0, tcp(1, 0, 0)))
		s := at(1, tcp(1, 1000, 0))
		s.Time = s.Time.Add(step)
		snap := want(t, tab, s, line{1, conn.EventSample, conn.Established, true, 1000, 0, 1000, 0})
		if !snap.Time.Equal(s.Time) || snap.Elapsed != time.Second {
			t.Errorf("Time = %v, Elapsed = %v", snap.Time, snap.Elapsed)
		}
	}
}

func TestZeroElapsed(t *testing.T) {
	tab := table.New(table.Config{})
	tab.Apply(at(0, tcp(1, 0, 0), tcp(2, 0, 0), tcp(3, 0, 0)))
	tab.Apply(at(1))
	want(t, tab, at(1, tcp(1, 100, 0), tcp(2, 200, 0)),
		line{1, conn.EventSample, conn.Established, true, 100, 0, 0, 0},
		line{2, conn.EventSample, conn.Established, true, 200, 0, 0, 0},
		line{3, conn.EventSample, conn.Established, false, 0, 0, 0, 0})
	want(t, tab, at(1, tcp(1, 150, 0)),
		line{1, conn.EventSample, conn.Established, true, 150, 0, 0, 0},
		line{2, conn.EventSample, conn.Established, false, 200, 0, 0, 0},
		line{3, conn.EventSample, conn.Established, false, 0, 0, 0, 0})
	want(t, tab, at(2, tcp(1, 300, 0)),
		line{1, conn.EventSample, conn.Established, true, 300, 0, 300, 0},
		line{2, conn.EventSample, conn.Established, true, 200, 0, 200, 0},
		line{3, conn.EventSample, conn.Established, false, 0, 0, 0, 0})
	want(t, tab, at(3),
		line{1, conn.EventSample, conn.Established, false, 300, 0, 0, 0},
		line{2, conn.EventSample, conn.Established, false, 200, 0, 0, 0},
		line{3, conn.EventSample, conn.Established, false, 0, 0, 0, 0})
}

func TestMonotonicTimeThatGoesBackTakesNoTime(t *testing.T) {
	tab := table.New(table.Config{})
	tab.Apply(at(10, tcp(1, 0, 0)))
	want(t, tab, at(5, tcp(1, 100, 0)), line{1, conn.EventSample, conn.Established, true, 100, 0, 0, 0})
	want(t, tab, at(12, tcp(1, 200, 0)), line{1, conn.EventSample, conn.Established, true, 200, 0, 100, 0})
}

func TestNamedTwiceCountsOnce(t *testing.T) {
	tab := table.New(table.Config{})
	tab.Apply(at(0, tcp(1, 0, 0)))
	want(t, tab, at(1, tcp(1, 100, 0), tcp(1, 150, 0)), line{1, conn.EventSample, conn.Established, true, 150, 0, 150, 0})
}

func TestBytesMeasuredLateAreNoRate(t *testing.T) {
	tab := table.New(table.Config{})
	c := tcp(1, 0, 0)
	c.Has = 0
	tab.Apply(at(0, c))
	want(t, tab, at(1, tcp(1, 1e9, 0)), line{1, conn.EventSample, conn.Established, true, 1e9, 0, 0, 0})
	want(t, tab, at(2, tcp(1, 1e9+5, 0)), line{1, conn.EventSample, conn.Established, true, 1e9 + 5, 0, 5, 0})
}

func TestNamedButUnchangedDidNotMove(t *testing.T) {
	tab := table.New(table.Config{})
	tab.Apply(at(0, tcp(1, 9, 9)))
	want(t, tab, at(1, tcp(1, 9, 9)), line{1, conn.EventSample, conn.Established, false, 9, 9, 0, 0})
}
