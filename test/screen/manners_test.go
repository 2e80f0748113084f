package screen

import (
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

// restored waits until the terminal is as it was before tcptop: its usual screen, a
// cursor, no mouse.
func (w *terminal) restored() {
	w.t.Helper()
	testkit.Eventually(w.t, 20*time.Second, func() error {
		modes := strings.TrimSpace(w.tmux("display-message", "-p", "-t", "s", "#{alternate_on} #{cursor_flag} #{mouse_any_flag}"))
		if modes != "0 1 0" {
			return fmt.Errorf("alternate screen, cursor, mouse: %s", modes)
		}
		return nil
	})
}

// child is the only process that the terminal's shell has started.
func (w *terminal) child() int {
	w.t.Helper()
	shell := strings.TrimSpace(w.tmux("display-message", "-p", "-t", "s", "#{pane_pid}"))
	pid := 0
	testkit.Eventually(w.t, 20*time.Second, func() error {
		children, err := os.ReadFile(fmt.Sprintf("/proc/%s/task/%s/children", shell, shell))
		if err != nil {
			return err
		}
		pid, err = strconv.Atoi(strings.TrimSpace(string(children)))
		return err
	})
	return pid
}

// However the screen ends, the terminal is given back.
func TestTerminalIsRestored(t *testing.T) {
	testkit.Kernel(t)
	testkit.Tools(t, "tmux")
	bin := build(t)
	for _, c := range []struct {
		name, status string
		end          func(w *terminal)
	}{
		{"quit", "left with 0", func(w *terminal) { w.keys("q") }},
		{"ctrl-c", "left with 0", func(w *terminal) { w.keys("C-c") }},
		{"SIGTERM", "left with 0", func(w *terminal) { _ = syscall.Kill(w.child(), syscall.SIGTERM) }},
		{"SIGINT", "left with 0", func(w *terminal) { _ = syscall.Kill(w.child(), syscall.SIGINT) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := open(t, 80, 24, bin+"; "+farewell)
			w.sees(`tcptop \S+`, `every 1s`, `q quit`)
			c.end(w)
			w.sees(c.status, ` icanon`)
			w.restored()
		})
	}
}

// ^Z gives the terminal back, fg draws the screen again and goes on.
func TestSuspend(t *testing.T) {
	testkit.Kernel(t)
	testkit.Tools(t, "tmux")
	w := open(t, 80, 24, "bash --norc -i")
	w.typed(build(t) + "\n")
	w.sees(`tcptop \S+`, `every 1s`, `q quit`)
	for range 2 {
		w.keys("C-z")
		w.sees(`Stopped`)
		w.restored()
		w.typed("fg\n")
		w.sees(`tcptop \S+`, `every 1s`, `q quit`)
		w.lacks(`Stopped`)
	}
	w.keys("q")
	w.restored()
}

// Terminals that know less are asked nothing that they would not answer.
func TestTerminals(t *testing.T) {
	testkit.Kernel(t)
	testkit.Tools(t, "tmux", "screen")
	bin := build(t)
	for _, c := range []struct{ name, command string }{
		{"linux", "TMUX= TERM=linux " + bin},
		{"xterm-256color", "TMUX= TERM=xterm-256color " + bin},
		{"vt100", "TMUX= TERM=vt100 " + bin},
		{"screen", "TMUX= screen -U -c /dev/null " + bin},
	} {
		t.Run(c.name, func(t *testing.T) {
			sockets := t.TempDir()
			if err := os.Chmod(sockets, 0o700); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { // GNU screen outlives its terminal; there is none left where the test passed
				c := exec.Command("screen", "-X", "quit")
				c.Env = append(os.Environ(), "SCREENDIR="+sockets)
				_ = c.Run()
			})
			w := open(t, 80, 24, "SCREENDIR="+sockets+" LC_ALL=C.UTF-8 "+c.command+"; "+farewell)
			w.sees(`tcptop \S+`, `every 1s`, `PROCESS`, `q quit`)
			w.keys("?")
			w.sees(`Help`)
			w.keys("Escape")
			w.lacks(`Help`)
			w.tmux("resize-window", "-t", "s", "-x", "20", "-y", "5")
			w.sees(`PROCESS`, `Connections \d`)
			w.tmux("resize-window", "-t", "s", "-x", "100", "-y", "30")
			w.sees(`every 1s`, `REMOTE`, `q quit`)
			w.keys("q")
			w.sees(`left with 0`, ` icanon`)
			w.restored()
		})
	}
}
