package record

import (
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"tcptop/internal/conn"
)

func newHistory(t testing.TB, age time.Duration, bytes int) *History {
	h, err := NewHistory(HistoryConfig{Header: Header{Host: "testhost"}, MaxAge: age, MaxBytes: bytes})
	must(t, err)
	return h
}

// TestHistory goes back in what is kept, and forth to what was added meanwhile.
func TestHistory(t *testing.T) {
	from, h := newHost(6), newHistory(t, time.Hour, 1<<30)
	var want []*conn.Sample
	add := func() {
		s := from.sample(from.rng.IntN(3), 300, 30)
		h.Add(s)
		want = append(want, clone(s))
	}
	for range 200 {
		add()
	}
	c := h.Cursor()
	var got shown
	must(t, c.Go(want[150].Time, got.add))
	follows(t, want, 149, got)
	got.next(t, c, 49)
	if _, err := c.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("beyond the newest: %v", err)
	}
	for range 100 {
		add()
	}
	got.next(t, c, 100)
	follows(t, want, 149, got)
	if first, last := h.Bounds(); !first.Equal(want[0].Time) || !last.Equal(want[299].Time) {
		t.Errorf("bounds %v and %v", first, last)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	from := newHost(7)
	aged, small := newHistory(t, 2*time.Minute, 1<<30), newHistory(t, time.Hour, 64<<10)
	for range 1000 {
		s := from.sample(2, 500, 20)
		aged.Add(s)
		small.Add(s)
	}
	first, last := aged.Bounds()
	if kept := last.Sub(first); kept < 2*time.Minute || kept > 2*time.Minute+maxTicks*time.Second {
		t.Errorf("%v are kept of 2m", kept)
	}
	if n := small.Bytes(); n > 64<<10 {
		t.Errorf("%d bytes are kept", n)
	}
	c := small.Cursor()
	if s, err := c.Next(); err != nil || !s.Reset {
		t.Errorf("the oldest that is kept: %v", err)
	}
}

// TestHistoryWhileItGrows has a reader beside the one who adds.
func TestHistoryWhileItGrows(t *testing.T) {
	from, h := newHost(8), newHistory(t, 30*time.Second, 1<<20)
	h.Add(from.sample(5, 500, 20))
	var group sync.WaitGroup
	group.Go(func() {
		for range 300 {
			h.Add(from.sample(1, 500, 20))
		}
	})
	c := h.Cursor()
	for range 200 {
		first, last := h.Bounds()
		at := first.Add(last.Sub(first) / 2)
		if err := c.Go(at, func(*conn.Sample) {}); err != nil && !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		_, _ = c.Next()
		_, _ = c.Find(c.Time(), -1)
		_, _ = c.Find(at, 1)
	}
	group.Wait()
}
