package cli_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"tcptop/internal/testkit"
)

// agent is a tcptop agent that answers.
type agent struct {
	*process
	url string // of /metrics
}

var metricsAt = regexp.MustCompile(`metrics at (\S+)`)

func startAgent(t *testing.T, fake string, args ...string) *agent {
	t.Helper()
	file := filepath.Join(t.TempDir(), "stderr")
	stderr, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	a := &agent{process: startTo(t, fake, stderr, append([]string{"agent", "--listen", ":0"}, args...)...)}
	testkit.Eventually(t, patience, func() error {
		text, err := os.ReadFile(file)
		if at := metricsAt.FindSubmatch(text); at != nil {
			a.url = string(at[1])
			return nil
		}
		return fmt.Errorf("%w: %s", err, text)
	})
	return a
}

// get is what the agent answers.
func (a *agent) get(path string) (string, error) {
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := c.Get(strings.TrimSuffix(a.url, "/metrics") + path)
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	return r.Status + "\n" + string(text), err
}

// stop ends it as systemd does.
func (a *agent) stop(t *testing.T) {
	t.Helper()
	if err := a.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := a.Wait(); err != nil {
		t.Error(err)
	}
}

func (a *agent) until(t *testing.T, line string) {
	t.Helper()
	testkit.Eventually(t, patience, func() error {
		text, err := a.get("/metrics")
		if err == nil && !strings.Contains(text, "\n"+line+"\n") {
			err = fmt.Errorf("no line %s in\n%s", line, text)
		}
		return err
	})
}

func TestAgent(t *testing.T) {
	health := filepath.Join(t.TempDir(), "health")
	a := startAgent(t, "quiet", "--health", health)
	a.until(t, `tcptop_host_connections{network_connection_state="established",network_transport="tcp"} 2`)
	if text, err := a.get("/healthz"); err != nil || text != "200 OK\nok\n" {
		t.Errorf("%q %v", text, err)
	}
	if text, err := a.get("/"); err != nil || !strings.HasPrefix(text, "404") {
		t.Errorf("%q %v", text, err)
	}
	if text, err := os.ReadFile(health); err != nil || len(text) != len("2026-11-26T02:03:04Z\n") {
		t.Errorf("%q %v", text, err)
	}
	a.stop(t)
	if _, err := a.get("/metrics"); err == nil {
		t.Error("it still answers")
	}
}

// A host may be a network namespace.
func TestAgentNetNS(t *testing.T) {
	for _, netns := range []string{"blue", "4026532000"} {
		a := startAgent(t, "quiet", "--netns", netns)
		a.until(t, `tcptop_host_connections{network_connection_state="established",network_transport="tcp"} 1`)
		a.until(t, `tcptop_host_connections{network_connection_state="listen",network_transport="tcp"} 0`)
		a.stop(t)
	}
}

// A group counts for itself once it has been read.
func TestAgentGroups(t *testing.T) {
	a := startAgent(t, "busy", "--redact", "comm")
	text := ""
	testkit.Eventually(t, patience, func() (err error) {
		text, err = a.get("/metrics")
		if err == nil && !regexp.MustCompile(`(?m)^tcptop_group_io_bytes_total.*process_executable_name="",server_port="443",tcptop_peer="internet".* [1-9]`).MatchString(text) {
			err = fmt.Errorf("no bytes of a group in\n%s", text)
		}
		return err
	})
	if strings.Contains(text, "curl") {
		t.Error("a name is told")
	}
	a.stop(t)
}
