package fleet

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"tcptop/internal/testkit"
)

// recording is an agent with a host name of its own that delivers records to e.
func recording(t testing.TB, host string, e *engine) {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	c := exec.Command("unshare", "--uts", "sh", "-c", `hostname "$0" && exec "$@"`, host, path, "agent", "-d", "250ms",
		"--flows", e.address(), "--flows-interval", "500ms", "--flows-top", "5000", "--spool", t.TempDir()+"/spool")
	c.Stderr = &stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		if err := c.Wait(); err != nil || t.Failed() {
			t.Errorf("%s: %v\n%s", host, err, &stderr)
		}
	})
}

// byHost is what sql says of each host, and of what the second column says.
func byHost(e *engine, sql string) map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(e.query(sql + " FORMAT TabSeparated")) {
		f := strings.SplitN(strings.TrimSpace(line), "\t", 2)
		all[f[0]] = f[1]
	}
	return all
}

// TestAgentsRecord has four hosts move known bytes, each in its own network namespace, while
// the engine is killed at random moments: of each namespace every agent has told what its
// load moved, to the byte. (Agents see all namespaces of a machine, so each tells of all.)
func TestAgentsRecord(t *testing.T) {
	testkit.Kernel(t)
	e := clickhouse(t)
	e.start()
	e.tables("flows-18.16.sql")
	const hosts = 4
	for n := range hosts {
		recording(t, fmt.Sprintf("host-%d", n), e)
	}
	testkit.Eventually(t, time.Minute, func() error { // what is older than an agent is not told
		if told := byHost(e, "SELECT host, count() FROM tcptop.flows GROUP BY host"); len(told) != hosts {
			return fmt.Errorf("records of %v", told)
		}
		return nil
	})
	var running []*testkit.Workload
	for n := range uint64(hosts) {
		running = append(running, load(t, testkit.NetNS(t), 40, n+1))
	}
	time.Sleep(time.Duration(rand.IntN(1000)) * time.Millisecond)
	e.kill()
	want := map[string]string{}
	for _, w := range running {
		var rx, tx uint64
		ends := w.Ready()
		for _, end := range ends {
			rx, tx = rx+end.RxBytes, tx+end.TxBytes
		}
		for n := range hosts {
			want[fmt.Sprintf("host-%d/%d", n, ends[0].NetNS)] = fmt.Sprintf("%d\t%d", rx, tx)
		}
	}
	e.start()
	for _, w := range running {
		time.Sleep(time.Duration(rand.IntN(500)) * time.Millisecond)
		w.Finish()
	}
	e.kill()
	e.start()
	testkit.Eventually(t, 2*time.Minute, func() error {
		got := byHost(e, "SELECT concat(host, '/', toString(netns)), sum(rx_bytes), sum(tx_bytes) FROM "+once+" WHERE comm = 'fleet-load' GROUP BY host, netns")
		if len(got) != len(want) {
			return fmt.Errorf("the engine has %v, there was %v", got, want)
		}
		for key, moved := range want {
			if got[key] != moved {
				return fmt.Errorf("%s: the engine has %q, there was %q", key, got[key], moved)
			}
		}
		return nil
	})
	if dropped := e.query("SELECT count() FROM tcptop.flows WHERE reason != ''"); dropped != "0" {
		t.Errorf("%s records tell of what was dropped", dropped)
	}
}
