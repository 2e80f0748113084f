package logfile

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestAppends(t *testing.T) {
	for _, ext := range extensions() {
		path := filepath.Join(t.TempDir(), "x.csv"+ext)
		before := logged(t, path, 2)
		want(t, path, header+both(0, 1))
		if after := logged(t, path, 1); !bytes.HasPrefix(after, before) {
			t.Errorf("%s: what was there is not there any more", ext)
		}
		want(t, path, header+both(0, 1)+both(0, 0))
	}
}

func TestJSONLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.jsonl.gz")
	logged(t, path, 1)
	logged(t, path, 1)
	lines := strings.Split(strings.TrimSuffix(text(t, path), "\n"), "\n")
	if len(lines) != 4 || lines[0] != lines[2] {
		t.Fatalf("%q", lines)
	}
	for _, l := range lines {
		if !json.Valid([]byte(l)) {
			t.Errorf("%q", l)
		}
	}
}

// What is no log of these fields is left alone, unless it may be overwritten.
func TestOtherFiles(t *testing.T) {
	own := string(logged(t, filepath.Join(t.TempDir(), "x.csv.gz"), 1))
	for name, content := range map[string]string{
		"a.csv": "ts,conn,comm\n1,2,3\n", "b.csv": "hello", "c.csv": "{}\n", "d.csv": fieldNames + "x", "e.csv": "\n",
		"f.csv": "x" + strings.Repeat("y", maxLine+5), "g.csv": header + "x\n" + strings.Repeat("y", maxLine+5),
		"a.jsonl": `{"ts":1,"conn":2,"comm":3}` + "\n", "b.jsonl": "hello", "c.jsonl": `{"ts":1,"conn":2,"comm":3,"tx_bytes":4,"x":5}` + "\n",
		"d.jsonl": "[1]\n", "e.jsonl": header, "f.jsonl": `{"ts":1,"conn":2,"comm":{` + "\n",
		"a.csv.gz": "hello", "b.csv.gz": header, "c.csv.gz": own + "hello", "d.csv.gz": "\x1f\x8b\x08\x00123456789012345678901234567890",
		"e.csv.gz": "\x1f\x8b\x07", "a.csv.zst": "hello", "b.csv.zst": own, "c.csv.zst": "ab", "d.jsonl.gz": own,
		"e.csv.zst": "\x28\xb5\x2f\xfd\x00\x00\x07\x00\x00",
	} {
		path := filepath.Join(t.TempDir(), name)
		write(t, path, []byte(content))
		if l, err := Open(config(t, path)); err == nil {
			l.Close(context.Background(), time.Second)
			t.Errorf("%s: taken", name)
		} else if _, ok := errors.AsType[*ExistsError](err); !ok {
			t.Errorf("%s: %v", name, err)
		}
		if string(read(t, path)) != content {
			t.Errorf("%s: changed", name)
		}
		cfg := config(t, path)
		cfg.Force = true
		l := mustOpen(t, cfg)
		newHost().put(t, l, 1)
		l.Close(context.Background(), time.Second)
		if s := l.Status(); s != (Status{}) {
			t.Errorf("%s: %+v", name, s)
		}
		if got := text(t, path); strings.HasSuffix(strings.TrimSuffix(name, filepath.Ext(name)), ".csv") && got != header+both(0, 0) {
			t.Errorf("%s overwritten: %q", name, got)
		}
	}
}

// --force is for files that cannot be appended to; a log is not overwritten by it.
func TestForceAppends(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.csv")
	logged(t, path, 1)
	cfg := config(t, path)
	cfg.Force = true
	l := mustOpen(t, cfg)
	newHost().put(t, l, 1)
	l.Close(context.Background(), time.Second)
	want(t, path, header+both(0, 0)+both(0, 0))
}

func TestNames(t *testing.T) {
	for _, name := range []string{"x", "x.txt", "x.csv.bz2", "x.gz", "csv", "x.CSV"} {
		_, err := Open(config(t, filepath.Join(t.TempDir(), name)))
		if _, ok := errors.AsType[*NameError](err); !ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"no/such/x.csv", "."} {
		if _, err := Open(config(t, filepath.Join(t.TempDir(), name, "x.csv")+"/..")); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, err := Open(config(t, filepath.Join(t.TempDir(), "no", "x.csv"))); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestTwoLogsOnOneFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.csv")
	mustOpen(t, config(t, path))
	if _, err := Open(config(t, path)); !errors.Is(err, errBusy) {
		t.Errorf("%v", err)
	}
}

// Cut at any byte, a file goes on after its last whole line, or its last whole
// block of them.
func TestUnfinishedEnd(t *testing.T) {
	for _, ext := range extensions() {
		path := filepath.Join(t.TempDir(), "x.csv"+ext)
		all := logged(t, path, 3)
		var ends []int // of ticks
		for n := range 3 {
			ends = append(ends, len(logged(t, filepath.Join(t.TempDir(), "x.csv"+ext), n+1)))
		}
		for n := range len(all) {
			write(t, path, all[:n])
			l := mustOpen(t, config(t, path))
			newHost().put(t, l, 1)
			l.Close(context.Background(), time.Second)
			kept := string(all[:bytes.LastIndexByte(all[:n], '\n')+1])
			if ext != "" {
				kept = ""
				if ticks, _ := slices.BinarySearch(ends, n+1); ticks > 0 {
					kept = header + both(0, ticks-1)
				}
			}
			if cut := n > len(kept); ext == "" && cut != (len(l.News()) == 1) {
				t.Fatalf("cut at %d: cut %t", n, cut)
			}
			if kept == "" {
				kept = header
			}
			if got := text(t, path); got != kept+both(0, 0) {
				t.Fatalf("%s cut at %d: %q", ext, n, got)
			}
		}
	}
}

func TestChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.csv")
	cfg := config(t, path)
	cfg.Changes = true
	l, h := mustOpen(t, cfg), newHost()
	h.put(t, l, 2)
	want(t, path, header+both(0, 0)+line(1, 1))
	if err := os.Remove(path); err != nil { // each file begins with all rows
		t.Fatal(err)
	}
	h.put(t, l, 2)
	want(t, path, header+both(2, 2)+line(3, 1))
	l.gap = true // so does what comes after a gap
	h.put(t, l, 2)
	want(t, path, header+both(2, 2)+line(3, 1)+both(4, 4)+line(5, 1))
}

// What begins like a formula is text for a spreadsheet, in a file as in the stream.
func TestFormulas(t *testing.T) {
	for comm, cell := range map[string]string{"=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM": "'@SUM", "\t=1": `'\x09=1`, "\r=1": `'\x0d=1`,
		" =1": "' =1", "＝1": "'＝1", "a=1": "a=1", `=",`: `"'="","`, "\n=1": `\x0a=1`} {
		path := filepath.Join(t.TempDir(), "x.csv")
		l, h := mustOpen(t, config(t, path)), newHost()
		h.comm = comm
		h.put(t, l, 1)
		if got := text(t, path); !strings.Contains(got, ",1,"+cell+",0\n") {
			t.Errorf("%q: %q", comm, got)
		}
	}
}
