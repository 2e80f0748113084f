package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tcptop/internal/testkit"
)

// subject is something whose cost is looked for. start returns when it has an
// effect, with the process that holds its programs; stop, when it has none.
type subject struct {
	name  string
	start func(b *testing.B) (pid int, stop func())
	// within is start for what watches the namespace that the workload is in.
	within func(b *testing.B, ns *testkit.NS) (stop func())
}

// without is what everything is compared with. It is there twice: what nothing
// against nothing gives is as fine as these comparisons can be.
var (
	without = subject{name: "with=nothing", start: nothing}
	again   = subject{name: "with=nothing-again", start: nothing}
)

func nothing(*testing.B) (int, func()) { return 0, func() {} }

// program is the real tcptop, streaming away. Its first line says that every hook is in.
func program(name, path string, flags ...string) subject {
	return subject{name: name, start: func(b *testing.B) (int, func()) {
		row, err := net.Listen("tcp4", "127.0.0.1:0") // there is a line also where nobody else has a socket
		if err != nil {
			b.Fatal(err)
		}
		cmd := exec.Command(path, append([]string{"-b", "-o", "jsonl"}, flags...)...)
		var said bytes.Buffer
		cmd.Stderr = &said
		out, err := cmd.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		lines := bufio.NewReader(out)
		if _, err := lines.ReadBytes('\n'); err != nil {
			b.Fatalf("%s: %v\n%s", name, err, &said)
		}
		read := make(chan struct{})
		go func() {
			defer close(read)
			_, _ = io.Copy(io.Discard, lines)
		}()
		stop := func() {
			_ = cmd.Process.Signal(unix.SIGINT)
			<-read
			_ = row.Close()
			if err := cmd.Wait(); err != nil {
				b.Errorf("%s: %v\n%s", name, err, &said)
			}
		}
		return cmd.Process.Pid, stop
	}}
}

// screen is tcptop as a person has it, in a terminal. What it shows first is that there was a tick.
func screen(name, path string, flags ...string) subject {
	return subject{name: name, start: func(b *testing.B) (int, func()) {
		cmd := exec.Command(path, flags...)
		cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+b.TempDir(), "XDG_CONFIG_HOME="+b.TempDir())
		t, err := inTerminal(cmd)
		if err != nil {
			b.Fatal(err)
		}
		testkit.Eventually(b, time.Minute, func() error {
			if !bytes.Contains(t.said(), []byte("every 1s")) {
				return fmt.Errorf("%s shows no tick: %q", name, t.said())
			}
			return nil
		})
		return cmd.Process.Pid, func() { t.end(b) }
	}}
}

// buildTcptop builds the program as users get it.
func buildTcptop(b *testing.B) string {
	path := filepath.Join(b.TempDir(), "tcptop")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "tcptop/cmd/tcptop")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("build tcptop: %v\n%s", err, out)
	}
	return path
}
