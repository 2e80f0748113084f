package record

import (
	"bytes"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"tcptop/internal/conn"
)

// errFault is what a faulty operation says.
var errFault = errors.New("injected")

// faulty are the system's files until operation number at. That one fails, a write
// after a part of its bytes; with crash so do all after it, as if there were no process
// to do them, else the next ones until it has failed for times times.
type faulty struct {
	at, done, times int
	crash           bool
	part            float64
	system          Files
}

func (f *faulty) fails() bool {
	f.done++
	return f.done == f.at || f.done > f.at && (f.crash || f.done < f.at+f.times)
}

func (f *faulty) files() Files {
	do := func(op func(string) error) func(string) error {
		return func(path string) error {
			if f.fails() {
				return errFault
			}
			return op(path)
		}
	}
	return Files{
		Remove: do(f.system.Remove), Mkdir: do(f.system.Mkdir), Sync: do(f.system.Sync),
		Create: func(path string) (File, error) {
			if f.fails() {
				return nil, errFault
			}
			file, err := f.system.Create(path)
			return &faultyFile{file, f}, err
		},
	}
}

type faultyFile struct {
	File
	f *faulty
}

func (f *faultyFile) Write(b []byte) (int, error) {
	dead := f.f.crash && f.f.done >= f.f.at
	if f.f.fails() {
		if dead {
			return 0, errFault
		}
		n, _ := f.File.Write(b[:int(f.f.part*float64(len(b)))])
		return n, errFault
	}
	return f.File.Write(b)
}

func (f *faultyFile) Truncate(size int64) error {
	if f.f.fails() {
		return errFault
	}
	return f.File.Truncate(size)
}

func (f *faultyFile) Sync() error {
	if f.f.fails() {
		return errFault
	}
	return f.File.Sync()
}

// truth is what a recording must say.
type truth struct {
	ticks  []*conn.Sample
	states []state // after each
}

func (w *truth) add(s *conn.Sample) {
	next := state{}
	if n := len(w.states); n > 0 {
		maps.Copy(next, w.states[n-1])
	}
	next.apply(s)
	w.ticks, w.states = append(w.ticks, clone(s)), append(w.states, next)
}

// check fails the test where a sample is not what was recorded at its time, and returns
// the numbers of those that are there.
func (w *truth) check(t *testing.T, got []*conn.Sample) []int {
	t.Helper()
	var there []int
	for _, s := range got {
		i := slices.IndexFunc(w.ticks, func(x *conn.Sample) bool { return x.Time.Equal(s.Time) })
		if i < 0 || len(there) > 0 && i <= there[len(there)-1] {
			t.Fatalf("tick %d after %v", i, there)
		}
		if s.Reset {
			w.states[i].is(t, s)
		} else {
			same(t, "sample", w.ticks[i], s)
		}
		there = append(there, i)
	}
	return there
}

// upTo is 0 to n-1.
func upTo(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// TestCrash ends the recorder at every operation on its files, in the middle of writes,
// too: what it had written stays to the last tick, and the next one goes on.
func TestCrash(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for at := 1; ; at += 1 + rng.IntN(4) {
		cfg := config(t)
		cfg.MaxSize = 64 << 10
		fault := &faulty{at: at, crash: true, part: rng.Float64(), system: System()}
		cfg.Files = fault.files()
		w, err := Create(cfg)
		must(t, err)
		h, want, written := newHost(uint64(at)), truth{}, 0
		for range 40 {
			s := h.sample(10, 100, 100)
			want.add(s)
			if w.Write(s) != nil {
				break
			}
			written++
		}
		if err := w.Close(); err == nil && fault.done < at {
			if at < 50 {
				t.Fatalf("only %d operations: the test needs more", fault.done)
			}
			return
		}
		before := contents(t, cfg.Dir)
		if written > 0 {
			got, _ := replayed(t, cfg.Dir)
			// The tick in which it crashed may be whole.
			if there := want.check(t, got); len(there) < written || !slices.Equal(there, upTo(len(there))) {
				t.Fatalf("crash at operation %d after %d ticks: %v are there", at, written, there)
			}
		}
		cfg.Files, cfg.Header.Session = System(), "two"
		next := recorded(t, cfg, h, 3)
		got, _ := replayed(t, cfg.Dir)
		follows(t, next, 0, got[len(got)-3:])
		for path, was := range before {
			if is, err := os.ReadFile(path); err == nil && !bytes.Equal(was, is) {
				t.Errorf("crash at operation %d: the next recorder changed %s", at, path)
			}
		}
	}
}

func contents(t *testing.T, dir string) map[string][]byte {
	all := map[string][]byte{}
	for _, path := range segments(t, dir) {
		b, err := os.ReadFile(path)
		must(t, err)
		all[path] = b
	}
	return all
}

// TestFault lets one operation fail, or some in a row: the ticks that Write refused are
// missing and counted, no others.
func TestFault(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for at := 1; at < 120; at += 1 + rng.IntN(6) {
		cfg := config(t)
		cfg.MaxSize = 64 << 10
		fault := &faulty{at: at, times: 1 + rng.IntN(7), part: rng.Float64(), system: System()}
		cfg.Files = fault.files()
		w, err := Create(cfg)
		must(t, err)
		h, want := newHost(uint64(at)), truth{}
		var written []int
		lost := uint64(0)
		for i := range 40 {
			s := h.sample(10, 100, 100)
			want.add(s)
			if err := w.Write(s); err == nil {
				written = append(written, i)
			} else if lost++; !errors.Is(err, errFault) {
				t.Fatal(err)
			}
		}
		if s := w.Stats(); s.Ticks != uint64(len(written)) || s.Lost != lost {
			t.Errorf("%+v, want %d written and %d lost", s, len(written), lost)
		}
		_ = w.Close()
		got, gaps := replayed(t, cfg.Dir)
		there := want.check(t, got)
		// What was lost before a restart of the segment may be there all the same: the
		// bytes were written, only Sync or what came after failed.
		for _, i := range written {
			if !slices.Contains(there, i) {
				t.Fatalf("fault at operation %d: tick %d was written and is not there; there are %v", at, i, there)
			}
		}
		missing := uint64(0)
		for _, g := range gaps {
			missing += g.Ticks
		}
		if len(there) > 0 && missing != uint64(there[len(there)-1]-there[0]+1-len(there)) {
			t.Errorf("fault at operation %d: gaps %v, there are %v", at, gaps, there)
		}
	}
}

// TestVanished removes the directory under the recorder, which makes it again.
func TestVanished(t *testing.T) {
	cfg := config(t)
	cfg.Dir = filepath.Join(cfg.Dir, "recording")
	w, err := Create(cfg)
	must(t, err)
	h := newHost(9)
	live(t, w, h, 3)
	must(t, os.RemoveAll(cfg.Dir))
	if err := w.Write(h.sample(1, 1000, 0)); err == nil {
		t.Error("a tick went into a file without a name")
	}
	want := live(t, w, h, 3)
	must(t, w.Close())
	got, _ := replayed(t, cfg.Dir)
	if len(got) != 3 || !got[2].Time.Equal(want[2].Time) {
		t.Errorf("%d ticks are there, want the 3 after it vanished", len(got))
	}
}

// TestLocked has two recorders on one directory.
func TestLocked(t *testing.T) {
	cfg := config(t)
	w, err := Create(cfg)
	must(t, err)
	_, err = Create(cfg)
	var locked *LockedError
	if !errors.As(err, &locked) || locked.Dir != cfg.Dir || locked.PID == "" {
		t.Fatalf("the second: %v", err)
	}
	must(t, w.Close())
	w, err = Create(cfg)
	must(t, err)
	must(t, w.Close())
}

// TestLockLink finds the lock's name taken by a way to another file, which is left as it was.
func TestLockLink(t *testing.T) {
	for name, link := range map[string]func(old, new string) error{"symbolic": os.Symlink, "hard": os.Link} {
		cfg, other := config(t), filepath.Join(t.TempDir(), "other")
		must(t, os.MkdirAll(cfg.Dir, 0o700))
		must(t, os.WriteFile(other, []byte("precious"), 0o600))
		must(t, link(other, filepath.Join(cfg.Dir, lockName)))
		if _, err := Create(cfg); err == nil {
			t.Errorf("%s link: no error", name)
		}
		if text, err := os.ReadFile(other); err != nil || string(text) != "precious" {
			t.Errorf("%s link: %q, %v", name, text, err)
		}
	}
}
