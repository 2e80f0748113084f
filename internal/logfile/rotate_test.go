package logfile

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestRotateBySize(t *testing.T) {
	for _, ext := range extensions() {
		dir := t.TempDir()
		cfg := config(t, filepath.Join(dir, "x.csv"+ext))
		cfg.MaxSize, cfg.Keep = 1, 2 // each tick
		l, h := mustOpen(t, cfg), newHost()
		h.put(t, l, 5)
		if got := names(t, dir); !slices.Equal(got, []string{"x.csv.1" + ext, "x.csv.2" + ext, "x.csv" + ext}) && ext != "" {
			t.Errorf("%q", got)
		}
		for n, path := range []string{"x.csv", "x.csv.1", "x.csv.2"} {
			want(t, filepath.Join(dir, path+ext), header+both(4-n, 4-n))
		}
		if n := len(names(t, dir)); n != 3 || l.Status() != (Status{}) {
			t.Errorf("%d files, %+v", n, l.Status())
		}
	}
}

func TestRotateByAge(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.csv")
	cfg := config(t, path)
	cfg.MaxAge = 3 * time.Second
	l, h := mustOpen(t, cfg), newHost()
	h.put(t, l, 4)
	want(t, path+".1", header+both(0, 2))
	want(t, path, header+both(3, 3))
	// A file that was there is as old as the file system says: now, in the test.
	l.Close(context.Background(), time.Second)
	h.n = int(time.Since(began)/time.Second) + 3600
	l = mustOpen(t, cfg)
	h.put(t, l, 1)
	want(t, path+".1", header+both(3, 3))
	want(t, path, header+both(h.n-1, h.n-1))
}

// A number that is free is taken, so that nothing goes before it has to.
func TestRotateFillsGaps(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.csv")
	write(t, path+".1", []byte("one"))
	write(t, path+".3", []byte("three"))
	cfg := config(t, path)
	cfg.MaxSize, cfg.Keep = 1, 3
	l, h := mustOpen(t, cfg), newHost()
	h.put(t, l, 2)
	for name, content := range map[string]string{path + ".1": header + both(0, 0), path + ".2": "one", path + ".3": "three"} {
		want(t, name, content)
	}
}

// An empty file stays.
func TestRotateNothing(t *testing.T) {
	dir := t.TempDir()
	cfg := config(t, filepath.Join(dir, "x.jsonl"))
	cfg.MaxAge = time.Second
	cfg.Changes = true
	l, h := mustOpen(t, cfg), newHost()
	l.whole = false
	h.rows.Apply(nothing())
	for range 3 {
		l.Put(h.rows.Snapshot())
		l.settle(t)
	}
	if got := names(t, dir); len(got) != 1 {
		t.Errorf("%q", got)
	}
}

// What cannot be moved away goes on growing, and is moved once it can be.
func TestRotateFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.csv")
	cfg := config(t, path)
	cfg.MaxSize, cfg.Keep = 1, 1
	l, h := mustOpen(t, cfg), newHost()
	if err := os.MkdirAll(filepath.Join(path+".1", "x"), 0o700); err != nil { // rename refuses
		t.Fatal(err)
	}
	h.put(t, l, 3)
	want(t, path, header+both(0, 2))
	if s := l.Status(); s.Err == nil || s.Missing != 0 {
		t.Errorf("%+v", s)
	}
	if err := os.RemoveAll(path + ".1"); err != nil {
		t.Fatal(err)
	}
	h.put(t, l, 1)
	want(t, path+".1", header+both(0, 2))
	want(t, path, header+both(3, 3))
	if s := l.Status(); s != (Status{}) {
		t.Errorf("%+v", s)
	}
	if said := l.News(); !slices.Equal(said, []string{"cannot be rotated: file exists; it grows beyond its bound", "written as it should be again"}) {
		t.Errorf("%q", said)
	}
}
