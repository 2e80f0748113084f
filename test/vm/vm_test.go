package main

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tcptop/internal/testkit"
	"tcptop/test/vm/wire"
)

func TestNaturally(t *testing.T) {
	names := []string{"6.1.0-9-cloud", "6.1.0-10-cloud", "6.1.0", "6.12.1", "6.1.0-10-cloud-amd64"}
	slices.SortFunc(names, naturally)
	if want := []string{"6.1.0", "6.1.0-9-cloud", "6.1.0-10-cloud", "6.1.0-10-cloud-amd64", "6.12.1"}; !slices.Equal(names, want) {
		t.Errorf("sorted: %q", names)
	}
}

// TestTable holds the table to what it must be to mean anything.
func TestTable(t *testing.T) {
	all := names()
	held := limits()
	for _, p := range places() {
		for _, l := range p.limits {
			l.on = p.on
			held = append(held, l)
		}
		for _, k := range p.on {
			if !slices.Contains(all, k) {
				t.Errorf("%q: there is no kernel %q", p.name, k)
			}
		}
	}
	for _, l := range held {
		for _, k := range l.on {
			if !slices.Contains(all, k) {
				t.Errorf("%q: there is no kernel %q", l.what, k)
			}
		}
		if len(l.on) == 0 || len(l.refuses)+len(l.denies) == 0 && l.says+l.fails+l.skips+l.lacks+l.not == "" {
			t.Errorf("%q shows nowhere", l.what)
		}
		for _, pattern := range []string{l.says, l.fails, l.skips, l.lacks, l.only, l.not} {
			matches(pattern, "") // panics if it is no regular expression
		}
	}
}

func TestSelection(t *testing.T) {
	tests := []string{"TestA", "TestAB", "TestB", "TestHead"}
	for _, c := range []struct{ run, only, want string }{
		{"", "", "^(TestA|TestAB|TestB)$"},
		{"A$", "", "^(TestA)$"},
		{"A", "TestAB|TestB", "^(TestAB)$"},
		{"TestB/x/y", "", "^(TestB)$/x/y"},
		{"TestC", "", "^()$"},
	} {
		if got := selection(tests, c.run, c.only, elsewhere); got != c.want {
			t.Errorf("-run %q, only %q: %s, not %s", c.run, c.only, got, c.want)
		}
	}
}

// TestFetchFails: a kernel that can't be fetched is an error with its name, and not one
// kernel less.
func TestFetchFails(t *testing.T) {
	testkit.Tools(t, "apt-get", "apt-cache")
	dir := t.TempDir()
	if _, err := openApt(t.Context(), filepath.Join(dir, "gone"), "deb file:"+filepath.Join(dir, "mirror")+" bookworm main\n"); err == nil {
		t.Error("a mirror that is not there is no error")
	}
	empty, err := openApt(t.Context(), filepath.Join(dir, "empty"), "")
	if err != nil {
		t.Fatal(err)
	}
	k := kernel{name: "6.1", series: "6.1", arch: "amd64", dir: filepath.Join(dir, "6.1")}
	if err := k.fetch(t.Context(), empty); err == nil || !strings.Contains(err.Error(), "linux-image-6.1.") {
		t.Errorf("a kernel that no mirror has: %v", err)
	}
}

// printed is what a test binary prints under -test.v=test2json.
const printed = "\x16=== RUN   TestA\n\x16--- PASS: TestA (0.01s)\n" +
	"\x16=== RUN   TestB\n\x16=== RUN   TestB/x\nno end of line\x16--- FAIL: TestB/x (0.00s)\n\x16--- FAIL: TestB (0.00s)\n" +
	"\x16=== RUN   TestC\n    c_test.go:1: needs a moon\n\x16--- SKIP: TestC (0.00s)\n" +
	"\x16=== RUN   TestD\n"

func TestResults(t *testing.T) {
	all, err := tests(context.Background(), strings.NewReader(printed))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range all {
		got = append(got, x.name+" "+x.action)
	}
	if want := []string{"TestA pass", "TestB fail", "TestB/x fail", "TestC skip", "TestD run"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if b := all[1]; !b.parent || !b.broken {
		t.Errorf("TestB: %+v", b)
	}
}

func TestJudgeDoctor(t *testing.T) {
	for _, c := range []struct {
		name, tier string
		status     int
		limits     []limit
		right      bool
	}{
		{"all works", "full", 0, nil, true},
		{"it says less", "bpf", 69, nil, false},
		{"a status that does not fit", "full", 69, nil, false},
		{"something is missing", "bpf", 69, []limit{{what: "x"}}, true},
		{"a full tier where something is missing", "full", 0, []limit{{what: "x"}}, false},
		{"sock_diag", "diag", 69, []limit{{what: "x", refuses: []string{"bpf"}}}, true},
		{"denied", "diag", 77, []limit{{what: "x", denies: []string{"bpf"}}}, true},
		{"denied on a kernel that lacks something", "diag", 77, []limit{{what: "x"}, {denies: []string{"bpf"}}}, true},
		{"nothing at all", "none", 77, []limit{{denies: []string{"bpf", "auto"}}, {refuses: []string{"diag"}}}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := &verdict{limits: c.limits}
			v.doctor(ended(`{"tier":"`+c.tier+`"}`, c.status))
			if c.right != (len(v.wrong) == 0) {
				t.Errorf("complaints: %q", v.wrong)
			}
		})
	}
}

// ended is a job that printed something and ended with a status.
func ended(printed string, status int) *job {
	j := &job{exit: &status}
	j.out.WriteString(printed)
	return j
}

func TestJudgeTests(t *testing.T) {
	table := []limit{{on: []string{"6.1"}, fails: "TestF.*", skips: "TestS"}}
	for _, c := range []struct {
		name, printed string
		exit          int
		whole         bool
		wrong         string // what a complaint has; empty: none
	}{
		{"as the table says", pass("TestA") + end("FAIL", "TestF1") + end("SKIP", "TestS"), 1, true, ""},
		{"a part of what can't pass fails", "\x16=== RUN   TestF1\n" + pass("TestF1/a") + end("FAIL", "TestF1/b") + "\x16--- FAIL: TestF1 (0.00s)\n", 1, false, ""},
		{"a part fails", "\x16=== RUN   TestA\n" + pass("TestA/F") + end("FAIL", "TestA/b") + "\x16--- FAIL: TestA (0.00s)\n", 1, false, "TestA/b: fails"},
		{"a test fails", end("FAIL", "TestA"), 1, false, "TestA: fails"},
		{"a test is skipped", end("SKIP", "TestA"), 0, false, "TestA: is skipped"},
		{"a test passes that can't", pass("TestF1"), 0, false, "TestF1: passes, but"},
		{"a test that should be skipped fails", end("FAIL", "TestS"), 1, false, "TestS: fails"},
		{"a test does not end", pass("TestA") + "\x16=== RUN   TestB\n", 2, false, "TestB: did not end"},
		{"a leak after all passed", pass("TestA"), 1, false, "0 tests failed, but the binary exits 1"},
		{"a failure and status 0", end("FAIL", "TestF1"), 0, false, "1 tests failed, but the binary exits 0"},
		{"nothing", "", 0, false, "no test ran"},
		{"the table is old", pass("TestA"), 0, true, "out of date"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := &verdict{kernel: kernel{name: "6.1"}, limits: table}
			v.tests(context.Background(), ended(c.printed+"\x16PASS\n", c.exit), c.whole)
			got := strings.Join(v.wrong, "\n")
			if (c.wrong == "") != (got == "") || !strings.Contains(got, c.wrong) {
				t.Errorf("complaints: %q", got)
			}
		})
	}
}

// TestSecondTry: what failed only once has passed, and is named.
func TestSecondTry(t *testing.T) {
	v := &verdict{kernel: kernel{name: "6.1"}}
	printed := pass("TestA") + "\x16=== RUN   TestB\n" + pass("TestB/x") + end("FAIL", "TestB/y") + "\x16--- FAIL: TestB (0.00s)\n" + end("SKIP", "TestC")
	v.tests(context.Background(), ended(printed+"\x16FAIL\n", 1), true)
	if got := topLevel(v.failed); !slices.Equal(got, []string{"TestB"}) {
		t.Errorf("to run again: %q", got)
	}
	v.passes()
	if v.passed != 3 || !slices.Equal(v.second, []string{"TestB/y"}) || len(v.failed) != 0 {
		t.Errorf("%d passed, at the second try %q", v.passed, v.second)
	}
	if len(v.wrong) != 1 || !strings.HasPrefix(v.wrong[0], "TestC: is skipped") {
		t.Errorf("still wrong: %q", v.wrong)
	}
}

func pass(name string) string { return end("PASS", name) }

func end(how, name string) string {
	return "\x16=== RUN   " + name + "\n\x16--- " + how + ": " + name + " (0.00s)\n"
}

const live = `{"kind":"write","laddr":"127.0.0.1","lport":1,"raddr":"127.0.0.1","rport":2,"pid":7,"tx_bytes":3,"rx_bytes":4}
{"source":"bpf","laddr":"127.0.0.1","lport":1,"raddr":"127.0.0.1","rport":2,"pid":7,"tx_bytes":3,"rx_bytes":4}
`

func TestCompareLive(t *testing.T) {
	for name, c := range map[string]struct{ printed, wrong string }{
		"same":         {live, ""},
		"no traffic":   {live[strings.Index(live, "\n")+1:], "no traffic"},
		"no row":       {strings.Replace(live, `"bpf","laddr":"127.0.0.1","lport":1`, `"bpf","laddr":"127.0.0.1","lport":9`, 1), "no row"},
		"bytes":        {live[:len(live)-3] + "5}\n", "bytes differ"},
		"null":         {live[:len(live)-3] + "null}\n", "bytes differ"},
		"no owner":     {live[:strings.LastIndex(live, `"pid":7`)] + `"pid":null,"tx_bytes":3,"rx_bytes":4}`, "owner differs"},
		"not JSON":     {live + "panic: \n", "panic"},
		"another host": {strings.Replace(live, `"127.0.0.1","rport":2`, `"127.0.0.9","rport":2`, 1), "no row"},
	} {
		t.Run(name, func(t *testing.T) {
			source, wrong := compareLive(strings.NewReader(c.printed))
			if source != "bpf" || (c.wrong == "") != (len(wrong) == 0) || !strings.Contains(strings.Join(wrong, "\n"), c.wrong) {
				t.Errorf("source %q, wrong %q", source, wrong)
			}
		})
	}
}

func TestWatcher(t *testing.T) {
	panics := 0
	var log bytes.Buffer
	w := &watcher{to: &log, panicked: func() { panics++ }}
	text := "[ 1.0] fine\n[ 2.0] WARNING: CPU: 0 PID: 1 at x\n[ 3.0] Kernel panic - not syncing: y\n"
	for i := range text { // however it is cut
		if _, err := io.WriteString(w, text[i:i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if log.String() != text || w.trouble != "[ 2.0] WARNING: CPU: 0 PID: 1 at x" || panics != 1 {
		t.Errorf("trouble %q, %d panics, log %q", w.trouble, panics, &log)
	}
}

func TestRead(t *testing.T) {
	o := &outcome{jobs: map[string]*job{}, dir: t.TempDir()}
	done, err := read(strings.NewReader(`{"release":"6.1.0"}
{"job":"tests","out":"b2s="}
{"job":"tests","exit":0,"seconds":2}
{"done":true}`), o.take)
	if err != nil || !done || o.release != "6.1.0" {
		t.Errorf("done %v, error %v, %+v", done, err, o)
	}
	if j := o.jobs["tests"]; j == nil || j.out.String() != "ok" || j.exit == nil || *j.exit != 0 || j.seconds != 2 {
		t.Errorf("%+v", j)
	}
	if err := o.close(); err != nil {
		t.Error(err)
	}
	if done, err := read(strings.NewReader(`{"job":"tests"}`), func(wire.Message) {}); done || err != nil {
		t.Errorf("a guest that ends early: done %v, error %v", done, err)
	}
	if _, err := read(strings.NewReader(`{"job":"tests"}{"j`), func(wire.Message) {}); err == nil {
		t.Error("a torn message is no error")
	}
}

func TestReplaceTable(t *testing.T) {
	page := "# Kernels\n" + tableStart + "old\n" + tableEnd + "more\n"
	k, other := kernel{name: "6.1", series: "6.1", arch: "amd64"}, kernel{name: "5.10", series: "5.10", arch: "amd64"}
	locked := placesOf("6.1")[0].name
	got, err := replaceTable([]byte(page), []*verdict{
		{kernel: k, release: "6.1.0-1", passed: 3, second: []string{"TestA"}, wrong: []string{"x"}, seconds: 9.6},
		{kernel: k, release: "6.1.0-1", place: locked, tier: "diag", limits: []limit{{what: "eBPF"}}, seconds: 5},
	})
	if err != nil {
		t.Fatal(err)
	}
	place := "| 6.1 (Debian's 6.1.0-1) | amd64 | " + locked + " | diag | eBPF | 5 |\n"
	want := "# Kernels\n" + tableStart + kernelsHead +
		"| 6.1 (Debian's 6.1.0-1) | amd64 | none | nothing | 3, of them at the second try TestA, **1 not as expected** | 10 |\n" +
		placesHead + place + tableEnd + "more\n"
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	// Another run, of another kernel and of the first one again.
	got, err = replaceTable(got, []*verdict{{kernel: other, release: "5.10.0", tier: "diag", passed: 1}, {kernel: k, release: "6.1.0-1", passed: 4}})
	if err != nil {
		t.Fatal(err)
	}
	want = "# Kernels\n" + tableStart + kernelsHead + "| 5.10 (Debian's 5.10.0) | amd64 | diag | nothing | 1 | 0 |\n" +
		"| 6.1 (Debian's 6.1.0-1) | amd64 | none | nothing | 4 | 0 |\n" + placesHead + place + tableEnd + "more\n"
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if _, err := replaceTable([]byte("# Kernels\n"), nil); err == nil {
		t.Error("a page without a place for the table is no error")
	}
}
