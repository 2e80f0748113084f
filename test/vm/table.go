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
	old, after, closed := bytes.Cut(rest, []byte(tableEnd))
	if !ok || !closed {
		return nil, fmt.Errorf("no lines %q and %q", tableStart, tableEnd)
	}
	rows := oldRows(string(old))
	for _, v := range verdicts {
		rows[rowOf{v.kernel.series, v.kernel.arch, v.place}] = v.row()
	}
	return slices.Concat(before, []byte(tableStart+table(rows)+tableEnd), after), nil
}

// rowOf is whose a row of the table is: a kernel's, and in a place or as it is.
type rowOf struct{ series, arch, place string }

const (
	kernelsHead = "| kernel | architecture | tier | what is missing | tests passed | seconds |\n|---|---|---|---|---|---|\n"
	placesHead  = "\nBooted with options, or without a part:\n\n| kernel | architecture | where | tier | what is missing | seconds |\n|---|---|---|---|---|---|\n"
)

// oldRows are those of a table that was written before: a run of some kernels leaves the
// others' alone.
func oldRows(text string) map[rowOf]string {
	rows := map[rowOf]string{}
	kernels, places, _ := strings.Cut(text, placesHead)
	for i, part := range []string{kernels, places} {
		for line := range strings.Lines(strings.TrimPrefix(part, kernelsHead)) {
			f := strings.Split(line, " | ")
			if len(f) < 4 {
				continue
			}
			series, _, _ := strings.Cut(strings.TrimPrefix(f[0], "| "), " ")
			of := rowOf{series: series, arch: f[1]}
			if i == 1 {
				of.place = f[2]
			}
			rows[of] = line
		}
	}
	return rows
}

// table is Markdown: kernels as they are, then those that boot differently. What is no
// longer in the matrix is left out.
func table(rows map[rowOf]string) string {
	var all, booted strings.Builder
	for _, k := range kernels() {
		all.WriteString(rows[rowOf{k.series, k.arch, ""}])
		for _, p := range placesOf(k.name) {
			booted.WriteString(rows[rowOf{k.series, k.arch, p.name}])
		}
	}
	text := kernelsHead + all.String()
	if booted.Len() > 0 {
		text += placesHead + booted.String()
	}
	return text
}

// row is a line of the table. Seconds are from power-on to power-off under emulation.
func (v *verdict) row() string {
	head := fmt.Sprintf("| %s (Debian's %s) | %s |", v.kernel.series, v.release, v.kernel.arch)
	tail := fmt.Sprintf(" %s | %s |", cmp.Or(v.tier, "none"), v.missing())
	wrong := ""
	if n := len(v.wrong); n > 0 {
		wrong = fmt.Sprintf(", **%d not as expected**", n)
	}
	if v.place != "" {
		return fmt.Sprintf("%s %s |%s %.0f%s |\n", head, v.place, tail, v.seconds, wrong)
	}
	tests := fmt.Sprint(v.passed)
	if len(v.second) > 0 {
		tests += ", of them at the second try " + strings.Join(v.second, ", ")
	}
	return fmt.Sprintf("%s%s %s%s | %.0f |\n", head, tail, tests, wrong, v.seconds)
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
