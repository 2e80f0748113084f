package record

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// onDisk is the segments of a directory by name, and what they take together.
func onDisk(t *testing.T, dir string) (names []string, bytes int64) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.tcptop"))
	must(t, err)
	for _, path := range paths {
		info, err := os.Stat(path)
		must(t, err)
		names, bytes = append(names, filepath.Base(path)), bytes+info.Size()
	}
	return names, bytes
}

// TestMaxSize and TestMaxAge look at the directory after every tick: it never holds more
// than it may, what goes is the oldest, and what is left is whole up to the newest tick.
func TestMaxSize(t *testing.T) {
	const limit = 128 << 10
	retained(t, limit, 24*time.Hour, 300, func(t *testing.T, dir string, _ time.Time) {
		if _, bytes := onDisk(t, dir); bytes > limit {
			t.Fatalf("%d bytes in the directory, %d may be kept", bytes, limit)
		}
	})
}

func TestMaxAge(t *testing.T) {
	const limit = time.Minute
	retained(t, 1<<30, limit, 200, func(t *testing.T, dir string, now time.Time) {
		r, err := Open(dir)
		must(t, err)
		defer r.Close()
		// a segment goes as a whole, once its newest tick is too old
		if first, _ := r.Bounds(); now.Sub(first) > limit+limit/parts+time.Second {
			t.Fatalf("at %v the oldest tick is of %v", now, first)
		}
	})
}

func retained(t *testing.T, size int64, age time.Duration, ticks int, check func(*testing.T, string, time.Time)) {
	cfg := config(t)
	cfg.MaxSize, cfg.MaxAge = size, age
	w, err := Create(cfg)
	must(t, err)
	h := newHost(7)
	var last time.Time
	var seen []string
	for range ticks {
		s := h.sample(20, 200, 20)
		must(t, w.Write(s))
		last = s.Time
		names, _ := onDisk(t, cfg.Dir)
		if !slices.IsSorted(names) || len(seen) > 0 && len(names) > 0 && names[0] < seen[0] {
			t.Fatalf("segments %q after %q", names, seen)
		}
		seen = names
		check(t, cfg.Dir, last)
	}
	if w.Stats().Removed == 0 || w.Stats().Lost != 0 {
		t.Errorf("%+v: nothing was removed, or something was lost", w.Stats())
	}
	must(t, w.Close())
	r, err := Open(cfg.Dir)
	must(t, err)
	defer r.Close()
	if _, newest := r.Bounds(); !newest.Equal(last) || len(r.Gaps()) != 0 {
		t.Errorf("up to %v, gaps %v; the last tick was of %v", newest, r.Gaps(), last)
	}
}
