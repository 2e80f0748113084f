package kernel

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"tcptop/internal/testkit"
)

// sums are what an agent tells of bytes.
type sums struct {
	host   uint64
	groups uint64            // and what is retired
	by     map[string]uint64 // of groups by process and direction
	places int               // series of agents-load among these
	conns  uint64            // of agents-load
}

// freeAddr is an address of this machine that nobody listens on.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, l.Close())
	return l.Addr().String()
}

// scrape asks an agent as a Prometheus does.
func scrape(url string) (s sums, err error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Get(url)
	if err != nil {
		return s, err
	}
	defer r.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(r.Body)
	if err != nil {
		return s, err
	}
	s.by = map[string]uint64{}
	for name, f := range families {
		for _, m := range f.Metric {
			n, labels := uint64(m.GetCounter().GetValue()), map[string]string{}
			for _, l := range m.Label {
				labels[l.GetName()] = l.GetValue()
			}
			switch name {
			case "tcptop_host_io_bytes_total":
				s.host += n
			case "tcptop_group_io_bytes_total":
				s.groups += n
				s.by[labels["process_executable_name"]+" "+labels["network_io_direction"]] += n
				if labels["process_executable_name"] == "agents-load" {
					s.places++
				}
			case "tcptop_group_connections":
				if labels["process_executable_name"] == "agents-load" {
					s.conns += uint64(m.GetGauge().GetValue())
				}
			case "tcptop_group_retired_io_bytes_total":
				s.groups += n
			}
		}
	}
	if s.host != s.groups {
		return s, fmt.Errorf("the groups and what is retired have %d bytes, the host %d", s.groups, s.host)
	}
	return s, nil
}

// TestAgent is asked while connections of all kinds come and go: the groups are the host's
// bytes each time, and what a process moved is, at both ends, in its groups to the byte.
func TestAgent(t *testing.T) {
	testkit.Kernel(t)
	ns := testkit.NetNS(t)
	addr := freeAddr(t)
	url := "http://" + addr + "/metrics"
	c := startAs(t, nil, tcptop(t), "agent", "--listen", addr, "-d", "200ms")
	load := func(n int) *testkit.Workload {
		return testkit.Start(t, ns, "bulk", "-n", fmt.Sprint(testkit.Scaled(n)), "-max", "200000", "-hold", "-comm", "agents-load")
	}
	var before sums
	asked := func(cond func(sums) error) {
		testkit.Eventually(t, patience, func() error {
			s, err := scrape(url)
			if err != nil {
				return err
			}
			if err := cond(s); err != nil {
				return err
			}
			before = s
			return nil
		})
	}
	asked(func(sums) error { return nil })
	first := load(20) // gives the process a place, and the zero that is read first
	first.Ready()
	asked(func(s sums) error {
		if s.places != 4 {
			return fmt.Errorf("no group of agents-load at each end: %v", s.by)
		}
		return nil
	})
	first.Finish()
	asked(func(s sums) error {
		if s.conns != 0 {
			return fmt.Errorf("%d connections of agents-load", s.conns)
		}
		return nil
	})
	from := before

	second := load(100)
	var sent, received uint64
	for _, end := range second.Ready() {
		sent += end.TxBytes
		received += end.RxBytes
	}
	asked(func(s sums) error {
		tx, rx := s.by["agents-load transmit"]-from.by["agents-load transmit"], s.by["agents-load receive"]-from.by["agents-load receive"]
		if tx != sent || rx != received {
			return fmt.Errorf("agents-load sent %d of %d bytes, received %d of %d", tx, sent, rx, received)
		}
		return nil
	})
	confined(t, c.cmd.Process.Pid, watching)
	second.Finish()
	asked(func(sums) error { return nil })
	if loss := lossOf(t, url); loss != "" {
		t.Error(loss)
	}
	c.endsInTime(c.signal(syscall.SIGTERM))
}

// lossOf are the lines of an answer that tell of a loss.
func lossOf(t *testing.T, url string) string {
	t.Helper()
	r, err := http.Get(url)
	must(t, err)
	defer r.Body.Close()
	var text bytes.Buffer
	_, err = text.ReadFrom(r.Body)
	must(t, err)
	var lines []string
	for line := range strings.Lines(text.String()) {
		if strings.HasPrefix(line, "tcptop_capture_lost_events_total") && !strings.HasSuffix(line, " 0\n") && !strings.Contains(line, "missed_ticks") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}
