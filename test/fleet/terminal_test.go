package fleet

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"tcptop/internal/testkit"
)

// terminal is a tmux server of its own with one window.
type terminal struct {
	t      testing.TB
	socket string
}

// openTerminal runs a shell command in one until the test ends.
func openTerminal(t testing.TB, command string) *terminal {
	t.Helper()
	w := &terminal{t: t, socket: filepath.Join(t.TempDir(), "tmux")}
	w.tmux("new-session", "-d", "-s", "s", "-x", "160", "-y", "30", "-e", "XDG_STATE_HOME="+t.TempDir(), command)
	t.Cleanup(func() { w.tmux("kill-server") })
	return w
}

func (w *terminal) tmux(args ...string) string {
	w.t.Helper()
	c := exec.Command("tmux", append([]string{"-S", w.socket, "-f", "/dev/null"}, args...)...)
	c.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TMUX=")
	out, err := c.CombinedOutput()
	if err != nil {
		w.t.Fatalf("tmux %q: %v\n%s", args, err, out)
	}
	return string(out)
}

func (w *terminal) keys(keys ...string) {
	w.t.Helper()
	w.tmux(append([]string{"send-keys", "-t", "s"}, keys...)...)
}

func (w *terminal) screen() string { return w.tmux("capture-pane", "-p", "-t", "s") }

// sees waits until the screen matches every one of all.
func (w *terminal) sees(all ...string) {
	w.t.Helper()
	testkit.Eventually(w.t, time.Minute, func() error {
		text := w.screen()
		for _, one := range all {
			if !regexp.MustCompile(one).MatchString(text) {
				return fmt.Errorf("%q is not on the screen:\n%s", one, text)
			}
		}
		return nil
	})
}

// lacks waits until the screen does not match one any more.
func (w *terminal) lacks(one string) {
	w.t.Helper()
	testkit.Eventually(w.t, time.Minute, func() error {
		if text := w.screen(); regexp.MustCompile(one).MatchString(text) {
			return fmt.Errorf("%q is on the screen:\n%s", one, text)
		}
		return nil
	})
}
