package conn

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestPace takes samples at once and once per interval, leaves out those that a busy
// reader made late, and takes one more when the context has ended.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var p Pace
		var s Sample
		p.SetInterval(time.Second)
		start := time.Now()
		took := func() error {
			s.Time = time.Now()
			return nil
		}
		n := 0
		for got, err := range p.Run(ctx, &s, took) {
			if err != nil {
				t.Fatal(err)
			}
			want := []struct {
				after  time.Duration
				missed uint64
				last   bool
			}{{0, 0, false}, {time.Second, 0, false}, {4500 * time.Millisecond, 2, false}, {5 * time.Second, 2, false},
				{5250 * time.Millisecond, 2, false}, {5350 * time.Millisecond, 2, true}}[n]
			if after := got.Time.Sub(start); after != want.after || got.Loss.MissedTicks != want.missed || got.Last != want.last {
				t.Errorf("sample %d after %v, %d missed, last: %v; want %+v", n, after, got.Loss.MissedTicks, got.Last, want)
			}
			switch n {
			case 1:
				time.Sleep(3500 * time.Millisecond)
			case 3:
				p.SetInterval(250 * time.Millisecond)
			case 4:
				time.AfterFunc(100*time.Millisecond, cancel)
			}
			n++
		}
		if n != 6 {
			t.Errorf("%d samples", n)
		}
	})
}

func TestPaceEnds(t *testing.T) {
	var p Pace
	var s Sample
	failed := errors.New("failed")
	n := 0
	for got, err := range p.Run(t.Context(), &s, func() error { return failed }) {
		if n++; got != nil || !errors.Is(err, failed) {
			t.Errorf("%v, %v", got, err)
		}
	}
	for got, err := range p.Run(t.Context(), &s, func() error { return nil }) {
		if n++; got != &s || err != nil {
			t.Errorf("%v, %v", got, err)
		}
		break
	}
	if n != 2 {
		t.Errorf("%d turns", n)
	}
}
