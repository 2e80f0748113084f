package testkit

import (
	"io"
	"os"
	"testing"
	"time"

	"tcptop/internal/testkit/truth"
)

// Truth is what one socket end or UDP flow moved, known to the byte.
type Truth = truth.Record

// ReadTruth reads the records of a workload up to its end or to the line that
// says it is ready.
func ReadTruth(r io.Reader) ([]Truth, error) { return truth.NewReader(r).Records() }

// patience bounds every wait for a workload.
const patience = 2 * time.Minute

// Workload is a running traffic generator that speaks over its standard input
// and output.
type Workload struct {
	t     testing.TB
	cmd   *Cmd
	in    io.WriteCloser
	out   *os.File
	lines *truth.Reader
}

// Start starts the traffic generator in ns (nil: the test's own namespace) with
// a subcommand and its flags.
func Start(t testing.TB, ns *NS, args ...string) *Workload {
	t.Helper()
	return start(t, command(t, ns, Load(t), args...))
}

func start(t testing.TB, cmd *Cmd) *Workload {
	t.Helper()
	w := &Workload{t: t, cmd: cmd}
	var err error
	if w.in, err = w.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	w.out = out.(*os.File)
	w.lines = truth.NewReader(out)
	w.cmd.Stderr = t.Output()
	if err := w.cmd.Start(); err != nil {
		t.Fatalf("start workload: %v", err)
	}
	return w
}

// NS returns the namespace that the generator is in.
func (w *Workload) NS() *NS { return w.cmd.ns }

// PID returns the process id of the generator.
func (w *Workload) PID() int { return w.cmd.Process.Pid }

// Ready waits until a workload that holds its sockets says so and returns the
// records up to then.
func (w *Workload) Ready() []Truth {
	w.t.Helper()
	w.limit()
	records, err := w.lines.Records()
	if err != nil {
		w.t.Fatalf("workload: %v", err)
	}
	if !w.lines.Ready() {
		w.t.Fatalf("workload ended before it was ready")
	}
	return records
}

// Tell writes a command line to a workload that holds and waits until it says ok.
func (w *Workload) Tell(line string) truth.Line {
	w.t.Helper()
	w.limit()
	if _, err := io.WriteString(w.in, line+"\n"); err != nil {
		w.t.Fatalf("tell workload: %v", err)
	}
	answer, err := w.lines.Next()
	if err != nil {
		w.t.Fatalf("answer of workload: %v", err)
	}
	if !answer.OK {
		w.t.Fatalf("workload did not say ok to %q", line)
	}
	return answer
}

// Finish lets a workload that holds go, waits for its end and returns the
// records that it still printed.
func (w *Workload) Finish() []Truth {
	w.t.Helper()
	w.limit()
	if err := w.in.Close(); err != nil {
		w.t.Fatalf("end workload: %v", err)
	}
	records, err := w.lines.Records()
	if err != nil {
		w.t.Fatalf("workload: %v", err)
	}
	if err := w.cmd.Wait(); err != nil {
		w.t.Fatalf("workload: %v", err)
	}
	return records
}

func (w *Workload) limit() {
	if err := w.out.SetReadDeadline(time.Now().Add(Patience(patience))); err != nil {
		w.t.Fatalf("deadline: %v", err)
	}
}
