package record

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tcptop/internal/conn"
)

// config is a recording in a directory of its own that nothing is removed from.
func config(t testing.TB) Config {
	return Config{Dir: t.TempDir(), MaxSize: 1 << 30, MaxAge: 1000 * time.Hour, Header: Header{Program: "test", Host: "testhost", Session: "one"}, Files: System()}
}

// clone copies s, whose slices may be used again.
func clone(s *conn.Sample) *conn.Sample {
	c := *s
	c.Conns = append([]conn.Conn(nil), s.Conns...)
	c.Closed = append([]conn.Conn(nil), s.Closed...)
	c.Gone = append([]conn.ID(nil), s.Gone...)
	c.Totals = append([]conn.OwnerTotal(nil), s.Totals...)
	return &c
}

// recorded writes n ticks of a host and returns them.
func recorded(t testing.TB, cfg Config, h *host, n int) []*conn.Sample {
	t.Helper()
	w, err := Create(cfg)
	must(t, err)
	all := live(t, w, h, n)
	must(t, w.Close())
	return all
}

func live(t testing.TB, w *Writer, h *host, n int) []*conn.Sample {
	t.Helper()
	var all []*conn.Sample
	for range n {
		s := h.sample(h.rng.IntN(4), 300, 30)
		must(t, w.Write(s))
		all = append(all, clone(s))
	}
	return all
}

// replayed reads everything at path.
func replayed(t testing.TB, path string) ([]*conn.Sample, []Gap) {
	t.Helper()
	r, err := Open(path)
	must(t, err)
	c := r.Cursor()
	defer c.Close()
	var all []*conn.Sample
	for {
		s, err := c.Next()
		if errors.Is(err, io.EOF) {
			return all, r.Gaps()
		}
		must(t, err)
		all = append(all, clone(s))
	}
}

// follows fails the test unless got is want from want[from] on, the first as a whole.
func follows(t testing.TB, want []*conn.Sample, from int, got []*conn.Sample) {
	t.Helper()
	known := state{}
	for _, s := range want[:from+1] {
		known.apply(s)
	}
	whole := clone(got[0])
	known.is(t, whole)
	if !whole.Reset || len(whole.Gone) > 0 {
		t.Errorf("the first sample has Reset %v and %d that went", whole.Reset, len(whole.Gone))
	}
	first := clone(want[from])
	first.Conns, first.Gone, first.Reset = whole.Conns, nil, true
	same(t, "the whole", first, whole)
	for i, s := range got[1:] {
		same(t, "sample", want[from+1+i], s)
	}
}

func segments(t testing.TB, dir string) []string {
	t.Helper()
	paths, err := segmentPaths(dir)
	must(t, err)
	return paths
}

func TestReplay(t *testing.T) {
	cfg := config(t)
	cfg.MaxSize = 1 << 20
	want := recorded(t, cfg, newHost(1), 900)
	if n := len(segments(t, cfg.Dir)); n < 3 {
		t.Fatalf("%d segments: the test needs some", n)
	}
	got, gaps := replayed(t, cfg.Dir)
	if len(got) != len(want) || len(gaps) > 0 {
		t.Fatalf("%d ticks and gaps %v, want %d", len(got), gaps, len(want))
	}
	follows(t, want, 0, got)
}

// shown is what a jump gives.
type shown []*conn.Sample

func (s *shown) add(x *conn.Sample) { *s = append(*s, clone(x)) }

// next takes n samples more.
func (s *shown) next(t *testing.T, c *Cursor, n int) {
	t.Helper()
	for range n {
		x, err := c.Next()
		must(t, err)
		s.add(x)
	}
}

func TestGo(t *testing.T) {
	cfg := config(t)
	cfg.MaxSize = 1 << 20
	want := recorded(t, cfg, newHost(2), 600)
	r, err := Open(cfg.Dir)
	must(t, err)
	first, last := r.Bounds()
	if !first.Equal(want[0].Time) || !last.Equal(want[599].Time) {
		t.Errorf("bounds %v and %v", first, last)
	}
	c := r.Cursor()
	defer c.Close()
	for _, i := range []int{599, 0, 1, 59, 60, 61, 300, 301, 598, 400} {
		var got shown
		must(t, c.Go(want[i].Time.Add(300*time.Millisecond), got.add))
		if i == 0 {
			follows(t, want, 0, got)
		} else {
			follows(t, want, i-1, got)
		}
		if last := got[len(got)-1]; !last.Time.Equal(want[i].Time) || !c.Time().Equal(want[i].Time) {
			t.Errorf("went to %v, want %v", last.Time, want[i].Time)
		}
	}
	for _, step := range []struct{ by, to int }{{1, 401}, {-1, 400}, {-3, 397}, {5, 402}, {-402, 0}, {1, 1}} {
		var got shown
		to, err := c.Find(c.Time(), step.by)
		must(t, err)
		must(t, c.Go(to, got.add))
		if !c.Time().Equal(want[step.to].Time) {
			t.Errorf("a step of %d went to %v, want %v", step.by, c.Time(), want[step.to].Time)
		}
	}
	live, named, err := c.Rows(want[300].Time)
	if got := len(r.whole(t, want[300].Time)); err != nil || live < got/3 || live > 3*got || named > 3*got {
		t.Errorf("guessed that there are %d rows of which %d move, of %d: %v", live, named, got, err)
	}
	var got shown
	must(t, c.Go(want[0].Time.Add(-time.Hour), got.add))
	if _, err := c.Find(c.Time(), -1); !errors.Is(err, io.EOF) || len(got) != 1 {
		t.Errorf("a step before the first tick: %v and %d samples", err, len(got))
	}
	must(t, c.Go(want[599].Time.Add(time.Hour), got.add))
	if _, err := c.Find(c.Time(), 1); !errors.Is(err, io.EOF) {
		t.Errorf("a step beyond the last tick: %v", err)
	}
}

// whole is every connection at a time.
func (r *Reader) whole(t *testing.T, at time.Time) []conn.Conn {
	t.Helper()
	for s, err := range r.Samples(at.Add(1), time.Time{})(t.Context()) {
		must(t, err)
		return s.Conns
	}
	return nil
}

// TestSessions has two recorders one after the other: the time between is a gap.
func TestSessions(t *testing.T) {
	cfg := config(t)
	h := newHost(3)
	a := recorded(t, cfg, h, 5)
	h.tick += 100
	cfg.Header.Session = "two"
	b := recorded(t, cfg, h, 5)
	got, gaps := replayed(t, cfg.Dir)
	follows(t, a, 0, got[:5])
	want := []Gap{{From: a[4].Time, To: b[0].Time, What: GapStopped}}
	if len(gaps) != 1 || gaps[0] != want[0] {
		t.Errorf("gaps %v, want %v", gaps, want)
	}
	follows(t, b, 0, got[5:])
}

func TestSamplesBetween(t *testing.T) {
	cfg := config(t)
	want := recorded(t, cfg, newHost(4), 100)
	r, err := Open(segments(t, cfg.Dir)[0])
	must(t, err)
	var got shown
	for s, err := range r.Samples(want[70].Time, want[80].Time)(t.Context()) {
		must(t, err)
		got.add(s)
	}
	if len(got) != 12 {
		t.Fatalf("%d samples, want 11 and the one before", len(got))
	}
	follows(t, want, 69, got)
}

func TestOpenNothing(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir); !errors.Is(err, ErrEmpty) {
		t.Errorf("an empty directory: %v", err)
	}
	if _, err := Open(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
	text := filepath.Join(dir, "0-x"+Suffix)
	must(t, os.WriteFile(text, []byte("hello, I am no recording and longer than a frame's head"), 0o600))
	if _, err := Open(text); !errors.Is(err, errDamaged) {
		t.Errorf("a text: %v", err)
	}
}
