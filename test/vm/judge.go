package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
)

// verdict is a guest's outcome held against the table.
type verdict struct {
	kernel  kernel
	limits  []limit // of the kernel
	release string
	tier    string   // the backend that tcptop chose by itself; empty: none
	passed  int      // tests
	limited []string // tests that failed or were skipped as the table says
	wrong   []string // what differs from the table
	seconds float64  // from the start of qemu to its end
}

// judge compares; whole says that all tests were to run.
func judge(ctx context.Context, k kernel, o *outcome, whole bool) *verdict {
	v := &verdict{kernel: k, limits: limitsOf(k.name), release: o.release}
	if o.release != k.release() {
		v.wrong = append(v.wrong, fmt.Sprintf("%s booted, not %s", o.release, k.release()))
	}
	said := map[string]bool{}
	for _, backend := range backends() {
		v.live(backend, o.jobs["live "+backend], said)
	}
	for _, l := range v.limits {
		if l.says != "" && !anyMatch(l.says, said) {
			v.wrong = append(v.wrong, "tcptop does not say "+l.says)
		}
	}
	v.tests(ctx, o.jobs["tests"], whole)
	return v
}

func backends() []string { return []string{"auto", "bpf", "diag"} }

// live judges a run of tcptop itself.
func (v *verdict) live(backend string, j *job, said map[string]bool) {
	want := 0
	for _, l := range v.limits {
		for _, r := range l.refuses {
			if r == backend {
				want = 69
			}
		}
	}
	if j == nil || j.exit == nil {
		v.wrong = append(v.wrong, "--backend "+backend+" did not end")
		return
	}
	for line := range strings.Lines(j.err.String()) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "hint: ") {
			continue
		}
		said[line] = true
		if !v.known(func(l limit) string { return l.says }, line) {
			v.wrong = append(v.wrong, fmt.Sprintf("--backend %s says %q", backend, line))
		}
	}
	if *j.exit != want {
		v.wrong = append(v.wrong, fmt.Sprintf("--backend %s exits %d, not %d", backend, *j.exit, want))
		return
	}
	if want != 0 {
		return
	}
	source, wrong := compareLive(bytes.NewReader(j.out.Bytes()))
	if backend == "auto" {
		v.tier = source
	} else if source != backend {
		wrong = append(wrong, "the source is "+source)
	}
	for _, w := range wrong {
		v.wrong = append(v.wrong, "--backend "+backend+": "+w)
	}
}

// tests judges each test that the table names, and of the others each that has no
// subtests or failed by itself.
func (v *verdict) tests(ctx context.Context, j *job, whole bool) {
	if j == nil || j.exit == nil {
		v.wrong = append(v.wrong, "the tests did not end")
		return
	}
	all, err := tests(ctx, bytes.NewReader(j.out.Bytes()))
	if err != nil {
		v.wrong = append(v.wrong, err.Error())
		return
	}
	seen, failed := map[string]map[string]bool{"fail": {}, "skip": {}}, 0
	for _, t := range all {
		if t.action == "fail" {
			failed++
		}
		if v.within(t) || t.parent && (t.broken || t.action == "pass") && !v.named(t.name) {
			continue
		}
		v.test(t)
		if set := seen[t.action]; set != nil {
			set[t.name] = true
		}
	}
	if len(all) == 0 {
		v.wrong = append(v.wrong, "no test ran")
	}
	if clean := failed == 0; clean != (*j.exit == 0) || *j.exit > 1 {
		v.wrong = append(v.wrong, fmt.Sprintf("%d tests failed, but the binary exits %d: %s", failed, *j.exit, tail(j.err.String(), 40)))
	}
	for _, l := range v.limits {
		if whole && (l.fails != "" && !anyMatch(l.fails, seen["fail"]) || l.skips != "" && !anyMatch(l.skips, seen["skip"])) {
			v.wrong = append(v.wrong, fmt.Sprintf("the table is out of date: no test fails as %q or skips as %q", l.fails, l.skips))
		}
	}
}

func (v *verdict) test(t *test) {
	fails := v.known(func(l limit) string { return l.fails }, t.name)
	skips := v.known(func(l limit) string { return l.skips }, t.name)
	switch {
	case t.action == "pass" && !fails && !skips:
		v.passed++
	case t.action == "fail" && fails, t.action == "skip" && skips:
		v.limited = append(v.limited, t.name)
	default:
		w := fmt.Sprintf("%s: %s", t.name, map[string]string{
			"pass": "passes, but the table says it can't", "fail": "fails", "skip": "is skipped", "run": "did not end",
		}[t.action])
		if t.action != "pass" {
			w += "\n" + tail(t.output.String(), 20)
		}
		v.wrong = append(v.wrong, w)
	}
}

// named reports whether the table says that the test fails or is skipped.
func (v *verdict) named(test string) bool {
	return v.known(func(l limit) string { return l.fails }, test) || v.known(func(l limit) string { return l.skips }, test)
}

// within reports whether the table names a test that this one is a part of.
func (v *verdict) within(t *test) bool {
	for i, c := range t.name {
		if c == '/' && v.named(t.name[:i]) {
			return true
		}
	}
	return false
}

// known reports whether the table has s among a kernel's limits of some kind.
func (v *verdict) known(pattern func(limit) string, s string) bool {
	for _, l := range v.limits {
		if matches(pattern(l), s) {
			return true
		}
	}
	return false
}

func anyMatch(pattern string, set map[string]bool) bool {
	for s := range set {
		if matches(pattern, s) {
			return true
		}
	}
	return false
}

// tail returns the last n lines.
func tail(s string, n int) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
