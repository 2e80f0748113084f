package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// TestInitramfs reads an archive back, header by header.
func TestInitramfs(t *testing.T) {
	host := t.TempDir()
	for name, text := range map[string]string{"bin/prog": "elf", "bin/odd": "12345"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(host, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(host, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("prog", filepath.Join(host, "bin", "link")); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	a := newInitramfs(&out)
	a.tree("", host)
	a.file("/vm/jobs.json", 0o644, []byte("[]"))
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	got := entries(t, out.Bytes())
	for name, want := range map[string]string{
		"dev": "040755 ", "dev/console": "020600 ", "bin": "040755 ", "bin/prog": "100755 elf", "bin/odd": "100755 12345",
		"bin/link": "120777 prog", "vm": "040755 ", "vm/jobs.json": "100644 []", "TRAILER!!!": "000000 ",
	} {
		if got[name] != want {
			t.Errorf("%s: %q, not %q", name, got[name], want)
		}
	}
	if len(got) != 9 {
		t.Errorf("entries: %q", got)
	}
	a = newInitramfs(&out)
	a.host("init", filepath.Join(host, "none"))
	if err := a.close(); err == nil {
		t.Error("a file that is not there is no error")
	}
}

// entries returns the mode, in octal, and the content of each entry, by name.
func entries(t *testing.T, archive []byte) map[string]string {
	t.Helper()
	all := map[string]string{}
	for at := 0; at < len(archive); {
		field := func(i int) int {
			n, err := strconv.ParseUint(string(archive[at+6+8*i:at+14+8*i]), 16, 32)
			if err != nil {
				t.Fatalf("header at %d: %v", at, err)
			}
			return int(n)
		}
		if string(archive[at:at+6]) != "070701" {
			t.Fatalf("no header at %d", at)
		}
		mode, size, nameSize := field(1), field(6), field(11)
		name := string(archive[at+110 : at+110+nameSize-1])
		at = (at + 110 + nameSize + 3) &^ 3
		all[name] = fmt.Sprintf("%06o %s", mode, archive[at:at+size])
		at = (at + size + 3) &^ 3
	}
	return all
}
