package record

import (
	"errors"
	"io"
	"os"
	"testing"
	"time"
)

// TestRefresh reads a recording while it is written: the segment that grows, and those
// that come after it.
func TestRefresh(t *testing.T) {
	cfg, h := config(t), newHost(11)
	cfg.MaxSize = 1 << 20 // so that there are several segments
	w, err := Create(cfg)
	must(t, err)
	want := live(t, w, h, 10)
	r, err := Open(cfg.Dir)
	must(t, err)
	c := r.Cursor()
	defer c.Close()
	var got shown
	got.next(t, c, 10)
	if _, err := c.Next(); !errors.Is(err, io.EOF) || r.Refresh() {
		t.Errorf("beyond the newest: %v", err)
	}
	for len(segments(t, cfg.Dir)) < 4 {
		want = append(want, live(t, w, h, 20)...)
		for len(got) < len(want) {
			s, err := c.Next()
			if errors.Is(err, io.EOF) && r.Refresh() {
				continue
			}
			must(t, err)
			got.add(s)
		}
		if _, last := r.Bounds(); !last.Equal(want[len(want)-1].Time) && r.Refresh() {
			if _, last = r.Bounds(); !last.Equal(want[len(want)-1].Time) {
				t.Fatalf("it is up to %v, want %v", last, want[len(want)-1].Time)
			}
		}
	}
	follows(t, want, 0, got)
	must(t, w.Close())
	if gaps := r.Gaps(); len(gaps) > 0 {
		t.Errorf("gaps %v", gaps)
	}
}

// TestTornWhileRead opens a segment in the middle of a write: what is not there yet is no
// damage.
func TestTornWhileRead(t *testing.T) {
	cfg := config(t)
	w, err := Create(cfg)
	must(t, err)
	want := live(t, w, newHost(12), 5)
	path := segments(t, cfg.Dir)[0]
	all, err := os.ReadFile(path)
	must(t, err)
	must(t, w.Close())
	for _, cut := range []int{1, 100, 300} {
		must(t, os.WriteFile(path, all[:len(all)-cut], 0o600))
		r, err := Open(cfg.Dir)
		must(t, err)
		c := r.Cursor()
		var got shown
		got.next(t, c, 4)
		if _, err := c.Next(); !errors.Is(err, io.EOF) {
			t.Fatalf("%d bytes missing: %v", cut, err)
		}
		must(t, os.WriteFile(path, all, 0o600)) // the same file, longer
		got.next(t, c, 1)
		follows(t, want, 0, got)
		if gaps := r.Gaps(); len(gaps) > 0 {
			t.Errorf("%d bytes missing: gaps %v", cut, gaps)
		}
		c.Close()
	}
}

// TestAnew starts a recorder again in time for the next tick.
func TestAnew(t *testing.T) {
	cfg, h := config(t), newHost(13)
	cfg.Header.Interval = time.Second
	a := recorded(t, cfg, h, 3)
	cfg.Header.Session = "two"
	b := recorded(t, cfg, h, 3)
	_, gaps := replayed(t, cfg.Dir)
	if want := (Gap{From: a[2].Time, To: b[0].Time, What: GapAnew}); len(gaps) != 1 || gaps[0] != want {
		t.Errorf("gaps %v, want %v", gaps, want)
	}
}

// TestRemovedWhileRead keeps a reader of segments that go under it.
func TestRemovedWhileRead(t *testing.T) {
	cfg := config(t)
	cfg.MaxSize = 1 << 20
	recorded(t, cfg, newHost(14), 900)
	r, err := Open(cfg.Dir)
	must(t, err)
	c := r.Cursor()
	defer c.Close()
	var got shown
	got.next(t, c, 1)
	must(t, os.Remove(segments(t, cfg.Dir)[1]))
	for err == nil {
		_, err = c.Next()
	}
	if gaps := r.Gaps(); len(gaps) != 1 || gaps[0].What != GapRemoved {
		t.Errorf("gaps %v", gaps)
	}
}
