package metric

import (
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tcptop/internal/conn"
	"tcptop/internal/group"
	"tcptop/internal/testkit"
)

func TestScrape(t *testing.T) {
	h := busy()
	text := h.scrape(t, plain)
	wantLines(t, text,
		`tcptop_build_info{version="1.2.3"} 1`,
		`tcptop_host_io_bytes_total{network_io_direction="transmit",network_transport="tcp"} 2202`,
		`tcptop_host_io_bytes_total{network_io_direction="receive",network_transport="tcp"} 101`,
		`tcptop_host_connections{network_connection_state="established",network_transport="tcp"} 2`,
		`tcptop_host_connections_opened_total{network_transport="tcp"} 2`,
		`tcptop_host_tcp_rtt_smoothed_seconds_bucket{le="0.001"} 0`,
		`tcptop_host_tcp_rtt_smoothed_seconds_bucket{le="0.0025"} 4`,
		`tcptop_host_tcp_rtt_smoothed_seconds_sum 0.006`,
		`tcptop_group_io_bytes_total{network_io_direction="transmit",network_transport="tcp",process_executable_name="nginx",server_port="443",tcptop_peer="10.0.0.0/24",tcptop_role="client",tcptop_workload="unit:app.service"} 1000`,
		// A backslash of an escape is one of the text, so the format doubles it.
		`tcptop_group_io_bytes_total{network_io_direction="transmit",network_transport="tcp",process_executable_name="\\x1b[2J\"}\\x0a\\",server_port="443",tcptop_peer="10.0.0.0/24",tcptop_role="client",tcptop_workload="unit:app.service"} 1000`,
		`tcptop_group_io_bytes_total{network_io_direction="transmit",network_transport="other",process_executable_name="other",server_port="0",tcptop_peer="other",tcptop_role="other",tcptop_workload="other"} 202`,
		`tcptop_group_tcp_rtt_smoothed_max_seconds{network_transport="tcp",process_executable_name="nginx",server_port="443",tcptop_peer="10.0.0.0/24",tcptop_role="client",tcptop_workload="unit:app.service"} 0.0015`,
		`tcptop_group_slots{state="used"} 2`,
		`tcptop_group_slots{state="free"} 48`,
		`tcptop_capture_lost_events_total{reason="ring_full"} 4`,
		`tcptop_process_cpu_seconds_total 1.5`,
		`tcptop_bpf_time_seconds_total{own="true",program="tt_sweep"} 2`, // once timed, they stay
		`tcptop_export_dropped_io_bytes_total{exporter="clickhouse",reason="spool_full"} 600`,
		`tcptop_tick_timestamp_seconds 1.800000002e+09`,
	)
	if strings.ContainsRune(text, 0x1b) {
		t.Error("an escape character came through")
	}
	open := h.scrape(t, openMetrics)
	wantLines(t, open, "# TYPE tcptop_host_io_bytes counter", "# EOF")
	if diff := series(text) - series(open); diff != 0 {
		t.Errorf("OpenMetrics has %d series less", diff)
	}
}

// Before the first tick there is nothing to tell, which is not zero.
func TestScrapeEarly(t *testing.T) {
	h := newHost(group.Config{})
	if text := h.scrape(t, plain); series(text) != 1 {
		t.Errorf("%s", text)
	}
}

// Every name that the list has is told by a host that has everything, and no other.
func TestWhole(t *testing.T) {
	h := busy()
	var want []string
	for _, m := range List() {
		want = append(want, m.Pull())
	}
	var got []string
	for line := range strings.Lines(h.scrape(t, plain)) {
		if words := strings.Fields(line); words[0] == "#" && words[1] == "TYPE" {
			got = append(got, words[2])
		}
	}
	sorted := cmp.Transformer("sort", func(in []string) map[string]bool {
		set := map[string]bool{}
		for _, s := range in {
			set[s] = true
		}
		return set
	})
	if diff := cmp.Diff(want, got, sorted); diff != "" {
		t.Error(diff)
	}
}

func TestPromtool(t *testing.T) {
	testkit.Tools(t, "promtool")
	c := exec.Command("promtool", "check", "metrics")
	c.Stdin = strings.NewReader(busy().scrape(t, plain))
	if out, err := c.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

// An attack with 20,000 peers and 5,000 names makes no more than 480 series, whenever it
// is looked at.
func TestAttack(t *testing.T) {
	h := newHost(group.Config{Peer: group.PeerIP})
	h.tick(conn.Sample{})
	next := uint64(1)
	most := 0
	for range 20 {
		var s conn.Sample
		for range 2000 {
			c := h.out(next, named(int(next%5000)), 0, 10, 10)
			c.Raddr[13], c.Raddr[14] = byte(next%20_000>>8), byte(next%20_000)
			if next%2 == 0 {
				c.State, c.Reason = conn.Closed, conn.FinLocal
				s.Closed = append(s.Closed, c)
			} else {
				s.Conns = append(s.Conns, c)
			}
			next++
		}
		s.Cost = conn.Cost{Mono: h.now, CPU: 1, Resident: 1, Maps: 1}
		h.tick(s)
		most = max(most, series(h.scrape(t, plain)))
	}
	if most != 480 {
		t.Errorf("%d series at most, want 480: 51 groups of 8, and 72 of the host", most)
	}
}

func BenchmarkScrape(b *testing.B) {
	h := newHost(group.Config{})
	h.tick(conn.Sample{})
	var s conn.Sample
	for i := range 200 {
		s.Conns = append(s.Conns, h.out(uint64(i+1), named(i), 1, 10, 10))
	}
	for range 8 {
		h.tick(s)
	}
	handler := h.board.Handler()
	size := 0
	for b.Loop() {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		size = w.Body.Len()
	}
	b.ReportMetric(float64(size), "B/scrape")
}
