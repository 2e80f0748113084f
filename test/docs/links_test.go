package docs

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"tcptop/internal/testkit"
)

// root is the tree, from here.
const root = "../.."

func updating() bool { return testkit.Updating() }

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// documents are all Markdown files, by path from the root.
func documents(t *testing.T) (all []string) {
	t.Helper()
	for _, dir := range []string{".", "docs", "bpf", "packaging", "test", ".github"} {
		paths, err := filepath.Glob(filepath.Join(root, dir, "*.md"))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range paths {
			rel, _ := filepath.Rel(root, p)
			all = append(all, rel)
		}
	}
	if len(all) < 15 {
		t.Fatalf("documents: %q", all)
	}
	return all
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#{1,6} +(.*)$`)
	fence   = regexp.MustCompile("(?ms)^```.*?^```$")
	code    = regexp.MustCompile("`[^`\n]*`")
)

// TestLinks follows every link to a file of this tree and to a heading in it.
func TestLinks(t *testing.T) {
	links := 0
	for _, doc := range documents(t) {
		text := code.ReplaceAllString(fence.ReplaceAllString(read(t, doc), ""), "")
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			u, err := url.Parse(m[1])
			if err != nil || u.IsAbs() {
				continue
			}
			links++
			target := doc
			if u.Path != "" {
				target = filepath.Join(filepath.Dir(doc), u.Path)
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s: (%s) leads nowhere", doc, m[1])
				continue
			}
			if u.Fragment != "" && !slices.Contains(anchors(read(t, target)), u.Fragment) {
				t.Errorf("%s: (%s): no such heading in %s", doc, m[1], target)
			}
		}
	}
	if links < 100 {
		t.Errorf("%d links", links)
	}
}

// anchors are the headings of a document as GitHub makes them: lower case, spaces to
// hyphens, no punctuation.
func anchors(text string) (all []string) {
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		all = append(all, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, m[1]))
	}
	return all
}
