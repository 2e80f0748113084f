package logfile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"tcptop/internal/testkit"
)

// TestForeignLink follows a link of one's own, and as root none that another user made.
func TestForeignLink(t *testing.T) {
	testkit.Root(t)
	dir := t.TempDir()
	real, link := filepath.Join(dir, "real.csv"), filepath.Join(dir, "log.csv")
	if err := errors.Join(os.WriteFile(real, []byte(header), 0o600), os.Symlink(real, link)); err != nil {
		t.Fatal(err)
	}
	newHost().put(t, mustOpen(t, config(t, link)), 1)
	was, err := os.ReadFile(real)
	if err != nil || string(was) != header+both(0, 0) {
		t.Fatalf("%q, %v", was, err)
	}
	if err := os.Lchown(link, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	cfg := config(t, link)
	cfg.Force = true
	if _, err := Open(cfg); !errors.Is(err, errLink) {
		t.Errorf("another's link: %v", err)
	}
	if is, err := os.ReadFile(real); err != nil || string(is) != string(was) {
		t.Errorf("%q, %v", is, err)
	}
}
