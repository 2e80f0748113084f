package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tcptop/internal/fleet"
	"tcptop/internal/testkit"
)

const (
	manyHosts = 1000
	perHost   = 52  // processes of each, two more than have a place
	top       = 200 // groups that are looked for
	margin    = 50  // ranks that a scrape which is late may move one: the last moves a fifth of the first
)

// ranked is a process of a host.
type ranked struct {
	host, process int
	total         uint64 // bytes that it moves in a tick
}

// fleetOf are hosts of which few move most, of whose processes few do; the truth is all of
// them, what moves most first. Of the first ones each moves less than the one before by a part.
func fleetOf(hosts int) (all []*simulated, truth []ranked) {
	random := rand.New(rand.NewPCG(1, 0))
	for h := range hosts {
		of := math.Exp(2*random.NormFloat64()) * 1e6
		for p := range perHost {
			truth = append(truth, ranked{h, p, uint64(100 + of/math.Pow(float64(p+1), 1.2))})
		}
	}
	slices.SortFunc(truth, func(a, b ranked) int { return int(b.total) - int(a.total) })
	for i := range truth[1:] {
		most := truth[i].total
		if i < top+margin {
			most -= most / 32
		}
		truth[i+1].total = min(truth[i+1].total, most)
	}
	moves := make([][]move, hosts)
	for _, r := range truth {
		moves[r.host] = append(moves[r.host], move{fmt.Sprintf("p%02d", r.process), r.total - r.total/4, r.total / 4})
	}
	for h := range moves {
		all = append(all, newSimulated(fmt.Sprintf("host-%04d", h), moves[h]))
	}
	return all, truth
}

// TestThousandAgents has one Prometheus ask a thousand hosts. The groups that move most are
// found exactly, among 50,000, with few questions, and each host has moved what it has to
// the byte; with and without the recording rules. What it takes is printed.
func TestThousandAgents(t *testing.T) {
	if testing.Short() {
		t.Skip("scrapes of a thousand agents take two minutes (make test-fleet)")
	}
	hosts, truth := fleetOf(manyHosts)
	rules := filepath.Join(t.TempDir(), "tcptop.rules.yml")
	e := newPromQL(t, "prometheus", "apt-get install prometheus", func(addr, dir string) []string {
		path := filepath.Join(dir, "scrape.yml")
		config := fmt.Sprintf("global: {scrape_interval: %v}\nrule_files: [%s]\nscrape_configs:\n- job_name: tcptop\n  static_configs:\n%s", stride, rules, hostsAt(t, hosts))
		if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		return []string{"--config.file=" + path, "--storage.tsdb.path=" + filepath.Join(dir, "data"), "--web.listen-address=" + addr}
	})
	e.start()
	testkit.Eventually(t, 5*time.Minute, func() error { // a minute, of which rates are, and one before
		for _, h := range hosts {
			if n := h.asked(); n < 6 {
				return fmt.Errorf("%s was asked %d times", h.name, n)
			}
		}
		return nil
	})
	e.thousand(hosts, truth, false)
	text, err := os.ReadFile("../../packaging/prometheus/tcptop.rules.yml")
	if err == nil {
		err = errors.Join(os.WriteFile(rules, text, 0o600), e.cmd.Process.Signal(syscall.SIGHUP))
	}
	if err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, 2*time.Minute, func() error {
		n, err := e.by("", "count(instance:tcptop_io_bytes:rate1m)")
		if n[""] != 2*manyHosts {
			err = errors.Join(err, fmt.Errorf("records %v", n))
		}
		return err
	})
	e.thousand(hosts, truth, true)
	samples, err := e.by("instance", "scrape_samples_scraped")
	if err != nil {
		t.Fatal(err)
	}
	for host, n := range samples {
		if n < 51*8 || n > 480 { // each place is taken; what one without a kernel does not tell is missing
			t.Errorf("%s has %v series", host, n)
		}
	}
	t.Logf("Prometheus: %d hosts, %s series, VmHWM %s", len(samples), e.heads(), e.memory())
}

// thousand asks e again and again and holds its answers against the truth.
func (e *promql) thousand(hosts []*simulated, truth []ranked, records bool) {
	e.t.Helper()
	f, err := fleet.New(fleet.Config{URL: &url.URL{Scheme: "http", Host: e.addr}, Top: top, Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}})
	if err != nil {
		e.t.Fatal(err)
	}
	var took []time.Duration
	at, asked, roll := e.steady(records), 0, fleet.NewRoll()
	for i := range 20 {
		begun := time.Now()
		a, err := f.Ask(context.Background(), at)
		if err != nil {
			e.t.Fatal(err)
		}
		s := roll.Snapshot(a, at, int64(time.Hour), "")
		took = append(took, time.Since(begun))
		asked = max(asked, a.Asked)
		if n := s.Len(); n != top+manyHosts {
			e.t.Errorf("%d rows", n)
		}
		s.Release()
		if a.Records != records || a.Exact != top || a.Asked > 14 || len(a.Hosts) != manyHosts {
			e.t.Errorf("%d of %d groups are certain, of %d hosts, after %d questions, by rules: %v", a.Exact, len(a.Groups), len(a.Hosts), a.Asked, a.Records)
		}
		var got []string
		for i := range a.Groups {
			got = append(got, a.Groups[i].Host+" "+a.Groups[i].Labels[0])
		}
		among(e.t, got, truth)
		if i > 0 {
			continue
		}
		if want := e.most(a.Time); !slices.Equal(got, want) {
			e.t.Errorf("most moves\n%s\nnot\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		e.whole(hosts, a)
	}
	slices.Sort(took)
	e.t.Logf("rules %v: a frame takes %v, of twenty one more than %v, with %d questions", records, took[len(took)/2], took[len(took)-2], asked)
	e.printed(truth)
}

// steady is a time by which e had been told of all hosts four times in a minute, of which
// no scrape is under way, and by which it had the records if there are any.
func (e *promql) steady(records bool) (at time.Time) {
	e.t.Helper()
	testkit.Eventually(e.t, 5*time.Minute, func() error {
		at = time.Now().Add(-5 * time.Second).Truncate(time.Millisecond)
		n, err := e.at(at, "", "count(count_over_time(tcptop_tick_timestamp_seconds[1m]) >= 4 and tcptop_tick_timestamp_seconds)")
		if n[""] != manyHosts {
			err = errors.Join(err, fmt.Errorf("%v hosts are told of every %v", n, stride))
		}
		if records && err == nil {
			if n, err = e.at(at, "", "count(instance:tcptop_io_bytes:rate1m)"); n[""] != 2*manyHosts {
				err = errors.Join(err, fmt.Errorf("records %v", n))
			}
		}
		return err
	})
	return at
}

// most are the groups that do at a time, by asking e for all of them.
func (e *promql) most(at time.Time) (all []string) {
	e.t.Helper()
	v, err := e.ask("query", url.Values{"time": {stamp(at)},
		"query": {fmt.Sprintf(`topk(%d, sum by (instance, process_executable_name) (rate(tcptop_group_io_bytes_total{network_transport!="other"}[1m])))`, top)}})
	if err != nil {
		e.t.Fatal(err)
	}
	for _, s := range v {
		all = append(all, s.Metric["instance"]+" "+s.Metric["process_executable_name"])
	}
	return all
}

// among requires all of got to be the first ones of the truth, as far as scrapes are in time.
func among(t testing.TB, got []string, truth []ranked) {
	t.Helper()
	first := map[string]bool{}
	for _, r := range truth[:top+margin] {
		first[fmt.Sprintf("host-%04d p%02d", r.host, r.process)] = true
	}
	for _, name := range got {
		if !first[name] {
			t.Errorf("%s does not move most", name)
		}
		delete(first, name)
	}
	if len(first) != margin {
		t.Errorf("%d groups of %d are missing", len(first)-margin, top)
	}
}

// whole requires of an answer that hosts and groups moved, to the byte, what they had by the
// tick that e knew then.
func (e *promql) whole(hosts []*simulated, a *fleet.Answer) {
	e.t.Helper()
	ticks, err := e.at(a.Time, "instance", "tcptop_tick_timestamp_seconds")
	if err != nil {
		e.t.Fatal(err)
	}
	told, groups := map[string]*fleet.Host{}, map[string]map[string]uint64{}
	for i := range a.Hosts {
		told[a.Hosts[i].Name] = &a.Hosts[i]
	}
	for _, h := range hosts {
		tx, rx, of, err := h.told(int64(ticks[h.name]))
		if err != nil {
			e.t.Error(err)
			continue
		}
		groups[h.name] = of
		if got := told[h.name]; got == nil || got.TxBytes != float64(tx) || got.RxBytes != float64(rx) {
			e.t.Errorf("%s sent %d and received %d bytes, and is %+v", h.name, tx, rx, got)
		}
	}
	for i := range a.Groups {
		g := &a.Groups[i]
		if want := groups[g.Host][g.Labels[0]]; g.TxBytes+g.RxBytes != float64(want) || want == 0 {
			e.t.Errorf("%s of %s moved %d bytes, and has %.0f", g.Labels[0], g.Host, want, g.TxBytes+g.RxBytes)
		}
	}
}

// printed requires of the program the groups that move most.
func (e *promql) printed(truth []ranked) {
	e.t.Helper()
	path, err := built()
	if err != nil {
		e.t.Fatal(err)
	}
	begun := time.Now()
	out, err := exec.Command(path, "fleet", "--from", "prom+http://"+e.addr, "-b", "-n", "1", "-o", "jsonl", "--fields", "host,comm", "--sort", "rate", "comm!=other").CombinedOutput()
	if err != nil {
		e.t.Fatalf("%v\n%s", err, out)
	}
	took := time.Since(begun)
	var got []string
	for line := range bytes.Lines(out) {
		var row struct{ Host, Comm string }
		if err := json.Unmarshal(line, &row); err != nil {
			e.t.Fatalf("%v: %s", err, line)
		}
		got = append(got, row.Host+" "+row.Comm)
	}
	among(e.t, got, truth)
	e.t.Logf("tcptop fleet -b -n 1 takes %v", took)
}

// heads is how many series e has in memory.
func (e *promql) heads() json.Number {
	e.t.Helper()
	resp, err := http.Get("http://" + e.addr + "/api/v1/status/tsdb")
	if err != nil {
		e.t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	var answer struct {
		Data struct {
			HeadStats struct{ NumSeries json.Number }
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		e.t.Fatal(err)
	}
	return answer.Data.HeadStats.NumSeries
}

// memory is the most that e's process had resident.
func (e *promql) memory() string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", e.cmd.Process.Pid))
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(line)
}
