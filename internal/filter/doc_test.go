package filter_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"tcptop/internal/filter"
)

// TestDoc runs the examples of docs/filter.md: every filter tells some of the rows
// from others, every error is what the page shows.
func TestDoc(t *testing.T) {
	page, err := os.ReadFile("../../docs/filter.md")
	if err != nil {
		t.Fatal(err)
	}
	filters, failures := 0, 0
	for _, block := range blocks(string(page), "filter") {
		for src := range strings.SplitSeq(block, "\n") {
			filters++
			f := parse(t, src)
			if got := matching(f); got == "" || got == everyRow {
				t.Errorf("%s matches %q", src, got)
			}
			if again := parse(t, f.String()); again.String() != f.String() {
				t.Errorf("%s: %s reads as %s", src, f, again)
			}
		}
	}
	for _, block := range blocks(string(page), "error") {
		failures++
		src, _, _ := strings.Cut(block, "\n")
		_, err := filter.Parse(src, columns())
		var fe *filter.Error
		if !errors.As(err, &fe) {
			t.Errorf("%s: %v, want an Error", src, err)
			continue
		}
		if got := strings.Join([]string{fe.Pointer(), fe.Error(), fe.Hint}, "\n"); got != block {
			t.Errorf("got\n%s\nwant\n%s", got, block)
		}
	}
	if filters < 20 || failures < 2 {
		t.Errorf("found %d filters and %d errors in the page", filters, failures)
	}
}

// blocks returns the fenced blocks of that kind.
func blocks(page, kind string) []string {
	var all []string
	for _, part := range strings.Split(page, "\n```"+kind+"\n")[1:] {
		block, _, _ := strings.Cut(part, "\n```")
		all = append(all, block)
	}
	return all
}
