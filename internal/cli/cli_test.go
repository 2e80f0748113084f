package cli_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"tcptop/internal/cli"
	"tcptop/internal/testkit"
)

// TestMain makes the test binary the tcptop of the scripts, on a fake host.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"tcptop": func() {
			ctx, stop := cli.Signals()
			defer stop()
			os.Exit(cli.Main(ctx, fakeEnv(os.Stdout, os.Stderr), os.Args[1:]))
		},
	})
}

// patience is how long an end may take. The program allows itself a second (lastTick,
// lastWord), to which a busy machine adds; whoever waits for the reader never ends.
const patience = 10 * time.Second

// noRaceSleep keeps the race detector from making each process end a second later.
const noRaceSleep = "GORACE=atexit_sleep_ms=0"

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "../../test/script",
		UpdateScripts: testkit.Updating(),
		Setup: func(e *testscript.Env) error {
			e.Vars = append(e.Vars, noRaceSleep)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exit": exitCode},
	})
}

// exitCode is the script command "exit CODE program args...".
func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	var status *exec.ExitError
	switch {
	case errors.As(err, &status):
		got = strings.TrimPrefix(status.String(), "exit status ")
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if (got == args[0]) == neg {
		ts.Fatalf("exit status is %s, not %s", got, args[0])
	}
}

// process is tcptop in a process of its own with its stdout in our hands.
type process struct {
	*exec.Cmd
	out    *os.File
	stderr *strings.Builder
}

func start(t *testing.T, fake string, args ...string) *process {
	t.Helper()
	stderr := new(strings.Builder)
	p := startTo(t, fake, stderr, args...)
	p.stderr = stderr
	return p
}

func startTo(t *testing.T, fake string, stderr io.Writer, args ...string) *process {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	p := &process{Cmd: exec.Command("tcptop", args...), out: r}
	p.Env = append(os.Environ(), noRaceSleep, "TCPTOP_FAKE="+fake)
	p.Stdout, p.Stderr = w, stderr
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	return p
}

// endsWithin fails unless p ends with status 0 in a second.
func (p *process) endsWithin(t *testing.T, limit time.Duration) {
	t.Helper()
	from := time.Now()
	kill := time.AfterFunc(10*time.Second, func() { _ = p.Process.Kill() })
	defer kill.Stop()
	if err := p.Wait(); err != nil {
		t.Errorf("tcptop: %v, want status 0; stderr:\n%s", err, p.stderr)
	}
	if took := time.Since(from); took > limit {
		t.Errorf("tcptop ended after %v, want %v at most", took, limit)
	}
}

// readLine reads the first line, so that the program is known to run.
func (p *process) readLine(t *testing.T) {
	t.Helper()
	if _, err := bufio.NewReaderSize(p.out, 16).ReadSlice('\n'); err != nil && !errors.Is(err, bufio.ErrBufferFull) {
		t.Fatal(err)
	}
}

func TestClosedPipe(t *testing.T) {
	for _, fake := range []string{"flood", "quiet"} {
		t.Run(fake, func(t *testing.T) {
			p := start(t, fake)
			p.readLine(t)
			_ = p.out.Close()
			p.endsWithin(t, patience)
			if p.stderr.Len() > 0 {
				t.Errorf("stderr: %q, want nothing", p.stderr)
			}
		})
	}
}

func TestBlockedReader(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		p := start(t, "flood", "-o", "jsonl")
		p.readLine(t)
		if err := p.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		p.endsWithin(t, patience)
		if want := "tcptop: the reader of the output did not take the last tick\n"; p.stderr.String() != want {
			t.Errorf("stderr: %q, want %q", p.stderr, want)
		}
	}
}

// blockedPipe is stdout and stderr of a program whose reader sleeps.
func blockedPipe(t *testing.T) io.Writer {
	r, w := io.Pipe()
	t.Cleanup(func() { _ = r.Close() })
	return w
}

func TestBlockedStderrToo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := blockedPipe(t)
	from := time.Now()
	if code := cli.Main(ctx, fakeEnv(w, w), nil); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if took := time.Since(from); took > patience {
		t.Errorf("took %v, want %v at most", took, patience)
	}
}

func TestSignalFlushesTheLastTick(t *testing.T) {
	p := start(t, "quiet", "--fields", "comm,event")
	out := bufio.NewReader(p.out)
	if _, err := out.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if err := p.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	p.endsWithin(t, patience)
	if !strings.HasSuffix(strings.TrimSpace(string(rest)), "[CLOSED]") || !strings.Contains(string(rest), "last-word") {
		t.Errorf("the last tick is missing:\n%s", rest)
	}
}

func TestFullDevice(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	var stderr strings.Builder
	if code := cli.Main(t.Context(), fakeEnv(full, &stderr), nil); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if !strings.Contains(stderr.String(), "no space left on device") {
		t.Errorf("stderr: %q", stderr.String())
	}
}
