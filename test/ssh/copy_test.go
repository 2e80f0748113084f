package ssh

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tcptop/internal/testkit"
)

// TestCopyKilled kills the shell there with SIGKILL while the program is on its way, which no
// trap sees: nothing is there at that moment, nor afterwards.
func TestCopyKilled(t *testing.T) {
	s := newSite(t, 1)
	// Who takes what arrives, a child of the shell, waits for ever.
	s.write("remote/cat", "#!/bin/sh\necho $PPID >"+s.path("shell")+".new && mv "+s.path("shell")+".new "+s.path("shell")+"\nexec sleep 60\n")
	c := s.tcptop("fleet", "h1", "--copy", "-b", "--backend", "diag")
	var stderr strings.Builder
	c.Stderr = &stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill() })
	shell := 0
	testkit.Eventually(t, testkit.Patience(20*time.Second), func() error {
		text, err := os.ReadFile(s.path("shell"))
		if err == nil {
			shell, err = strconv.Atoi(strings.TrimSpace(string(text)))
		}
		return err
	})
	s.empty()
	waiting, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", shell, shell))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(shell, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(string(waiting)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(child, syscall.SIGKILL); err != nil { // ssh's connection is its, too
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := c.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("%v\n%s", err, &stderr)
	}
	s.empty()
}
