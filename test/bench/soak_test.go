package bench

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tcptop/internal/testkit"
)

// BenchmarkSoak has short connections come and go beside a streaming tcptop for
// TCPTOP_SOAK_SECONDS (60; 3600 is an hour) and prints what it holds at their start and
// at their end. What grows with the time is a leak; time-wait sockets, which are rows
// too, are as many as they get after the minute that comes before.
func BenchmarkSoak(b *testing.B) {
	testkit.Kernel(b)
	path := buildTcptop(b)
	seconds := number(b, "TCPTOP_SOAK_SECONDS", 60)
	storm := workload{"load=churn", []string{"bench-churn"}}
	for b.Loop() {
		ns := testkit.NetNS(b)
		early, late := startSoaked(b, path), startSoaked(b, path)
		storm.run(b, ns, timeWait+10)
		early.holdings(b, "start")
		begun, conns := time.Now(), 0.0
		for time.Since(begun).Seconds() < seconds {
			conns += storm.run(b, ns, min(60, seconds)).Ops
		}
		late.holdings(b, "end")
		b.ReportMetric(conns, "conns")
	}
}

// timeWait is how long the kernel keeps such a socket, in seconds (TCP_TIMEWAIT_LEN).
const timeWait = 60

// soaked is a tcptop that streams to nobody.
type soaked struct {
	cmd    *exec.Cmd
	stderr bytes.Buffer
}

func startSoaked(b *testing.B, path string) *soaked {
	s := &soaked{cmd: exec.Command(path, "-b", "-o", "csv")}
	s.cmd.Stderr = &s.stderr // standard output is /dev/null
	if err := s.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	return s
}

// holdings prints what it holds and ends it: asked to quit, Go's runtime says what its
// goroutines do.
func (s *soaked) holdings(b *testing.B, when string) {
	pid := s.cmd.Process.Pid
	m := memoryOf(b, pid)
	b.ReportMetric(m.own, when+"-own-MiB")
	b.ReportMetric(m.maps, when+"-maps-MiB")
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	for name, what := range map[string]string{"fd": "descriptors", "task": "threads"} {
		entries, err := os.ReadDir(filepath.Join(dir, name))
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(entries)), when+"-"+what)
	}
	if err := s.cmd.Process.Signal(unix.SIGQUIT); err != nil {
		b.Fatal(err)
	}
	_ = s.cmd.Wait() // it ends by the signal
	b.ReportMetric(float64(strings.Count(s.stderr.String(), "\ngoroutine ")), when+"-goroutines")
}
