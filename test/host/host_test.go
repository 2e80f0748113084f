package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const printed = `goos: linux
peer nethogs: not installed
BenchmarkPeers/cost/peer=tcptop-2         	       1	10001462305 ns/op	         2.525 %core	        78.05 MiB
BenchmarkPeers/seen/peer=tcptop-2         	       1	         0 %bytes-wrong	       100.0 %short-with-process
BenchmarkPeers/load=churn/with=nothing-again-16 	       1	  9 ns/op	 1.010 cpu-ratio	 1.1 cpu-ratio-max	 0.9 cpu-ratio-min	 1.02 ratio	 1.2 ratio-max	 0.8 ratio-min
BenchmarkFootprint/load=churn/with=nothing-again-2 	       1	  9 ns/op	 1.010 cpu-ratio	 1.1 cpu-ratio-max	 0.97 cpu-ratio-min	 1.02 ratio	 1.2 ratio-max	 0.8 ratio-min
BenchmarkFootprint/load=churn/with=tcptop-2 	       1	  9 ns/op	 0.940 cpu-ratio	 1.1 cpu-ratio-max	 0.9 cpu-ratio-min	 0.96 ratio	 1.2 ratio-max	 0.7 ratio-min
BenchmarkFootprint/load=churn/with=tcptop/prog=all-2 	       1	  4609 ns/op
BenchmarkScale/sockets=1000000/moving=1%-2 	 1	 1 ns/op	 420.5 bytes/conn	 41.2 sweep-ms	 40 sweep-ms-min	 43 sweep-ms-max	 151 tick-ms
PASS
ok  	tcptop/test/bench	10.120s
`

// TestTables makes tables of what benchmarks print: what is missing is a row that says
// why, or an empty cell, never a 0; what misses an aim is named.
func TestTables(t *testing.T) {
	var raw strings.Builder
	all, err := read(strings.NewReader(printed), &raw)
	if err != nil || raw.String() != printed {
		t.Fatalf("%v, kept %q", err, raw.String())
	}
	for _, c := range []struct {
		name, table string
		want        []string
	}{
		{"peers", peersTable(all), []string{"| nethogs | not installed |", "| tcptop | 2.52 % | 78 | 100 % | 0 |  |", "| iftop | not measured |", "| 1.02 (0.80–1.20) | 1.01 (0.90–1.10) |"}},
		{"footprint", footprintTable(all), []string{"| 1.02 (0.80–1.20) | 0.96 (0.70–1.20) |  | 4.61 µs |  |",
			"aim of 0.98, of churn 0.95: churn with tcptop (cpu 0.94).", "nothing against nothing gave: churn with tcptop (cpu 0.94)."}},
		{"scale", scaleTable(all), []string{"| 1,000,000 | 1 % | 41.2 (40–43) |", "(ms) 50: 41.2, met", "(ms) 150: 151, missed", "(bytes per connection) 400: 421, missed"}},
	} {
		for _, want := range c.want {
			if !strings.Contains(c.table, want) {
				t.Errorf("%s lacks %q:\n%s", c.name, want, c.table)
			}
		}
	}
	for _, s := range sections() {
		if text := s.table(nil); strings.Contains(text, "NaN") {
			t.Errorf("%s of nothing: %s", s.name, text)
		}
	}
}

// TestPage has a place in the page for each table, and leaves the rest as it is.
func TestPage(t *testing.T) {
	text, err := os.ReadFile("../../docs/overhead.md")
	if err != nil {
		t.Fatal(err)
	}
	page := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(page, text, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, s := range sections() {
		if err := replace(page, s.name, "table of "+s.name); err != nil {
			t.Error(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(got), "<!-- end -->\n"); n != len(sections()) {
		t.Errorf("%d ends for %d tables", n, len(sections()))
	}
	for _, s := range sections() {
		if want := "<!-- bench-host " + s.name + " -->\ntable of " + s.name + "\n<!-- end -->\n"; strings.Count(string(got), want) != 1 {
			t.Errorf("%q is not there once", want)
		}
	}
	for i, prose := range strings.Split(string(text), "<!-- end -->\n") {
		before, _, _ := strings.Cut(prose, "<!-- bench-host ")
		if !strings.Contains(string(got), before) {
			t.Errorf("what comes after table %d has changed", i)
		}
	}
}
