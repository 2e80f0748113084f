package record

import (
	"os"
	"path/filepath"
	"testing"

	"tcptop/internal/conn"
)

// segmentOf records 260 ticks in one segment and returns it with the truth.
func segmentOf(t *testing.T) (path string, whole []byte, want truth) {
	cfg := config(t)
	h := newHost(11)
	w, err := Create(cfg)
	must(t, err)
	for range 260 {
		s := h.sample(2, 300, 50)
		must(t, w.Write(s))
		want.add(s)
	}
	must(t, w.Close())
	path = segments(t, cfg.Dir)[0]
	whole, err = os.ReadFile(path)
	must(t, err)
	return path, whole, want
}

// regions are the frames of a segment.
func regions(t *testing.T, path string) []mark {
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	info, err := f.Stat()
	must(t, err)
	var all []mark
	for m := range frames(f, 0, info.Size()) {
		all = append(all, m)
	}
	return all
}

// TestDamage flips a byte in every part of every frame: what is missing is what comes
// from there to the next key frame, and the gap says so.
func TestDamage(t *testing.T) {
	path, whole, want := segmentOf(t)
	all := regions(t, path)
	keys := 0
	for n, m := range all {
		if m.kind == KindKey {
			keys++
		}
		if n > 5 && n < len(all)-2 && m.kind == KindTick && n%61 > 0 {
			continue // they are many and alike
		}
		for _, at := range []int64{0, 9, 29, frameHead + int64(m.length)/2} {
			if at >= frameHead+int64(m.length) {
				continue
			}
			bad := append([]byte(nil), whole...)
			bad[m.offset+at] ^= 0x41
			copied := filepath.Join(t.TempDir(), "0-bad"+Suffix)
			must(t, os.WriteFile(copied, bad, 0o600))
			got, gaps := replayed(t, copied)
			there := want.check(t, got)
			lost := lostFrom(all, n)
			missing := len(want.ticks) - len(there)
			if missing != lost {
				t.Fatalf("byte %d of frame %d (kind %d): %d ticks are missing, want %d", at, n, m.kind, missing, lost)
			}
			said := uint64(0)
			for _, g := range gaps {
				said += g.Ticks
				if g.What != GapDamaged {
					t.Errorf("gap %+v", g)
				}
			}
			inside := lost > 0 && there[0] == 0 && there[len(there)-1] == len(want.ticks)-1
			if inside && said != uint64(lost) || lost > 0 && len(gaps) == 0 {
				t.Errorf("byte %d of frame %d: %d ticks are missing, gaps %v", at, n, lost, gaps)
			}
		}
	}
	if keys < 3 {
		t.Fatalf("%d key frames: the test needs some", keys)
	}
}

// lostFrom is how many ticks frame n takes with it.
func lostFrom(all []mark, n int) (lost int) {
	if k := all[n].kind; k != KindKey && k != KindTick {
		return 0
	}
	for i, m := range all[n:] {
		if m.kind == KindKey && i > 0 {
			break
		}
		if m.kind == KindTick {
			lost++
		}
	}
	return lost
}

// TestBothHeaders has no copy left.
func TestBothHeaders(t *testing.T) {
	path, whole, _ := segmentOf(t)
	all := regions(t, path)
	for _, m := range all[:2] {
		whole[m.offset+frameHead+3] ^= 1
	}
	must(t, os.WriteFile(path, whole, 0o600))
	if _, err := Open(path); err == nil {
		t.Error("a segment without a header was opened")
	}
}

// TestTruncated cuts a segment at any byte: the ticks before are there.
func TestTruncated(t *testing.T) {
	path, whole, want := segmentOf(t)
	all := regions(t, path)
	for size := all[3].offset + 1; size < int64(len(whole)); size += 4001 {
		must(t, os.WriteFile(path, whole[:size], 0o600))
		ticks := 0
		for _, m := range all {
			if m.kind == KindTick && m.offset+frameHead+int64(m.length) <= size {
				ticks++
			}
		}
		if ticks == 0 {
			continue
		}
		got, _ := replayed(t, path)
		if there := want.check(t, got); len(there) != ticks || there[0] != 0 || there[ticks-1] != ticks-1 {
			t.Fatalf("cut at %d of %d: %d ticks are there, want %d", size, len(whole), len(there), ticks)
		}
	}
}

// FuzzReader opens and reads what nobody wrote.
func FuzzReader(f *testing.F) {
	cfg := config(f)
	recorded(f, cfg, newHost(12), 3)
	whole, err := os.ReadFile(segments(f, cfg.Dir)[0])
	must(f, err)
	f.Add(whole)
	f.Add(whole[:len(whole)-trailerSize])
	f.Add(whole[len(whole)/2:])
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(dir, "0-x"+Suffix)
		must(t, os.WriteFile(path, b, 0o600))
		r, err := Open(path)
		if err != nil {
			return
		}
		c := r.Cursor()
		defer c.Close()
		for {
			if _, err := c.Next(); err != nil {
				break
			}
		}
		first, _ := r.Bounds()
		_ = c.Go(first, func(*conn.Sample) {})
	})
}
