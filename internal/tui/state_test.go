package tui

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"tcptop/internal/column"
	"tcptop/internal/testkit"
)

// TestForeignState obeys no file that a link leads to, that another user wrote, or that
// would keep it waiting.
func TestForeignState(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(file("own"), []byte(`{"bits":true}`), 0o600); err != nil {
		t.Fatal(err)
	}
	bits := func(name string) bool {
		return New(Config{List: column.New(), StatePath: file(name)}).env.units.Bits
	}
	if !bits("own") {
		t.Error("its own file is not read")
	}
	if err := os.Symlink(file("own"), file("link")); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(file("fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"link", "fifo", "."} {
		if bits(name) {
			t.Errorf("%s is obeyed", name)
		}
	}
	testkit.Root(t)
	if err := os.Chown(file("own"), 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if bits("own") {
		t.Error("another user's file is obeyed")
	}
}
