package bench

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tcptop/internal/testkit"
)

// BenchmarkSoak has short connections come and go beside a streaming tcptop for
// TCPTOP_SOAK_SECONDS (60; 3600 is an hour) and prints what it holds in the minute before
// and in the last one. What grows with the time is a leak; time-wait sockets, which are rows
// too, are as many as they get after another minute, which comes first.
func BenchmarkSoak(b *testing.B) {
	testkit.Kernel(b)
	path := buildTcptop(b)
	seconds := number(b, "TCPTOP_SOAK_SECONDS", 60)
	storm := workload{"load=churn", []string{"bench-churn"}}
	for b.Loop() {
		ns := testkit.NetNS(b)
		early, late := startSoaked(b, path), startSoaked(b, path)
		storm.run(b, ns, timeWait+10)
		minute := min(60, seconds)
		early.watch(b, "start", func() { storm.run(b, ns, minute) })
		begun, conns := time.Now(), 0.0
		for time.Since(begun).Seconds() < seconds-1.5*minute {
			conns += storm.run(b, ns, minute).Ops
		}
		late.watch(b, "end", func() { conns += storm.run(b, ns, minute).Ops })
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

// watch prints what it holds during a storm, its own memory each second, since that is up before
// a collection and down after it, and ends it.
func (s *soaked) watch(b *testing.B, when string, storm func()) {
	own, over, done := []float64{}, make(chan struct{}), make(chan error)
	go func() {
		for {
			m, err := readMemory(s.cmd.Process.Pid)
			if own = append(own, m.own); err != nil {
				done <- err
				return
			}
			select {
			case <-over:
				done <- nil
				return
			case <-time.After(time.Second):
			}
		}
	}()
	storm()
	close(over)
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	slices.Sort(own)
	spread(b, own, when+"-own-MiB")
	s.holdings(b, when)
}

// holdings prints what else it holds and ends it: asked to quit, Go's runtime says what its
// goroutines do.
func (s *soaked) holdings(b *testing.B, when string) {
	pid := s.cmd.Process.Pid
	b.ReportMetric(memoryOf(b, pid).maps, when+"-maps-MiB")
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
