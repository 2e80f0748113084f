package docs

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	testName = regexp.MustCompile(`\b(Test|Fuzz|Benchmark)[A-Z]\w*`)
	declared = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
)

// TestClaims has a test behind every claim of the README: a file that is there and has
// tests, and each one that is named, in that file or, with an ellipsis, beginning so.
func TestClaims(t *testing.T) {
	_, table, found := strings.Cut(read(t, "README.md"), "## How we know\n")
	table, _, _ = strings.Cut(table, "\n## ")
	rows := 0
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(line, "|\n"), " | ")
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|---") || len(cells) != 2 || cells[0] == " claim" {
			continue
		}
		rows++
		tests := map[string]bool{}
		for _, m := range link.FindAllStringSubmatch(cells[1], -1) {
			names := testsOf(t, m[1])
			if len(names) == 0 && !strings.HasPrefix(m[1], ".ci/") {
				t.Errorf("%s: no test in %s", cells[0], m[1])
			}
			for _, n := range names {
				tests[n] = true
			}
		}
		for _, name := range testName.FindAllString(cells[1], -1) {
			if !tests[name] {
				t.Errorf("%s: no %s in what is linked", cells[0], name)
			}
		}
		if len(tests) == 0 && !strings.Contains(cells[1], "(.ci/") {
			t.Errorf("%s: nothing proves it", cells[0])
		}
	}
	if !found || rows < 30 {
		t.Errorf("%d claims", rows)
	}
}

// testsOf are the tests in a file: those of Go, or a script, which is one.
func testsOf(t *testing.T, path string) (names []string) {
	if strings.HasSuffix(path, ".txtar") {
		return []string{path}
	}
	if !strings.HasSuffix(path, "_test.go") {
		return nil
	}
	for _, m := range declared.FindAllStringSubmatch(read(t, path), -1) {
		names = append(names, m[1])
	}
	return names
}

// TestNamedTests knows every test that a document names.
func TestNamedTests(t *testing.T) {
	known := map[string]bool{}
	for _, dir := range []string{"internal/*", "internal/tui/*", "test/*", "test/fleet/*"} {
		files, err := filepath.Glob(filepath.Join(root, dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			rel, _ := filepath.Rel(root, f)
			for _, n := range testsOf(t, rel) {
				known[n] = true
			}
		}
	}
	for _, doc := range documents(t) {
		for _, at := range testName.FindAllStringIndex(read(t, doc), -1) {
			text := read(t, doc)
			name := text[at[0]:at[1]]
			if !known[name] && !strings.HasPrefix(text[at[1]:], "…") {
				t.Errorf("%s names %s, which is no test", doc, name)
			}
		}
	}
}

// TestMessages finds what troubleshooting.md quotes in the program's source.
func TestMessages(t *testing.T) {
	var source strings.Builder
	for _, dir := range []string{"internal/*/*.go", "internal/tui/*/*.go"} {
		files, err := filepath.Glob(filepath.Join(root, dir))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			rel, _ := filepath.Rel(root, f)
			source.WriteString(read(t, rel))
		}
	}
	quotes := 0
	for _, q := range code.FindAllString(read(t, "docs/troubleshooting.md"), -1) {
		q = strings.Trim(q, "`")
		if !strings.Contains(q, " ") || strings.HasPrefix(q, "-") || strings.HasPrefix(q, "tcptop ") || strings.HasPrefix(q, "sudo ") {
			continue
		}
		quotes++
		for words := range strings.SplitSeq(q, " and its ") { // "the file exists and " is put before
			if !strings.Contains(source.String(), words) {
				t.Errorf("nothing says %q", words)
			}
		}
	}
	if quotes < 10 {
		t.Errorf("%d quotations", quotes)
	}
}
