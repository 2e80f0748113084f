package fleet

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"tcptop/internal/table"
	"tcptop/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// fakeGroup is what one group of a host moves.
type fakeGroup struct {
	host, process string
	tx, rx        float64
	peer          string // "" is internet
}

func (g *fakeGroup) labels() map[string]string {
	return map[string]string{"instance": g.host, "process_executable_name": g.process, "server_port": "443", "network_transport": "tcp",
		"tcptop_role": "client", "tcptop_peer": cmp.Or(g.peer, "internet"), "tcptop_workload": "unit:app.service"}
}

// fakeEngine answers the questions of this package from what it is given.
type fakeEngine struct {
	*httptest.Server
	t       *testing.T
	groups  []fakeGroup
	age     map[string]time.Duration // of a host's newest tick, where it is no second
	off     map[string]time.Duration // of a host's clock
	records bool
	asked   []string
	status  int
	header  http.Header
	warning string
}

func newFakeEngine(t *testing.T) *fakeEngine {
	f := &fakeEngine{t: t, age: map[string]time.Duration{}, status: http.StatusOK}
	f.Server = httptest.NewServer(http.HandlerFunc(f.answer))
	t.Cleanup(f.Close)
	return f
}

func (f *fakeEngine) engine(cfg Config) *Engine {
	f.t.Helper()
	u, err := url.Parse(f.URL)
	if err != nil {
		f.t.Fatal(err)
	}
	cfg.URL, cfg.Transport = u, &http.Transport{DisableKeepAlives: true}
	e, err := New(cfg)
	if err != nil {
		f.t.Fatal(err)
	}
	return e
}

type sample struct {
	Metric map[string]string `json:"metric"`
	Value  [2]any            `json:"value"`
}

func point(value float64, labels ...string) sample {
	s := sample{Metric: map[string]string{}, Value: [2]any{float64(noon.Unix()), strconv.FormatFloat(value, 'f', -1, 64)}}
	for i := 0; i < len(labels); i += 2 {
		s.Metric[labels[i]] = labels[i+1]
	}
	return s
}

var matched = regexp.MustCompile(`instance=~"((?:[^"\\]|\\.)*)"`)

func (f *fakeEngine) answer(w http.ResponseWriter, r *http.Request) {
	query := r.FormValue("query")
	f.asked, f.header = append(f.asked, query), r.Header
	if f.status != http.StatusOK {
		w.WriteHeader(f.status)
		return
	}
	result := []sample{}
	hosts := map[string]*fakeGroup{}
	for _, g := range f.groups {
		h := hosts[g.host]
		if h == nil {
			h = &fakeGroup{}
			hosts[g.host] = h
		}
		h.tx += g.tx
		h.rx += g.rx
	}
	var only *regexp.Regexp
	if m := matched.FindStringSubmatch(query); m != nil {
		text, err := strconv.Unquote(`"` + m[1] + `"`)
		if err != nil {
			f.t.Errorf("%s: %v", query, err)
		}
		only = regexp.MustCompile("^(?:" + text + ")$")
	}
	switch {
	case strings.HasPrefix(query, "count(instance:tcptop"):
		if f.records {
			result = append(result, point(1))
		}
	case strings.Contains(query, "tick_timestamp"):
		for name := range hosts {
			age, old := f.age[name]
			if !old {
				age = time.Second
			}
			if asked := strings.Contains(query, "timestamp(tcptop"); !asked {
				result = append(result, point(float64(noon.Add(f.off[name]-age).Unix()), "instance", name))
			} else if age < clockOff {
				result = append(result, point(float64(noon.Add(-age).Unix()), "instance", name))
			}
		}
	case strings.Contains(query, "lost_events"):
	case strings.Contains(query, "_io_bytes_total") && !strings.Contains(query, "rate("):
		for name, h := range hosts {
			if strings.Contains(query, "tcptop_host_io") {
				result = append(result, point(20*h.tx, "instance", name, directionLabel, "transmit"), point(30*h.rx, "instance", name, directionLabel, "receive"))
			}
		}
		for _, g := range f.groups {
			if strings.Contains(query, "tcptop_group_io") && only.MatchString(g.host) {
				for _, s := range []sample{point(2*g.tx, directionLabel, "transmit"), point(3*g.rx, directionLabel, "receive")} {
					maps.Copy(s.Metric, g.labels())
					result = append(result, s)
				}
			}
		}
	case strings.Contains(query, "host_io") != f.records && strings.Contains(query, "by (instance, network_io_direction)"):
		for name, h := range hosts {
			if f.age[name] > gone {
				continue
			}
			result = append(result, point(h.tx, "instance", name, directionLabel, "transmit"), point(h.rx, "instance", name, directionLabel, "receive"))
		}
	case byOne.MatchString(query):
		result = f.together(query)
	case strings.HasPrefix(query, "topk(") || strings.Contains(query, `"transmit"`):
		for _, g := range f.groups {
			if only == nil || !only.MatchString(g.host) {
				continue
			}
			value := g.tx
			if strings.HasPrefix(query, "topk(") {
				value += g.rx
			}
			s := point(value)
			maps.Copy(s.Metric, g.labels())
			result = append(result, s)
		}
		slices.SortFunc(result, func(a, b sample) int {
			x, _ := strconv.ParseFloat(a.Value[1].(string), 64)
			y, _ := strconv.ParseFloat(b.Value[1].(string), 64)
			return int(y - x)
		})
		var k int
		if _, err := fmt.Sscanf(query, "topk(%d,", &k); err == nil {
			result = result[:min(k, len(result))]
		}
	default:
		f.t.Errorf("a question that nobody knows: %s", query)
	}
	answer := map[string]any{"status": "success", "data": map[string]any{"resultType": "vector", "result": result}}
	if f.warning != "" {
		answer["warnings"] = []string{f.warning}
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		f.t.Error(err)
	}
}

var byOne = regexp.MustCompile(`^(?:topk\((\d+), )?sum by \((tcptop_peer|tcptop_workload)\) \((peer_port:|workload:|rate\()tcptop_`)

// together answers what all hosts move together, by one label.
func (f *fakeEngine) together(query string) []sample {
	m := byOne.FindStringSubmatch(query)
	if want := map[string]string{"tcptop_peer": "peer_port:", "tcptop_workload": "workload:"}[m[2]]; f.records && m[3] != want || !f.records && m[3] != "rate(" {
		f.t.Errorf("records are there: %v, and it asks %s", f.records, query)
	}
	if !strings.Contains(query, m[2]+`!="other"`) {
		f.t.Errorf("what has no group of its own is asked for: %s", query)
	}
	sums := map[string]float64{}
	for _, g := range f.groups {
		sums[g.labels()[m[2]]] += g.tx
		if m[1] != "" {
			sums[g.labels()[m[2]]] += g.rx
		}
	}
	var all []sample
	for _, name := range slices.SortedFunc(maps.Keys(sums), func(a, b string) int { return int(sums[b] - sums[a]) }) {
		if m[1] != "" || strings.Contains(query, strings.Trim(literal(regexp.QuoteMeta(name)), `"`)) {
			all = append(all, point(sums[name], m[2], name))
		}
	}
	if k, err := strconv.Atoi(m[1]); err == nil {
		all = all[:min(k, len(all))]
	}
	return all
}

func (f *fakeEngine) ask(e *Engine) *Answer {
	f.t.Helper()
	f.asked = nil
	a, err := e.Ask(f.t.Context(), noon)
	if err != nil {
		f.t.Fatal(err)
	}
	return a
}

// questions are those for a snapshot at most.
const questions = 1 + 5 + maxBatches + 2

// skewed has hosts of which few move most, and groups likewise.
func (f *fakeEngine) skewed(hosts int, random *rand.Rand) {
	for h := range hosts {
		for g := range 5 {
			f.groups = append(f.groups, fakeGroup{host: fmt.Sprintf("h%04d", h), process: fmt.Sprintf("p%d", g),
				tx: float64(random.IntN(1000)) * 1e6 / float64((h+1)*(g+1)), rx: float64(1 + random.IntN(100))})
		}
	}
}

// truth is what groups move most, by all of them.
func (f *fakeEngine) truth(top int) (all []string) {
	slices.SortFunc(f.groups, func(a, b fakeGroup) int { return int(b.tx+b.rx) - int(a.tx+a.rx) })
	for _, g := range f.groups[:min(top, len(f.groups))] {
		all = append(all, g.host+" "+g.process)
	}
	return all
}

// Whatever hosts and groups move, those that are found are those that move most as far
// as they are said to be, and few questions are asked.
func TestTopIsExact(t *testing.T) {
	for seed := range uint64(10) {
		f := newFakeEngine(t)
		f.skewed(100+int(seed)*200, rand.New(rand.NewPCG(seed, 0)))
		const top = 20
		a := f.ask(f.engine(Config{Top: top}))
		var got []string
		for _, g := range a.Groups[:a.Exact] {
			got = append(got, g.Host+" "+g.Labels[0])
		}
		if diff := gocmp.Diff(f.truth(top)[:a.Exact], got); diff != "" {
			t.Errorf("seed %d: %s", seed, diff)
		}
		if a.Exact != top || a.Asked != len(f.asked) || a.Asked > questions {
			t.Errorf("seed %d: %d are exact, after %d questions", seed, a.Exact, a.Asked)
		}
	}
}

// Where all hosts move about the same not all of them are asked, and it is said how far
// the order is certain.
func TestFlatFleet(t *testing.T) {
	f := newFakeEngine(t)
	for h := range 2000 {
		f.groups = append(f.groups, fakeGroup{host: fmt.Sprintf("h%04d", h), process: "a", tx: 1000 - float64(h)/10}, fakeGroup{host: fmt.Sprintf("h%04d", h), process: "b", tx: 900})
	}
	a := f.ask(f.engine(Config{Top: 100}))
	if a.Exact != 0 || a.Asked != questions || len(a.Hosts) != 2000 {
		t.Errorf("%d are exact after %d questions about %d hosts", a.Exact, a.Asked, len(a.Hosts))
	}
	s := NewRoll().Snapshot(a, noon, int64(time.Hour), "")
	if len(s.Hosts) != maxHosts+1 || s.Hosts[maxHosts].Name != "1000 more hosts" {
		t.Errorf("%d hosts", len(s.Hosts))
	}
	if got, want := moved(s), moves(f); got != want {
		t.Errorf("the rows move %d, the hosts %d", got, want)
	}
}

func moved(s *table.Snapshot) (sum uint64) {
	for r := range s.Rows() {
		sum += r.Rate()
	}
	return sum / 1000 // of rates that are rounded
}

func moves(f *fakeEngine) uint64 {
	sum := 0.0
	for _, g := range f.groups {
		sum += g.tx + g.rx
	}
	return uint64(sum+500) / 1000
}

// A host's rows are what it moves; one that is not heard has none, which is not zero.
func TestSnapshot(t *testing.T) {
	f := newFakeEngine(t)
	f.groups = []fakeGroup{{host: "web", process: "nginx", tx: 5000, rx: 700}, {host: "web", process: "sshd", tx: 10}, {host: "db", process: "postgres", tx: 300, rx: 300}, {host: "old", process: "x", tx: 1, rx: 1}, {host: "gone", process: "y", tx: 1, rx: 1}}
	f.age = map[string]time.Duration{"old": 2 * time.Minute, "gone": 6 * time.Minute}
	a := f.ask(f.engine(Config{Top: 2}))
	s := NewRoll().Snapshot(a, noon, int64(time.Hour), "")
	var got []string
	for r := range s.Rows() {
		got = append(got, fmt.Sprintf("%s %s %d %d %d %d", s.HostOf(r), r.Owner.Comm, r.TxRate, r.RxRate, r.TxBytes, r.RxBytes))
	}
	slices.Sort(got)
	want := []string{"db other 0 0 5400 8100", "db postgres 300 300 600 900", "old other 1 1 20 30", "web nginx 5000 700 10000 2100", "web other 10 0 90200 18900"}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var states []string
	for _, h := range s.Hosts {
		states = append(states, h.Name+" "+h.State.String()+" "+h.Why)
	}
	slices.Sort(states)
	want = []string{"db ok ", "gone gone its agent's last tick was 6m0s ago", "old slow its agent's last tick was 2m0s ago", "web ok "}
	if diff := gocmp.Diff(want, states); diff != "" {
		t.Error(diff)
	}
	// The engine is not there: what was known is shown as what it is.
	s = NewRoll().Snapshot(a, noon.Add(time.Minute), int64(time.Hour), "it does not answer")
	if h := s.Hosts[0]; h.State != table.HostSlow || h.Why != "it does not answer" {
		t.Errorf("%+v", h)
	}
}

// A host whose clock is wrong is heard when the engine says so; where it does not tick it is
// not taken for one that does.
func TestClocks(t *testing.T) {
	f := newFakeEngine(t)
	for _, name := range []string{"ahead", "behind", "right", "stuck", "gone"} {
		f.groups = append(f.groups, fakeGroup{host: name, process: "nginx", tx: 10, rx: 10})
	}
	f.off = map[string]time.Duration{"ahead": 5 * time.Minute, "behind": -5 * time.Minute, "stuck": 8 * time.Minute, "gone": -5 * time.Minute}
	f.age = map[string]time.Duration{"stuck": 3 * time.Minute, "gone": 3 * time.Minute}
	a, err := f.engine(Config{}).Ask(t.Context(), time.Time{})
	if err != nil || !a.Time.Equal(noon) {
		t.Fatalf("%v at %v, for the engine it is %v", err, a.Time, noon)
	}
	var got []string
	for _, h := range NewRoll().Snapshot(a, noon, int64(time.Hour), "").Hosts {
		got = append(got, fmt.Sprintf("%s %v %s, %v ago", h.Name, h.State, h.Why, time.Hour-time.Duration(h.Heard)))
	}
	slices.Sort(got)
	if diff := gocmp.Diff([]string{
		"ahead ok its clock is 5m0s ahead of the engine's, 1s ago",
		"behind ok its clock is 5m0s behind the engine's, 1s ago",
		"gone gone its agent's last tick was 8m0s ago, 8m0s ago",
		"right ok , 1s ago",
		"stuck slow its clock is 5m0s ahead of the engine's, which does not see it tick, -5m0s ago",
	}, got); diff != "" {
		t.Error(diff)
	}
}

// What an engine still says of a host that is gone is not what that moves now.
func TestGone(t *testing.T) {
	a := &Answer{Time: noon, Hosts: []Host{{Name: "web", Known: true, Heard: noon}, {Name: "old", Known: true, Heard: noon.Add(-gone - time.Second)}},
		Groups: []Group{{Host: "old", Total: 1}}}
	s := NewRoll().Snapshot(a, noon, int64(time.Hour), "")
	for r := range s.Rows() {
		if host := s.HostOf(r); host != "web" {
			t.Errorf("a row of %s", host)
		}
	}
	if s.Len() != 1 || s.Hosts[1].State != table.HostGone {
		t.Errorf("%d rows, hosts %+v", s.Len(), s.Hosts)
	}
}

func TestRecords(t *testing.T) {
	f := newFakeEngine(t)
	f.records = true
	f.groups = []fakeGroup{{host: "web", process: "nginx", tx: 5000, rx: 700}}
	e := f.engine(Config{Headers: map[string]string{"X-Scope-OrgID": "ops"}})
	if a := f.ask(e); !a.Records || len(a.Groups) != 1 || a.Hosts[0].Tx != 5000 {
		t.Errorf("%+v", a)
	}
	if f.header.Get("X-Scope-OrgID") != "ops" {
		t.Errorf("%v", f.header)
	}
	f.ask(e)
	if strings.HasPrefix(f.asked[0], "count(") {
		t.Error("it looks for the rules each time")
	}
}

// What an engine says of itself is told, and no answer is none.
func TestTrouble(t *testing.T) {
	f := newFakeEngine(t)
	f.groups = []fakeGroup{{host: "web", process: "nginx", tx: 5000, rx: 700}}
	f.warning = "a shard is away"
	e := f.engine(Config{})
	if a := f.ask(e); !slices.Equal(a.Warnings, slices.Repeat([]string{f.warning}, maxWarnings)) {
		t.Errorf("%q", a.Warnings)
	}
	f.status = http.StatusServiceUnavailable
	if _, err := e.Ask(t.Context(), noon); err == nil {
		t.Error("503 is an answer")
	}
	f.Close()
	if _, err := e.Ask(t.Context(), noon); err == nil || strings.Contains(err.Error(), "http://") {
		t.Errorf("%v", err)
	}
	if _, err := New(Config{URL: &url.URL{}, HostLabel: `x"}`}); err == nil {
		t.Error("a label may be anything")
	}
}

// A name of a host is one string in a question, whatever it is.
func FuzzOneOf(f *testing.F) {
	for _, s := range []string{"web-1", `a"}) or vector(1) #`, "10.0.0.1:9432", "a|b", "\\", "\n", "ü", "\xff", `\Q`, "^.*$"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, host string) {
		m := matched.FindStringSubmatch("{" + oneOf("instance", []string{host, "other"}) + "}")
		if m == nil || "{"+m[0]+"}" != "{"+oneOf("instance", []string{host, "other"})+"}" {
			t.Fatalf("%q is more than a string: %s", host, oneOf("instance", []string{host, "other"}))
		}
		text, err := strconv.Unquote(`"` + m[1] + `"`)
		if err != nil {
			t.Fatal(err)
		}
		pattern, err := regexp.Compile("^(?:" + text + ")$")
		if err != nil {
			t.Fatal(err)
		}
		if valid := strings.ToValidUTF8(host, "\ufffd"); !pattern.MatchString(valid) || host != "x" && pattern.MatchString("x") {
			t.Errorf("%q matches something else", host)
		}
	})
}
