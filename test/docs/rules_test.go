package docs

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// rule is who a package may import (depguard of .golangci.yml).
type rule struct {
	files, allow []string
}

var (
	ruleText = regexp.MustCompile(`(?s)list-mode: strict\s+files: \[(.*?)\]\s+allow: \[(.*?)\]`)
	quoted   = regexp.MustCompile(`[^\s,"]+`)
)

func rules(t *testing.T) (all []rule) {
	t.Helper()
	for _, m := range ruleText.FindAllStringSubmatch(read(t, ".golangci.yml"), -1) {
		all = append(all, rule{quoted.FindAllString(m[1], -1), quoted.FindAllString(m[2], -1)})
	}
	return all
}

// covers reports whether the rule is for a package, given as its directory.
func (r rule) covers(dir string) bool {
	return slices.ContainsFunc(r.files, func(f string) bool {
		name, ok := strings.CutPrefix(f, "**/")
		return ok && (strings.TrimSuffix(name, "/**") == dir || strings.TrimSuffix(name, "/*.go") == dir)
	})
}

// imports are what each package of the program imports besides Go's own, by directory.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	c := exec.Command("go", "list", "-json=ImportPath,Imports", "./cmd/...", "./internal/...")
	c.Dir = root
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		dir := strings.TrimPrefix(p.ImportPath, "tcptop/")
		all[dir] = slices.DeleteFunc(p.Imports, func(i string) bool {
			first, _, _ := strings.Cut(i, "/")
			return !strings.Contains(first, ".") && first != "tcptop"
		})
	}
	return all
}

// TestImportRules gives every package a rule that allows what it imports and nothing
// more; cli, which knows everybody, and what is for tests have none.
func TestImportRules(t *testing.T) {
	used := map[string]bool{} // by rule and what it allows
	all := rules(t)
	for dir, imported := range imports(t) {
		if dir == "internal/cli" || strings.HasPrefix(dir, "internal/testkit") {
			continue
		}
		at := slices.IndexFunc(all, func(r rule) bool { return r.covers(dir) })
		if at < 0 {
			t.Errorf(".golangci.yml: no rule for %s", dir)
			continue
		}
		for _, i := range imported {
			for _, a := range all[at].allow {
				if i == a || strings.HasPrefix(i, a+"/") {
					used[fmt.Sprint(at, a)] = true
				}
			}
		}
	}
	for at, r := range all {
		for _, a := range r.allow {
			if a != "$gostd" && !used[fmt.Sprint(at, a)] {
				t.Errorf(".golangci.yml: %v may import %s and does not", r.files, a)
			}
		}
	}
}

// TestPicture compares the table of who imports whom in architecture.md with what is so.
func TestPicture(t *testing.T) {
	var b strings.Builder
	all := imports(t)
	for _, dir := range slices.Sorted(maps.Keys(all)) {
		if strings.HasPrefix(dir, "internal/testkit") {
			continue
		}
		var ours []string
		for _, i := range all[dir] {
			if name, ok := strings.CutPrefix(i, "tcptop/internal/"); ok {
				ours = append(ours, name)
			}
		}
		fmt.Fprintln(&b, strings.TrimRight(fmt.Sprintf("%-11s %s", strings.TrimPrefix(strings.TrimPrefix(dir, "internal/"), "cmd/"), strings.Join(ours, " ")), " "))
	}
	const begin, end = "```imports\n", "```\n"
	file := path.Join(root, "docs/architecture.md")
	before, rest, found := strings.Cut(read(t, "docs/architecture.md"), begin)
	table, after, closed := strings.Cut(rest, end)
	switch {
	case !found || !closed:
		t.Fatalf("no block %q in architecture.md", strings.TrimSpace(begin))
	case table == b.String():
	case updating():
		if err := os.WriteFile(file, []byte(before+begin+b.String()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("architecture.md has\n%s\nbut it is (go test ./test/docs -update)\n%s", table, b.String())
	}
}
