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

// table is Markdown: kernels as they are, then those that boot differently. Seconds are
// from power-on to power-off under emulation.
func table(verdicts []*verdict) string {
	var kernels, places strings.Builder
	for _, v := range verdicts {
		head := fmt.Sprintf("| %s (Debian's %s) | %s |", v.kernel.series, v.release, v.kernel.arch)
		tail := fmt.Sprintf(" %s | %s |", cmp.Or(v.tier, "none"), v.missing())
		if v.place == "" {
			tests := fmt.Sprint(v.passed)
			if len(v.second) > 0 {
				tests += ", of them at the second try " + strings.Join(v.second, ", ")
			}
			if n := len(v.wrong); n > 0 {
				tests += fmt.Sprintf(", **%d not as expected**", n)
			}
			fmt.Fprintf(&kernels, "%s%s %s | %.0f |\n", head, tail, tests, v.seconds)
		} else {
			fmt.Fprintf(&places, "%s %s |%s %.0f |\n", head, v.place, tail, v.seconds)
		}
	}
	text := "| kernel | architecture | tier | what is missing | tests passed | seconds |\n|---|---|---|---|---|---|\n" + kernels.String()
	if places.Len() > 0 {
		text += "\nBooted with options, or without a part:\n\n" +
			"| kernel | architecture | where | tier | what is missing | seconds |\n|---|---|---|---|---|---|\n" + places.String()
	}
	return text
}

func (v *verdict) missing() string {
	var all []string
	for _, l := range v.limits {
		if l.what != "" {
			all = append(all, l.what)
		}
	}
	return cmp.Or(strings.Join(all, "; "), "nothing")
}
