package fleet

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tcptop/internal/fleet"
	"tcptop/internal/table"
	"tcptop/internal/testkit"
)

// life is what an engine has been told by one host for the last fifty minutes.
type life struct {
	name  string
	rate  float64 // bytes that it sends in a second
	off   time.Duration
	reset time.Duration // how long ago its agent began anew; 0 is never
	away  time.Duration // how long ago it left, to be back ten minutes ago; 0 is never
}

func lives() []life {
	return []life{
		{name: "steady", rate: 1000},
		{name: "ahead", rate: 2000, off: 5 * time.Minute},
		{name: "behind", rate: 3000, off: -5 * time.Minute},
		{name: "restarted", rate: 4000, reset: 20 * time.Minute},
		{name: "left", rate: 5000, away: 30 * time.Minute, reset: 10 * time.Minute},
	}
}

// sent is what l has sent, by its counters, ago before the end.
func (l *life) sent(ago time.Duration) float64 {
	since := 50*time.Minute - ago
	if l.reset > 0 && ago < l.reset {
		since = l.reset - ago
	}
	return l.rate * since.Seconds()
}

// told is a line for each series and sample of l up to the end; stamp writes a time.
func (l *life) told(end time.Time, stamp func(time.Time) string) map[string][]string {
	const labels = `process_executable_name="nginx",tcptop_workload="unit:web.service",tcptop_peer="internet",server_port="443",network_transport="tcp",tcptop_role="server"`
	all := map[string][]string{}
	for ago := 50 * time.Minute; ago >= -10*time.Minute; ago -= 15 * time.Second {
		if l.away > 0 && ago < l.away && ago > 10*time.Minute {
			continue
		}
		at := end.Add(-ago)
		tell := func(name, labels string, value float64) {
			all[name] = append(all[name], fmt.Sprintf("%s{instance=%q%s} %f %s", name, l.name, labels, value, stamp(at)))
		}
		tell("tcptop_tick_timestamp_seconds", "", float64(at.Add(l.off).Unix()))
		for _, direction := range []string{"transmit", "receive"} {
			moved := l.sent(ago)
			if direction == "receive" {
				moved /= 10
			}
			tell("tcptop_host_io_bytes_total", `,network_transport="tcp",network_io_direction="`+direction+`"`, moved)
			tell("tcptop_group_io_bytes_total", ","+labels+`,network_io_direction="`+direction+`"`, moved*0.75)
		}
	}
	return all
}

// remembering is an engine that was told of lives up to the end, and ten minutes later.
func prometheusOf(t testing.TB, end time.Time) *promql {
	promtool := need(t, "promtool", "apt-get install prometheus")
	return newPromQL(t, "prometheus", "apt-get install prometheus", func(addr, dir string) []string {
		var text strings.Builder
		for _, metric := range []string{"tcptop_tick_timestamp_seconds", "tcptop_host_io_bytes_total", "tcptop_group_io_bytes_total"} {
			fmt.Fprintf(&text, "# TYPE %s %s\n", strings.TrimSuffix(metric, "_total"), map[bool]string{true: "counter", false: "gauge"}[strings.HasSuffix(metric, "_total")])
			for _, l := range lives() {
				for _, line := range l.told(end, func(at time.Time) string { return fmt.Sprint(at.Unix()) })[metric] {
					fmt.Fprintln(&text, line)
				}
			}
		}
		path, data := filepath.Join(dir, "told"), filepath.Join(dir, "data")
		if err := os.WriteFile(path, []byte(text.String()+"# EOF\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(promtool, "tsdb", "create-blocks-from", "openmetrics", path, data).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return []string{"--config.file=" + scrapes(t, dir), "--storage.tsdb.path=" + data, "--web.listen-address=" + addr}
	})
}

func victoriaOf(t testing.TB, end time.Time) *promql {
	e := victoria(t)
	e.start()
	var text strings.Builder
	for _, l := range lives() {
		for _, lines := range l.told(end, func(at time.Time) string { return fmt.Sprint(at.UnixMilli()) }) {
			for _, line := range lines {
				fmt.Fprintln(&text, line)
			}
		}
	}
	resp, err := http.Post("http://"+e.addr+"/api/v1/import/prometheus", "text/plain", strings.NewReader(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	if said, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusNoContent {
		t.Fatalf("%s %s %v", resp.Status, said, err)
	}
	return e
}

// hostsOf is what a snapshot shows of each host, and releases it.
func hostsOf(s *table.Snapshot) (all []string) {
	moved := map[string][]string{}
	for r := range s.Rows() {
		host := s.HostOf(r)
		moved[host] = append(moved[host], fmt.Sprintf(" %s %d+%d/s %d+%d", r.Owner.Comm, r.TxRate, r.RxRate, r.TxBytes, r.RxBytes))
	}
	for _, h := range s.Hosts {
		if h.Name != "" {
			slices.Sort(moved[h.Name])
			all = append(all, h.Name+" "+h.State.String()+strings.Join(moved[h.Name], ""))
		}
	}
	slices.Sort(all)
	s.Release()
	return all
}

// want is what is to be shown of l, ago before the end.
func (l *life) want(ago time.Duration) string {
	state, silent := table.HostOK, l.away-ago
	if l.away > 0 && silent > 0 && ago > 10*time.Minute {
		if state = table.HostSlow; silent > 5*time.Minute {
			state = table.HostGone
		}
		if silent > 15*time.Minute {
			return ""
		}
		return l.name + " " + state.String()
	}
	sent := l.sent(ago)
	part := func(share float64) string {
		return fmt.Sprintf("%.0f+%.0f/s %.0f+%.0f", l.rate*share, l.rate*share/10, sent*share, sent*share/10)
	}
	return l.name + " " + state.String() + " nginx " + part(0.75) + " other " + part(0.25)
}

// TestHistory asks engines for what was: clocks that are five minutes wrong change nothing,
// an agent that began anew has no rate that it did not have, a host that left has no rows,
// which are there again when it is back.
func TestHistory(t *testing.T) {
	for name, engine := range map[string]func(testing.TB, time.Time) *promql{"Prometheus": prometheusOf, "VictoriaMetrics": victoriaOf} {
		t.Run(name, func(t *testing.T) {
			end := time.Now().Truncate(15 * time.Second)
			e := engine(t, end)
			if e.cmd == nil {
				e.start()
			}
			f, err := fleet.New(fleet.Config{URL: &url.URL{Scheme: "http", Host: e.addr}, Transport: &http.Transport{DisableKeepAlives: true}})
			if err != nil {
				t.Fatal(err)
			}
			e.eventually(func() error { // VictoriaMetrics needs a moment
				n, err := e.at(end, "", "count(tcptop_group_io_bytes_total)")
				if n[""] != 10 {
					err = fmt.Errorf("%v series, %w", n, err)
				}
				return err
			})
			past := fleet.NewRoll().Past()
			at := func(ago time.Duration) (*fleet.Answer, *table.Snapshot) {
				a, err := f.Ask(context.Background(), end.Add(-ago))
				if err != nil {
					t.Fatal(err)
				}
				return a, past.Snapshot(a, end.Add(-ago), int64(time.Hour), "")
			}
			for _, ago := range []time.Duration{40 * time.Minute, 28 * time.Minute, 24 * time.Minute, 12 * time.Minute, 5 * time.Minute, 0, 35 * time.Minute} {
				_, s := at(ago)
				var want []string
				for _, l := range lives() {
					if text := l.want(ago); text != "" {
						want = append(want, text)
					}
				}
				slices.Sort(want)
				if diff := cmp.Diff(want, hostsOf(s)); diff != "" {
					t.Errorf("%v ago: %s", ago, diff)
				}
			}
			for ago := 40 * time.Minute; ago >= 0; ago -= 15 * time.Second {
				a, s := at(ago)
				s.Release()
				for i := range a.Hosts {
					h := &a.Hosts[i]
					n := slices.IndexFunc(lives(), func(l life) bool { return l.name == h.Name })
					if most := lives()[n].rate * 1.1; h.Known && (h.Tx < 0 || h.Tx > most || h.Rx < 0 || h.Rx > most/10) {
						t.Errorf("%v ago %s sends %f, receives %f", ago, h.Name, h.Tx, h.Rx)
					}
				}
			}
			e.screened(end)
		})
	}
}

// screened goes to the past on the screen, by its keys.
func (e *promql) screened(end time.Time) {
	e.t.Helper()
	testkit.Tools(e.t, "tmux")
	path, err := built()
	if err != nil {
		e.t.Fatal(err)
	}
	w := openTerminal(e.t, fmt.Sprintf("TZ=UTC %s fleet --from prom+http://%s", path, e.addr))
	w.sees(`left +tcp +nginx`, `steady +tcp +nginx`)
	go24 := func(ago time.Duration) {
		w.keys("J")
		w.sees(`Go to a time`)
		w.keys("-l", end.Add(-ago).UTC().Format("2006-01-02 15:04:05"))
		w.keys("Enter")
	}
	go24(24 * time.Minute)
	w.sees(`PAST`, `1 of 5 hosts gone`, `steady +tcp +nginx`)
	w.lacks(`left +tcp`)
	go24(35 * time.Minute)
	w.sees(`PAST`, `left +tcp +nginx`)
	w.lacks(`hosts gone`)
	w.keys("Escape")
	w.lacks(`PAST`)
	w.sees(`left +tcp +nginx`)
}
