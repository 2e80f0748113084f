package kernel

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tcptop/internal/testkit"
)

// result is how a run of tcptop ended and what it printed.
type result struct {
	status int
	pid    string // as this process sees it
	stdout []byte
	stderr string // without the lines of ticks that were missed
}

// rawLog is what the verifier, the loader or a crash would print, or what the loader
// tries first and fails with where bpf(2) is refused.
var rawLog = regexp.MustCompile(`processed \d+ insns|R\d+_w|; R\d|\bR\d+=|\d+: \([0-9a-f]{2}\)|func#|arg#|libbpf|(?i:memlock)|panic:|goroutine \d`)

// longest is more than any message of tcptop's has bytes.
const longest = 800

// terse requires at most one line and a hint on stderr, for people.
func (r *result) terse(t *testing.T) {
	t.Helper()
	lines := strings.SplitAfter(r.stderr, "\n")
	lines = lines[:len(lines)-1]
	for i, line := range lines {
		if want := []string{"tcptop: ", "hint: "}; i >= len(want) || !strings.HasPrefix(line, want[i]) {
			t.Errorf("line %d of stderr: %s", i+1, line)
		}
	}
	if raw := rawLog.FindString(r.stderr); raw != "" || len(r.stderr) > longest || !strings.HasSuffix("\n"+r.stderr, "\n") {
		t.Errorf("not for people (%q, %d bytes): %s", raw, len(r.stderr), r.stderr)
	}
}

// refused requires a reason that names words, a hint and no rows.
func (r *result) refused(t *testing.T, words []string) {
	t.Helper()
	if len(r.stdout) > 0 {
		t.Errorf("stdout: %s", r.stdout)
	}
	if strings.Count(r.stderr, "\n") != 2 {
		t.Errorf("want a reason and a hint: %s", r.stderr)
	}
	r.names(t, words)
}

// names requires words on stderr.
func (r *result) names(t *testing.T, words []string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(r.stderr, word) {
			t.Errorf("%q is not in: %s", word, r.stderr)
		}
	}
}

// known requires the rows of the sockets that tcptop was given, and that of another
// user's listener unless the network namespace is tcptop's own.
func (r *result) known(t *testing.T, s *situation, source string, ns *testkit.NS, foreign uint16) {
	t.Helper()
	got := map[string]string{}
	for _, row := range parse(t, r.stdout) {
		if s.alone || row["netns"] == "" || row["netns"] == fmt.Sprint(ns.Inode()) {
			key := fmt.Sprintf("%s:%s-%s", row["laddr"], row["lport"], row["rport"])
			got[key] = fmt.Sprint(row["state"], " tx ", row["tx_bytes"], " rx ", row["rx_bytes"], " pid ", row["pid"], " ", row["source"])
		}
	}
	own, others := s.owners(r, source)
	want := map[string]string{
		fmt.Sprintf("127.0.0.1:%d-", serverPort):               fmt.Sprint("listen tx  rx  pid ", own, " ", source),
		fmt.Sprintf("127.0.0.1:%d-%d", clientPort, serverPort): fmt.Sprint("established tx ", pairBytes, " rx 0 pid ", own, " ", source),
		fmt.Sprintf("127.0.0.1:%d-%d", serverPort, clientPort): fmt.Sprint("established tx 0 rx ", pairBytes, " pid ", own, " ", source),
	}
	if !s.alone {
		want[fmt.Sprintf("127.0.0.1:%d-", foreign)] = fmt.Sprint("listen tx  rx  pid ", others, " ", source)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s\n%s", diff, r.stderr)
	}
}

// owners are the processes that a source shows for tcptop's own sockets and for ours.
func (s *situation) owners(r *result, source string) (own, others string) {
	own, others = r.pid, fmt.Sprint(os.Getpid())
	if source == "bpf" {
		return own, others
	}
	if s.alone {
		own = "1" // sock_diag has the pids of its own /proc only
	}
	if s.noProc {
		own = ""
	}
	if s.blind || s.noProc {
		others = ""
	}
	return own, others
}
