package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// verdict is a guest's outcome held against the table.
type verdict struct {
	kernel  kernel
	place   string  // how it booted; empty: as it is
	limits  []limit // of the kernel and the place
	release string
	tier    string   // the backend that tcptop chose by itself; empty: none
	passed  int      // tests
	limited []string // tests that failed or were skipped as the table says
	failed  []string // tests that fail and should not, leaves
	second  []string // those of them that passed when they were run again
	wrong   []string // what differs from the table
	seconds float64  // from the start of qemu to its end
}

// judge compares what tcptop itself did and said.
func judge(k kernel, p place, o *outcome) *verdict {
	v := &verdict{kernel: k, place: p.name, limits: slices.Concat(limitsOf(k.name), p.limits), release: o.release}
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
	v.doctor(o.jobs["doctor"])
	return v
}

func backends() []string { return []string{"auto", "bpf", "diag"} }

// late is what tcptop says on a machine that is too slow for its ticks, and loses
// nothing by it.
var late = regexp.MustCompile(`^tcptop: lost [a-z ]+: \d+ ticks \(not taken in time\)$`)

// live judges a run of tcptop itself.
func (v *verdict) live(backend string, j *job, said map[string]bool) {
	want, blind := 0, false
	for _, l := range v.limits {
		switch {
		case slices.Contains(l.denies, backend):
			want = 77
		case slices.Contains(l.refuses, backend):
			want = 69
		}
		blind = blind || slices.Contains(l.blind, backend)
	}
	if j == nil || j.exit == nil {
		v.wrong = append(v.wrong, "--backend "+backend+" did not end")
		return
	}
	confessed := false
	for line := range strings.Lines(j.err.String()) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "hint: ") || late.MatchString(line) {
			continue
		}
		said[line] = true
		mine := backend == "diag" && strings.HasPrefix(line, "tcptop: sock_diag measures, without ")
		confessed = confessed || mine
		if !mine && !v.known(func(l limit) string { return l.says }, line) {
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
	if backend == "diag" && !confessed {
		v.wrong = append(v.wrong, "--backend diag does not say what it leaves out")
	}
	source, wrong := compareLive(bytes.NewReader(j.out.Bytes()))
	if blind {
		source, wrong = backend, nil
	}
	if backend == "auto" {
		v.tier = source
	} else if source != backend {
		wrong = append(wrong, "the source is "+source)
	}
	for _, w := range wrong {
		v.wrong = append(v.wrong, "--backend "+backend+": "+w)
	}
}

// doctor has to find the tier that the limits leave.
func (v *verdict) doctor(j *job) {
	tier, status := "full", 0
	for _, l := range v.limits {
		denied, refused := slices.Contains(l.denies, "bpf"), slices.Contains(l.refuses, "bpf")
		switch {
		case slices.Contains(l.denies, "auto") || slices.Contains(l.refuses, "auto"):
			tier = "none"
		case tier != "none" && (denied || refused):
			tier = "diag"
		case tier == "full" && l.what != "":
			tier = "bpf"
		}
		if denied {
			status = 77
		}
	}
	if tier != "full" && status == 0 {
		status = 69
	}
	if j == nil || j.exit == nil {
		v.wrong = append(v.wrong, "the doctor did not end")
		return
	}
	var report struct{ Tier string }
	if err := json.Unmarshal(j.out.Bytes(), &report); err != nil || report.Tier != tier || *j.exit != status {
		v.wrong = append(v.wrong, fmt.Sprintf("the doctor finds tier %q with status %d, not %q with %d (%v)", report.Tier, *j.exit, tier, status, err))
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
		if t.action == "fail" {
			v.failed = append(v.failed, t.name)
		}
	}
}

// passes takes back that tests failed: they did not when they were run again.
func (v *verdict) passes() {
	v.wrong = slices.DeleteFunc(v.wrong, func(w string) bool {
		return slices.ContainsFunc(v.failed, func(name string) bool { return strings.HasPrefix(w, name+": fails") })
	})
	v.passed += len(v.failed)
	v.second, v.failed = v.failed, nil
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
