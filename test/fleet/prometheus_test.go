package fleet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"tcptop/internal/testkit"
)

// promql is an engine that answers PromQL and may be killed.
type promql struct {
	t    testing.TB
	args []string
	addr string
	log  *os.File
	cmd  *exec.Cmd
}

// scrapes is a configuration that asks targets each second, as the job tcptop.
func scrapes(t testing.TB, dir string, targets ...string) string {
	t.Helper()
	config := "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n- job_name: tcptop\n  static_configs:\n"
	for i, addr := range targets {
		config += fmt.Sprintf("  - {targets: ['%s'], labels: {instance: host-%d}}\n", addr, i+1)
	}
	path := filepath.Join(dir, "scrape.yml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func newPromQL(t testing.TB, program, hint string, args func(addr, dir string) []string) *promql {
	t.Helper()
	path, dir := need(t, program, hint), t.TempDir()
	e := &promql{t: t, addr: "127.0.0.1:" + freePort(t)}
	e.args = append([]string{path}, args(e.addr, dir)...)
	var err error
	if e.log, err = os.Create(filepath.Join(dir, "log")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		e.kill()
		_ = e.log.Close()
		if t.Failed() {
			text, _ := os.ReadFile(e.log.Name())
			t.Logf("%s: %s", program, text[max(0, len(text)-4000):])
		}
	})
	return e
}

// prometheus asks targets, and takes OTLP where it can.
func prometheus(t testing.TB, program, hint string, extra []string, targets ...string) *promql {
	return newPromQL(t, program, hint, func(addr, dir string) []string {
		return append([]string{"--config.file=" + scrapes(t, dir, targets...), "--storage.tsdb.path=" + filepath.Join(dir, "data"), "--web.listen-address=" + addr}, extra...)
	})
}

func victoria(t testing.TB, targets ...string) *promql {
	return newPromQL(t, "victoria-metrics", "apt-get install victoria-metrics", func(addr, dir string) []string {
		return []string{"-promscrape.config=" + scrapes(t, dir, targets...), "-storageDataPath=" + filepath.Join(dir, "data"), "-httpListenAddr=" + addr,
			"-search.latencyOffset=0s"}
	})
}

func (e *promql) start() {
	e.t.Helper()
	e.cmd = exec.Command(e.args[0], e.args[1:]...)
	e.cmd.Stdout, e.cmd.Stderr = e.log, e.log
	if err := e.cmd.Start(); err != nil {
		e.t.Fatal(err)
	}
	testkit.Eventually(e.t, time.Minute, func() error {
		_, err := e.ask("query", url.Values{"query": {"1"}})
		return err
	})
}

// kill ends it at once (SIGKILL).
func (e *promql) kill() {
	if e.cmd != nil {
		_ = e.cmd.Process.Kill()
		_ = e.cmd.Wait()
		e.cmd = nil
	}
}

// vector is what an engine answers to a question about now, or about a time.
type vector []struct {
	Metric map[string]string
	Value  [2]any
	Values [][2]any
}

func (e *promql) ask(kind string, form url.Values) (vector, error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	resp, err := client.PostForm("http://"+e.addr+"/api/v1/"+kind, form)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var answer struct {
		Status, Error string
		Data          struct{ Result json.RawMessage }
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if answer.Status != "success" {
		return nil, errors.New(answer.Error)
	}
	var v vector
	_ = json.Unmarshal(answer.Data.Result, &v) // a number alone is no vector
	return v, nil
}

// by is what expr has now, by a label.
func (e *promql) by(label, expr string) (map[string]float64, error) {
	return e.at(time.Time{}, label, expr)
}

// at is what expr has at a time, by a label; zero is now, as the engine has it.
func (e *promql) at(when time.Time, label, expr string) (map[string]float64, error) {
	form := url.Values{"query": {expr}}
	if !when.IsZero() {
		form.Set("time", stamp(when))
	}
	v, err := e.ask("query", form)
	if err != nil {
		return nil, err
	}
	all := map[string]float64{}
	for _, s := range v {
		n, err := strconv.ParseFloat(fmt.Sprint(s.Value[1]), 64)
		if err != nil {
			return nil, err
		}
		all[s.Metric[label]] += n
	}
	return all, nil
}

// built is the tcptop of this tree.
var built = sync.OnceValues(func() (string, error) {
	root, err := filepath.Abs("../..")
	if err != nil {
		return "", err
	}
	path := filepath.Join(root, "bin", "tcptop-fleet")
	c := exec.Command("go", "build", "-o", path, "./cmd/tcptop")
	c.Dir, c.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
})

// tcptopAgent runs tcptop agent; it is told to end when the test does, and has to end well.
func tcptopAgent(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	testkit.Kernel(t)
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	c := exec.Command(path, append([]string{"agent", "-d", "250ms"}, args...)...)
	c.Stderr = &stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		if err := c.Wait(); err != nil || t.Failed() {
			t.Errorf("agent: %v\n%s", err, &stderr)
		}
	})
	return c
}

// answering is an agent that is asked; it returns where.
func answering(t testing.TB) string {
	addr := "127.0.0.1:" + freePort(t)
	tcptopAgent(t, "--listen", addr)
	return addr
}

// truth is what a load moved, at both ends.
type truth struct{ tx, rx float64 }

func (a truth) plus(w *testkit.Workload) truth {
	for _, end := range w.Ready() {
		a.tx += float64(end.TxBytes)
		a.rx += float64(end.RxBytes)
	}
	return a
}

// load moves bytes that only its process name tells from others.
func load(t testing.TB, ns *testkit.NS, n int, seed uint64) *testkit.Workload {
	return testkit.Start(t, ns, "bulk", "-n", strconv.Itoa(n), "-max", "500000", "-hold", "-comm", "fleet-load", "-seed", strconv.FormatUint(seed, 10))
}

const (
	loads = `{process_executable_name="fleet-load"}`
	total = `sum by (instance, network_io_direction) (tcptop_group_io_bytes_total` + loads + `)`
)

// settled has the group of the load a place at all hosts, and nothing of it under way:
// what comes from now on counts for it.
func (e *promql) settled(t *testing.T, ns *testkit.NS, hosts int) map[string]truth {
	t.Helper()
	e.eventually(func() error { // what is older than an agent is not in its sums
		begun, err := e.by("instance", `tcptop_tick_timestamp_seconds`)
		if len(begun) != hosts {
			err = errors.Join(err, fmt.Errorf("%v, of %d hosts", begun, hosts))
		}
		return err
	})
	w := load(t, ns, 20, 1)
	w.Ready()
	e.eventually(func() error {
		places, err := e.by("instance", `count by (instance) (tcptop_group_connections`+loads+`)`)
		for _, n := range places {
			if n != 2 {
				err = errors.Join(err, fmt.Errorf("groups %v", places))
			}
		}
		if len(places) != hosts {
			err = errors.Join(err, fmt.Errorf("groups at %v, of %d hosts", places, hosts))
		}
		return err
	})
	w.Finish()
	e.eventually(func() error {
		open, err := e.by("instance", `sum by (instance) (tcptop_group_connections`+loads+`)`)
		for host, n := range open {
			if n != 0 {
				err = errors.Join(err, fmt.Errorf("%s has %v of them open", host, n))
			}
		}
		return err
	})
	from, err := e.sums()
	if err != nil {
		t.Fatal(err)
	}
	return from
}

func (e *promql) eventually(f func() error) {
	e.t.Helper()
	testkit.Eventually(e.t, time.Minute, f)
}

// sums is what the load moved as the engine knows it, by host.
func (e *promql) sums() (map[string]truth, error) {
	tx, err := e.by("instance", `sum by (instance) (tcptop_group_io_bytes_total{process_executable_name="fleet-load",network_io_direction="transmit"})`)
	if err != nil {
		return nil, err
	}
	rx, err := e.by("instance", `sum by (instance) (tcptop_group_io_bytes_total{process_executable_name="fleet-load",network_io_direction="receive"})`)
	all := map[string]truth{}
	for host := range tx {
		all[host] = truth{tx[host], rx[host]}
	}
	return all, err
}

// moved waits until every host's sums have grown by want.
func (e *promql) moved(from map[string]truth, want truth) {
	e.t.Helper()
	e.eventually(func() error {
		now, err := e.sums()
		if len(now) != len(from) {
			err = errors.Join(err, fmt.Errorf("%d hosts of %d", len(now), len(from)))
		}
		for host := range from {
			if got := (truth{now[host].tx - from[host].tx, now[host].rx - from[host].rx}); got != want {
				err = errors.Join(err, fmt.Errorf("%s has %.0f, the load moved %.0f", host, got, want))
			}
		}
		return err
	})
}

// invariant requires of every sample that was stored that groups and what is retired are
// the host's bytes.
func (e *promql) invariant(since time.Time) {
	e.t.Helper()
	const expr = `sum by (instance) (tcptop_group_io_bytes_total) + sum by (instance) (tcptop_group_retired_io_bytes_total) - sum by (instance) (tcptop_host_io_bytes_total)`
	v, err := e.ask("query_range", url.Values{"query": {expr}, "start": {stamp(since)}, "end": {stamp(time.Now())}, "step": {"1s"}})
	if err != nil {
		e.t.Fatal(err)
	}
	samples := 0
	for _, s := range v {
		for _, at := range s.Values {
			samples++
			if at[1] != "0" {
				e.t.Errorf("%s: the groups are %v bytes off at %v", s.Metric["instance"], at[1], at[0])
			}
		}
	}
	if samples < 10 {
		e.t.Errorf("%d samples", samples)
	}
}

func stamp(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }

// TestScraped asks two agents while loads come and go and the engine is killed in the midst of
// it: what it knows in the end is what was moved, to the byte, at both.
func TestScraped(t *testing.T) {
	for _, c := range []struct {
		name   string
		engine func(t testing.TB, targets ...string) *promql
	}{
		{"Prometheus", func(t testing.TB, targets ...string) *promql {
			return prometheus(t, "prometheus", "apt-get install prometheus", nil, targets...)
		}},
		{"VictoriaMetrics", victoria},
	} {
		t.Run(c.name, func(t *testing.T) {
			testkit.Kernel(t)
			ns := testkit.NetNS(t)
			e := c.engine(t, answering(t), answering(t))
			began := time.Now()
			e.start()
			from := e.settled(t, ns, 2)
			var want truth
			var running []*testkit.Workload
			for i := range uint64(6) {
				w := load(t, ns, 40, i+2)
				running = append(running, w)
				if i == 2 {
					e.kill()
				}
				want = want.plus(w)
				if rand.IntN(2) == 0 {
					running[0].Finish()
					running = running[1:]
				}
				if i == 4 {
					e.start()
				}
			}
			for _, w := range running {
				w.Finish()
			}
			e.moved(from, want)
			e.invariant(began)
			e.shown()
			e.together()
			t.Logf("%.0f bytes sent, %.0f received", want.tx, want.rx)
		})
	}
}

// shown requires of tcptop fleet the rows of the load at both hosts, with what the engine has
// of them, and all rows of a host to be its sum.
func (e *promql) shown() {
	e.t.Helper()
	path, err := built()
	if err != nil {
		e.t.Fatal(err)
	}
	e.eventually(func() error { // another scrape may come between a question and the other
		want, err := e.sums()
		if err != nil {
			return err
		}
		whole, err := e.by("instance", `sum by (instance) (tcptop_host_io_bytes_total)`)
		if err != nil {
			return err
		}
		out, err := exec.Command(path, "fleet", "--from", "prom+http://"+e.addr, "-b", "-n", "1", "-o", "jsonl").CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w\n%s", err, out)
		}
		got, sums := map[string]truth{}, map[string]float64{}
		for line := range bytes.Lines(out) {
			var row struct {
				Host, Comm string
				Tx         float64 `json:"tx_bytes"`
				Rx         float64 `json:"rx_bytes"`
			}
			if err := json.Unmarshal(line, &row); err != nil {
				return fmt.Errorf("%w: %s", err, line)
			}
			sums[row.Host] += row.Tx + row.Rx
			if row.Comm == "fleet-load" {
				got[row.Host] = truth{got[row.Host].tx + row.Tx, got[row.Host].rx + row.Rx}
			}
		}
		if !maps.Equal(got, want) || !maps.Equal(sums, whole) {
			return fmt.Errorf("the screen has %v of %v, the engine %v of %v\n%s", got, sums, want, whole, out)
		}
		return nil
	})
}

// TestPushed is sent to by one agent and asks another: in an engine that takes OTLP both
// have the same series, and what was moved.
func TestPushed(t *testing.T) {
	if testing.Short() {
		t.Skip("Prometheus 3 is built for this, which takes minutes (make test-fleet)")
	}
	testkit.Kernel(t)
	ns := testkit.NetNS(t)
	e := prometheus(t, prometheus3(t), "", []string{"--web.enable-otlp-receiver"}, answering(t))
	e.start()
	tcptopAgent(t, "--otlp", "http://"+e.addr+"/api/v1/otlp/v1/metrics", "--otlp-interval", "1s")
	from := e.settled(t, ns, 2)
	w := load(t, ns, 100, 2)
	want := truth{}.plus(w)
	w.Finish()
	e.moved(from, want)
	for _, expr := range []string{`count by (instance) (tcptop_host_io_bytes_total)`, `count by (instance) (tcptop_host_tcp_rtt_smoothed_seconds_bucket)`,
		`count by (instance) (tcptop_group_packets_total` + loads + `)`, `count by (instance) (tcptop_capture_lost_events_total)`} {
		n, err := e.by("instance", expr)
		pushed, pulled := 0.0, n["host-1"]
		for host, n := range n {
			if host != "host-1" {
				pushed = n
			}
		}
		if err != nil || pushed != pulled || pulled == 0 {
			t.Errorf("%s: %v pulled, %v pushed (%v)", expr, pulled, pushed, err)
		}
	}
}

// prometheusVersion is that of the module, whose tags are not those of releases: 3.16.
const prometheusVersion = "github.com/prometheus/prometheus@v0.316.0"

// prometheus3 builds Prometheus 3 from its module, once for this user.
func prometheus3(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("TCPTOP_PROMETHEUS3"); path != "" {
		return path
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(cache, "tcptop", "prometheus-"+filepath.Base(prometheusVersion))
	if _, err := os.Stat(path); err == nil {
		return path
	}
	dir := t.TempDir()
	run := func(wd string, words ...string) []byte {
		c := exec.Command(words[0], words[1:]...)
		c.Dir, c.Env = wd, append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
		out, err := c.Output()
		if err != nil {
			t.Fatalf("%v: %v\n%s", words, err, out)
		}
		return out
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(run(dir, "go", "mod", "download", "-json", prometheusVersion), &module); err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(dir, "source")
	run(dir, "cp", "-r", module.Dir, source)
	run(dir, "chmod", "-R", "u+w", source)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	run(source, "go", "build", "-tags", "remove_all_sd", "-o", path, "./cmd/prometheus")
	return path
}
