package logfile

import (
	"bytes"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// FuzzExisting takes files of any content: either they are left alone, or their
// beginning is.
func FuzzExisting(f *testing.F) {
	for i, ext := range extensions() {
		b := logged(f, filepath.Join(f.TempDir(), "x.csv"+ext), 2)
		f.Add(b, byte(i))
		f.Add(b[:len(b)-1], byte(i))
		f.Add(slices.Concat(b, b[:len(b)/2]), byte(i))
	}
	f.Fuzz(func(t *testing.T, content []byte, kind byte) {
		path := filepath.Join(t.TempDir(), "x.csv"+extensions()[kind%3])
		write(t, path, content)
		l, err := Open(config(t, path))
		if err == nil {
			l.Close(t.Context(), time.Second)
		}
		got := read(t, path)
		if !bytes.HasPrefix(content, got) || err != nil && len(got) != len(content) {
			t.Errorf("%q became %q (%v)", content, got, err)
		}
	})
}
