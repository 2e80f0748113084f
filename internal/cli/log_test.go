package cli_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// TestLogIsReadableAfterKill kills the program at random points while it writes and
// starts it again on the same file: what is there can be read to its last whole
// line, and the next run goes on after it.
func TestLogIsReadableAfterKill(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, ext := range []string{"", ".gz", ".zst"} {
		path := filepath.Join(t.TempDir(), "x.csv"+ext)
		before := ""
		for range 5 {
			size := fileSize(path) + int64(1+rng.IntN(20_000))
			p := start(t, "busy", "-b", "--log", path, "--fields", "ts,conn,rx_bytes")
			out := bufio.NewScanner(p.out)
			for fileSize(path) < size && out.Scan() {
			}
			_ = p.Process.Kill()
			_ = p.Wait()
			got := wholeLines(t, path)
			if !strings.HasPrefix(got, before) || len(got) <= len(before) || !strings.HasPrefix(got, "ts,conn,rx_bytes\n2026-11-23T18:00:00.000Z,2,200\n") {
				t.Fatalf("%s: %d bytes that could be read became %d", ext, len(before), len(got))
			}
			checkLog(t, got)
			before = got
		}
	}
}

// What was put before the reader of the output went is written all the same.
func TestLogIsWholeAfterAClosedPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.csv")
	p := start(t, "flood", "--log", path, "--fields", "conn")
	p.readLine(t)
	_ = p.out.Close()
	p.endsWithin(t, 2*time.Second)
	if n := strings.Count(wholeLines(t, path), "\n"); n != 1+20_000 {
		t.Errorf("%d lines, want the header and 20000", n)
	}
	if p.stderr.Len() > 0 {
		t.Errorf("stderr: %q", p.stderr)
	}
}

func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// wholeLines is what a reader gets of path, which may end in the middle of anything.
func wholeLines(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var r io.Reader = bytes.NewReader(b)
	switch filepath.Ext(path) {
	case ".gz":
		if r, err = gzip.NewReader(r); err != nil {
			t.Fatal(err)
		}
	case ".zst":
		z, err := zstd.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		r = z
	}
	if b, err = io.ReadAll(r); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%s: %v", path, err)
	}
	return string(b[:bytes.LastIndexByte(b, '\n')+1])
}

// checkLog fails unless every line is one of a busy host.
func checkLog(t *testing.T, text string) {
	t.Helper()
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		var y, mo, d, h, mi, s, conn, rx int
		n, err := fmt.Sscanf(line, "%d-%d-%dT%d:%d:%d.000Z,%d,%d", &y, &mo, &d, &h, &mi, &s, &conn, &rx)
		if i > 0 && (n != 8 || (time.Date(y, time.Month(mo), d, h, mi, s, 0, time.UTC).Unix()-1795456800)*7+200 != int64(rx)) {
			t.Fatalf("line %d is %q (%v)", i, line, err)
		}
	}
}
