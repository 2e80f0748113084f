package spool

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tcptop/internal/flow"
	"tcptop/internal/testkit/records"
)

func names(t testing.TB, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestPutAndTake(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	s, h, e := open(t, Config{Dir: dir}), records.NewHost(), records.NewEngine()
	for range 3 {
		s.Put(h.Interval())
	}
	want := []string{"0de0b6b3a7640000-0000000001.seg", "0de0b6b3a7640000-0000000002.seg", "0de0b6b3a7640000-0000000003.seg", "lock"}
	if diff := cmp.Diff(want, names(t, dir)); diff != "" {
		t.Error(diff)
	}
	for _, name := range append(want, ".") {
		info, err := os.Lstat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if st := s.Stats(); st.Segments != 3 || st.Bytes != 3*block || !st.Oldest.Equal(records.Begin.Add(1e9)) || st.Err != nil || st.Memory != 0 {
		t.Errorf("%+v", st)
	}
	newest, oldest := s.Take(true), s.Take(false)
	if newest.Number != 3 || oldest.Number != 1 || newest.Token() != "web-1/1000000000000000000/3" || newest.Rows != 4 {
		t.Errorf("took %+v and %+v", newest.Header, oldest.Header)
	}
	middle := s.Take(true)
	if s.Take(true) != nil || middle.Number != 2 {
		t.Error("a segment was taken twice")
	}
	s.Back(middle, false)
	s.Back(oldest, true)
	e.Insert(t, newest.Lines)
	s.Done(newest)
	s = s.reopen(t)
	drain(t, s, e)
	e.Exact(t, h.Truth)
	if st := s.Stats(); st.Segments != 0 || st.Bytes != 0 || !st.Oldest.IsZero() || e.Twice != 0 {
		t.Errorf("%+v, %d twice", st, e.Twice)
	}
	if diff := cmp.Diff([]string{"lock"}, names(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// The clock of a machine may begin where it began before.
func TestEpochNeverReturns(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir() + "/s", Epoch: 1789})
	again := s.reopen(t)
	if s.cfg.Epoch != 1789 || again.cfg.Epoch != 1790 {
		t.Errorf("epochs %d and %d", s.cfg.Epoch, again.cfg.Epoch)
	}
}

// A full spool drops the oldest, says so in-band and in its counters, and what is stored
// and what was dropped is what there was.
func TestFull(t *testing.T) {
	s, h, e := open(t, Config{Dir: t.TempDir() + "/s", MaxSize: 6 * block}), records.NewHost(), records.NewEngine()
	var sent, flying *Segment
	for n := range 40 {
		s.Put(h.Interval())
		switch n {
		case 0:
			flying = s.Take(false)
		case 1:
			sent = s.Take(true)
			s.Back(sent, true)
		}
		if size := s.Stats().Bytes; size > 6*block {
			t.Fatalf("%d bytes", size)
		}
	}
	again := s.Take(false)
	if again.Number != sent.Number {
		t.Errorf("segment %d, which the engine may have, went before %d", sent.Number, again.Number)
	}
	s.Back(again, false)
	e.Insert(t, flying.Lines)
	s.Done(flying)
	drain(t, s, e)
	e.Exact(t, h.Truth)
	d := s.Stats().Dropped[SpoolFull]
	if d.Moved != e.Dropped || d.Records != e.Records || d.Records != 35*4 || d.Conns != 35*5 {
		t.Errorf("counted %+v, told %+v and %d records", d, e.Dropped, e.Records)
	}
}

// Where only what the engine may have is left to drop, that is told apart.
func TestFullOfSent(t *testing.T) {
	s, h, e := open(t, Config{Dir: t.TempDir() + "/s", MaxSize: 3 * block}), records.NewHost(), records.NewEngine()
	for range 10 {
		s.Put(h.Interval())
		s.Back(s.Take(true), true)
	}
	s = s.reopen(t) // which is known of it by the next run, too
	s.Put(h.Interval())
	drain(t, s, e)
	e.Exact(t, h.Truth)
	if len(e.Reasons) != 1 || e.Reasons[Unacknowledged].Records == 0 {
		t.Errorf("%+v", e.Reasons)
	}
}

// Where the disk takes nothing, memory does, as far as it goes; then the disk again.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir() + "/s"
	s, h, e := open(t, Config{Dir: dir, MaxMemory: 4000}), records.NewHost(), records.NewEngine()
	s.Put(h.Interval())
	write := s.dir.write
	s.dir.write = func(*directory, string, []byte) error { return syscall.ENOSPC }
	for range 30 {
		s.Put(h.Interval())
		if st := s.Stats(); st.Memory > 4000 || st.Memory == 0 || !errors.Is(st.Err, syscall.ENOSPC) {
			t.Fatalf("%+v", st)
		}
	}
	if d := s.Stats().Dropped[DiskFull]; d.Records == 0 || d.Records >= 30*4 {
		t.Errorf("dropped %+v", d)
	}
	g := s.Take(true)
	e.Insert(t, g.Lines)
	s.Done(g)
	s.dir.write = write
	s.Put(h.Interval())
	if st := s.Stats(); st.Memory != 0 || st.Err != nil {
		t.Errorf("%+v", st)
	}
	s = s.reopen(t)
	drain(t, s, e)
	e.Exact(t, h.Truth)
	if e.Twice != 0 {
		t.Errorf("%d twice", e.Twice)
	}
}

// What an engine refuses becomes a dead letter, all of it or a part, and is told of.
func TestReject(t *testing.T) {
	dir := t.TempDir() + "/s"
	s, h, e := open(t, Config{Dir: dir, MaxDead: 2 * block}), records.NewHost(), records.NewEngine()
	for n := range 8 {
		s.Put(h.Interval())
		g := s.Take(true)
		half := len(g.Lines) / 2
		half += strings.IndexByte(string(g.Lines[half:]), '\n') + 1
		if n%2 == 0 {
			s.Reject(g, g.Lines, false)
		} else {
			e.Insert(t, g.Lines[:half])
			s.Reject(g, g.Lines[half:], false)
		}
		if s.Take(true) != nil {
			t.Fatal("taken again")
		}
	}
	s.Put(h.Interval())
	drain(t, s, e)
	e.Exact(t, h.Truth)
	st := s.Stats()
	if d := st.Dropped[Rejected]; d.Moved != e.Dropped || d.Records != e.Records || st.Dead != 2*block {
		t.Errorf("counted %+v, told %+v and %d records, %d bytes of letters", d, e.Dropped, e.Records, st.Dead)
	}
	dead := slices.DeleteFunc(names(t, dir), func(n string) bool { return n == "lock" })
	if len(dead) != 2 || !strings.HasSuffix(dead[0], deadSuffix) {
		t.Errorf("letters %v", dead)
	}
	b, err := s.dir.read(dead[1], 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if _, lines, err := s.codec.unpack(b); err != nil || strings.Count(string(lines), "\n") == 0 {
		t.Errorf("a letter has %q, %v", lines, err)
	}
}

func TestLose(t *testing.T) {
	s, h, e := open(t, Config{Dir: t.TempDir() + "/s"}), records.NewHost(), records.NewEngine()
	lost := h.Interval()
	var sums flow.Sums
	for i := range lost {
		one := lost[i].Sums()
		sums.Add(&one)
	}
	s.Lose(DiskSlow, sums)
	s.Put(h.Interval())
	drain(t, s, e)
	e.Exact(t, h.Truth)
	if d := s.Stats().Dropped[DiskSlow]; d != sums || e.Reasons[DiskSlow] != sums {
		t.Errorf("counted %+v, told %+v", d, e.Reasons)
	}
}

// What is in the way of a segment is left out and counted; the rest is delivered.
func TestDamage(t *testing.T) {
	dir := t.TempDir() + "/s"
	s, h, e := open(t, Config{Dir: dir}), records.NewHost(), records.NewEngine()
	for range 5 {
		s.Put(h.Interval())
	}
	seg := func(n int) string { return filepath.Join(dir, ID{1e18, uint64(n)}.name()+segmentSuffix) }
	damage := func(n int, f func(b []byte) []byte) {
		b, err := os.ReadFile(seg(n))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(seg(n), f(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	damage(1, func(b []byte) []byte { b[len(b)-1] ^= 1; return b })   // its lines
	damage(2, func(b []byte) []byte { b[prefixSize] ^= 1; return b }) // its header
	damage(3, func(b []byte) []byte { return b[:len(b)-10] })
	secret := filepath.Join(t.TempDir(), "secret")
	for _, err := range []error{
		os.WriteFile(secret, nil, 0o600),
		os.WriteFile(filepath.Join(dir, "x.seg.tmp"), []byte("torn"), 0o600),
		os.Symlink(secret, filepath.Join(dir, "link.seg")),
		os.Symlink(seg(5), seg(6)),
		os.Mkdir(filepath.Join(dir, "dir.seg"), 0o700),
		syscall.Mkfifo(filepath.Join(dir, "fifo.seg"), 0o600),
		os.WriteFile(filepath.Join(dir, "empty.seg"), nil, 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	s = s.reopen(t)
	drain(t, s, e)
	s.Put(h.Interval())
	drain(t, s, e)
	st := s.Stats()
	if st.Damaged != 4 || st.Torn != 1 || st.Segments != 0 {
		t.Errorf("%+v", st)
	}
	// Of segment 2 nothing is known: a tick's worth is missing.
	missing := h.Truth.RxBytes - e.All().RxBytes
	if missing != 1000*15 || e.Reasons[Corrupt].Records != 2*4 {
		t.Errorf("%d bytes are missing; told of %+v", missing, e.Reasons)
	}
	for _, name := range []string{"link.seg", "fifo.seg", "dir.seg"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			t.Errorf("what is not ours was touched: %v", err)
		}
	}
}

func TestForeignDirectory(t *testing.T) {
	base := t.TempDir()
	wide, link, busy := base+"/wide", base+"/link", base+"/busy"
	for _, err := range []error{os.Mkdir(wide, 0o755), os.Symlink(base, link), os.WriteFile(base+"/file", nil, 0o600)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(wide, 0o755); err != nil {
		t.Fatal(err)
	}
	open(t, Config{Dir: busy})
	dirs := map[string]string{wide: "is open to other users (mode 0755)", link: "is a link", busy: "is another agent's"}
	if os.Geteuid() == 0 {
		other := base + "/other"
		if err := errors.Join(os.Mkdir(other, 0o700), os.Chown(other, 65534, 65534)); err != nil {
			t.Fatal(err)
		}
		dirs[other] = "belongs to another user"
	}
	for dir, what := range dirs {
		_, err := Open(Config{Dir: dir})
		var refused *DirError
		if !errors.As(err, &refused) || refused.What != what {
			t.Errorf("%s: %v", dir, err)
		}
	}
	if _, err := Open(Config{Dir: base + "/file"}); !errors.Is(err, syscall.ENOTDIR) && !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file: %v", err)
	}
}

// A big interval is several segments, none bigger than it may be.
func TestBigInterval(t *testing.T) {
	s, h, e := open(t, Config{Dir: t.TempDir() + "/s"}), records.NewHost(), records.NewEngine()
	var all []flow.Record
	for range 2500 {
		all = append(all, h.Interval()...)
	}
	s.Put(all)
	if n := s.Stats().Segments; n != 3 {
		t.Errorf("%d segments", n)
	}
	drain(t, s, e)
	e.Exact(t, h.Truth)
}

func FuzzSegment(f *testing.F) {
	c, err := newCodec()
	if err != nil {
		f.Fatal(err)
	}
	good, err := c.pack(&Header{ID: ID{1, 2}, Host: "h", Drops: []ID{{1, 1}}}, []byte("{\"conns\":1}\n"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:prefixSize])
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, lines, err := c.unpack(b)
		if err != nil {
			return
		}
		again, err := c.pack(&h, lines)
		if err != nil {
			t.Fatal(err)
		}
		if h2, lines2, err := c.unpack(again); err != nil || string(lines2) != string(lines) || !cmp.Equal(h2, h) {
			t.Errorf("%+v %q became %+v %q, %v", h, lines, h2, lines2, err)
		}
	})
}
