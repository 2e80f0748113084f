package kernel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tcptop/internal/column"
	"tcptop/internal/conn"
	"tcptop/internal/enrich"
	"tcptop/internal/output"
	recording "tcptop/internal/record"
	"tcptop/internal/table"
	"tcptop/internal/testkit"
)

// sheet folds samples into rows and prints every field of every row.
type sheet struct {
	rows *table.Table
	out  output.Writer
	text bytes.Buffer
}

func newSheet(t *testing.T) *sheet {
	p := &sheet{rows: table.New(table.Config{})}
	var err error
	p.out, err = output.New(&p.text, column.New(), output.Config{Format: output.CSV})
	must(t, err)
	return p
}

func (p *sheet) add(s *conn.Sample) error {
	p.rows.Apply(s)
	snap := p.rows.Snapshot()
	defer snap.Release()
	var rows []*table.Row
	for r := range snap.Rows() {
		rows = append(rows, r)
	}
	return p.out.Write(snap, rows)
}

// tape records what passes.
type tape struct {
	t    *testing.T
	dir  string
	w    *recording.Writer
	live *sheet
}

func newTape(t *testing.T) *tape {
	dir := t.TempDir()
	host, err := os.Hostname()
	must(t, err)
	w, err := recording.Create(recording.Config{Dir: dir, MaxSize: 1 << 30, MaxAge: time.Hour, Header: recording.Header{Host: host}, Files: recording.System()})
	must(t, err)
	return &tape{t: t, dir: dir, w: w, live: newSheet(t)}
}

// record passes source's samples on.
func (p *tape) record(source conn.Source) conn.Source {
	return func(ctx context.Context) iter.Seq2[*conn.Sample, error] {
		return func(yield func(*conn.Sample, error) bool) {
			names := enrich.New(enrich.Config{})
			defer names.Close()
			for s, err := range source(ctx) {
				if err == nil {
					s.Host = p.host()
					names.Apply(s)
					err = errors.Join(p.w.Write(s), p.live.add(s))
				}
				if !yield(s, err) {
					return
				}
			}
		}
	}
}

func (p *tape) host() string {
	host, _ := os.Hostname()
	return host
}

// checkReplay holds the recording to the contract, and its snapshots to the live ones,
// every field of every row.
func (p *tape) checkReplay() {
	p.t.Helper()
	must(p.t, p.w.Close())
	r, err := recording.Open(p.dir)
	must(p.t, err)
	source := r.Samples(time.Time{}, time.Time{})
	testkit.CheckReplay(p.t, source)
	again := newSheet(p.t)
	for s, err := range source(p.t.Context()) {
		must(p.t, err, again.add(s))
	}
	if n := bytes.Count(p.live.text.Bytes(), []byte{'\n'}); n < 100 {
		p.t.Errorf("only %d lines: the test needs more", n)
	}
	if !bytes.Equal(p.live.text.Bytes(), again.text.Bytes()) {
		p.t.Errorf("replayed:\n%s", firstDifference(p.live.text.String(), again.text.String()))
	}
	if gaps := r.Gaps(); len(gaps) > 0 {
		p.t.Errorf("gaps %v", gaps)
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return fmt.Sprintf("line %d of %d and %d\nwant %s\n got %s", i, len(w), len(g), w[i], g[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(g), len(w))
}

// TestRecordKilled kills the recorder again and again: no byte of what it had written
// changes, every tick before the last is there, and the next one goes on.
func TestRecordKilled(t *testing.T) {
	testkit.Kernel(t)
	ns := testkit.NetNS(t)
	load := testkit.Start(t, ns, "idle", "-n", "20")
	load.Ready()
	dir := filepath.Join(t.TempDir(), "recording")
	before, ticks := map[string][]byte{}, 0
	for round := range 4 {
		c := exec.Command(tcptop(t), "record", "-o", dir, "-d", "100ms")
		var stderr bytes.Buffer
		c.Stderr = &stderr
		must(t, c.Start())
		testkit.Eventually(t, patience, func() error {
			if n := len(recordedTicks(t, dir)); n < ticks+5+3*round {
				return fmt.Errorf("%d ticks after %d", n, ticks)
			}
			return nil
		})
		seen := recordedTicks(t, dir)
		must(t, c.Process.Kill())
		if err := c.Wait(); err == nil {
			t.Error("it was not killed")
		}
		now := recordedTicks(t, dir)
		if len(now) < len(seen) || strings.Join(now[:len(seen)], " ") != strings.Join(seen, " ") {
			t.Fatalf("round %d: %d ticks are there, before it was killed %d", round, len(now), len(seen))
		}
		ticks = len(now)
		for path, was := range before {
			is, err := os.ReadFile(path)
			must(t, err)
			if !bytes.Equal(is, was) {
				t.Errorf("round %d: %s was changed\n%s", round, path, &stderr)
			}
		}
		paths, err := filepath.Glob(filepath.Join(dir, "*"+recording.Suffix))
		must(t, err)
		if len(paths) != round+1 {
			t.Errorf("round %d: %d segments", round, len(paths))
		}
		for _, path := range paths {
			before[path], err = os.ReadFile(path)
			must(t, err)
		}
	}
	load.Finish()
}

// recordedTicks are the times of all ticks in dir, none while there is none.
func recordedTicks(t *testing.T, dir string) (times []string) {
	t.Helper()
	r, err := recording.Open(dir)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, recording.ErrEmpty) {
		return nil
	}
	if err != nil {
		return nil // a segment whose header is being written
	}
	for s, err := range r.Samples(time.Time{}, time.Time{})(t.Context()) {
		must(t, err)
		times = append(times, s.Time.Format(time.RFC3339Nano))
	}
	return times
}

// TestRecordFull fills the file system under the recorder and makes room again: it
// says so, counts what it could not write, and goes on.
func TestRecordFull(t *testing.T) {
	testkit.Kernel(t)
	dir := t.TempDir()
	must(t, unix.Mount("tcptop", dir, "tmpfs", 0, "size=32m"))
	t.Cleanup(func() { must(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	c := exec.Command(tcptop(t), "record", "-o", dir, "-d", "100ms")
	stderr, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	must(t, err)
	defer stderr.Close()
	c.Stderr = stderr
	must(t, c.Start())
	said := func(what string) {
		t.Helper()
		testkit.Eventually(t, patience, func() error {
			text, err := os.ReadFile(stderr.Name())
			if err == nil && !strings.Contains(string(text), what) {
				err = fmt.Errorf("stderr:\n%s", text)
			}
			return err
		})
	}
	testkit.Eventually(t, patience, func() error {
		if len(recordedTicks(t, dir)) < 3 {
			return errors.New("no ticks yet")
		}
		return nil
	})
	before := recordedTicks(t, dir)
	filler := filepath.Join(dir, "filler")
	for free := true; free; {
		free = os.WriteFile(filler, make([]byte, 33<<20), 0o600) == nil
	}
	said("no space left on device; trying again with every tick")
	must(t, os.Remove(filler))
	said("recording again; ")
	must(t, c.Process.Signal(os.Interrupt), c.Wait())
	said("could not be written")
	after := recordedTicks(t, dir)
	if len(after) <= len(before) || strings.Join(after[:len(before)], " ") != strings.Join(before, " ") {
		t.Errorf("%d ticks, %d before it was full", len(after), len(before))
	}
	r, err := recording.Open(dir)
	must(t, err)
	cur := r.Cursor()
	defer cur.Close()
	for err == nil {
		_, err = cur.Next()
	}
	if gaps := r.Gaps(); len(gaps) == 0 || gaps[0].Ticks == 0 || gaps[0].What != recording.GapMissing {
		t.Errorf("gaps %v", gaps)
	}
}
