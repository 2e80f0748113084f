package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The table is between these lines of docs/kernel-support.md; the rest is people's.
const (
	tableStart = "<!-- written by go run ./test/vm -write -->\n"
	tableEnd   = "<!-- end -->\n"
)

// writeTable replaces the table, or makes the page.
func writeTable(root string, verdicts []*verdict) error {
	path := filepath.Join(root, "docs", "kernel-support.md")
	page, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		page, err = []byte("# Kernels\n\n"+tableStart+tableEnd), nil
	}
	if err != nil {
		return err
	}
	page, err = replaceTable(page, verdicts)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, page, 0o644)
}

func replaceTable(page []byte, verdicts []*verdict) ([]byte, error) {
	before, rest, ok := bytes.Cut(page, []byte(tableStart))
	_, after, closed := bytes.Cut(rest, []byte(tableEnd))
	if !ok || !closed {
		return nil, fmt.Errorf("no lines %q and %q", tableStart, tableEnd)
	}
	return slices.Concat(before, []byte(tableStart+table(verdicts)+tableEnd), after), nil
}

// table is Markdown. Seconds are from power-on to power-off under emulation.
func table(verdicts []*verdict) string {
	var b strings.Builder
	b.WriteString("| kernel | architecture | tier | what is missing | tests passed | seconds |\n|---|---|---|---|---|---|\n")
	for _, v := range verdicts {
		var missing []string
		for _, l := range v.limits {
			if l.what != "" {
				missing = append(missing, l.what)
			}
		}
		fmt.Fprintf(&b, "| %s (Debian's %s) | %s | %s | %s | %d | %.0f |\n", v.kernel.series, v.release, v.kernel.arch,
			cmp.Or(v.tier, "none"), cmp.Or(strings.Join(missing, "; "), "nothing"), v.passed, v.seconds)
	}
	return b.String()
}
