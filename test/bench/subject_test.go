package bench

import (
	"bytes"
	"fmt"
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
}

// without is what everything is compared with. It is there twice: what nothing
// against nothing gives is as fine as these comparisons can be.
var (
	without = subject{"with=nothing", nothing}
	again   = subject{"with=nothing-again", nothing}
)

func nothing(*testing.B) (int, func()) { return 0, func() {} }

// program is the real tcptop, streaming away.
func program(name, path string, flags ...string) subject {
	return subject{name, func(b *testing.B) (int, func()) {
		cmd := exec.Command(path, append([]string{"-b", "-o", "jsonl"}, flags...)...) // output goes to /dev/null
		var said bytes.Buffer
		cmd.Stderr = &said
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		stop := func() {
			_ = cmd.Process.Signal(unix.SIGINT)
			if err := cmd.Wait(); err != nil {
				b.Errorf("%s: %v\n%s", name, err, &said)
			}
		}
		testkit.Eventually(b, 20*time.Second, func() error { return attached(cmd.Process.Pid) })
		time.Sleep(300 * time.Millisecond) // for the first tick, which is another matter
		return cmd.Process.Pid, stop
	}}
}

// attached tells whether a tcptop has put its hooks in: iterators come after them.
func attached(pid int) error {
	infos, err := filepath.Glob(fmt.Sprintf("/proc/%d/fdinfo/*", pid))
	if err != nil {
		return err
	}
	for _, path := range infos {
		if info, err := os.ReadFile(path); err == nil && bytes.Contains(info, []byte("link_type:\titer")) {
			return nil
		}
	}
	return fmt.Errorf("process %d has no iterator yet", pid)
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
