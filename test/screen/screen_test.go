// Package screen runs the real binary in a real terminal (tmux) over real
// traffic and asserts what is on the screen.
package screen

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"tcptop/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// terminal is a tmux server of its own with one window.
type terminal struct {
	t      *testing.T
	socket string
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

func (w *terminal) typed(text string) {
	w.t.Helper()
	w.tmux("send-keys", "-l", "-t", "s", text)
}

// sees waits until the screen matches every one of res.
func (w *terminal) sees(res ...string) string {
	w.t.Helper()
	screen := ""
	testkit.Eventually(w.t, 20*time.Second, func() error {
		screen = w.tmux("capture-pane", "-p", "-t", "s")
		for _, re := range res {
			if !regexp.MustCompile(re).MatchString(screen) {
				return fmt.Errorf("%q is not on the screen:\n%s", re, screen)
			}
		}
		return nil
	})
	return screen
}

// lacks waits until the screen does not match re any more.
func (w *terminal) lacks(re string) {
	w.t.Helper()
	testkit.Eventually(w.t, 20*time.Second, func() error {
		if screen := w.tmux("capture-pane", "-p", "-t", "s"); regexp.MustCompile(re).MatchString(screen) {
			return fmt.Errorf("%q is on the screen:\n%s", re, screen)
		}
		return nil
	})
}

// farewell is what the shell does once tcptop is left: the terminal reads lines again.
const farewell = "echo left with $?; stty -a | grep -o ' icanon'; sleep 60"

// open runs a shell command in a new terminal until the test ends.
func open(t *testing.T, width, height int, command string) *terminal {
	t.Helper()
	dir := t.TempDir()
	w := &terminal{t: t, socket: filepath.Join(dir, "tmux")}
	w.tmux("new-session", "-d", "-s", "s", "-x", strconv.Itoa(width), "-y", strconv.Itoa(height), "-e", "XDG_STATE_HOME="+dir, command)
	t.Cleanup(func() { w.tmux("kill-server") })
	return w
}

func build(t testing.TB) string {
	bin := filepath.Join(t.TempDir(), "tcptop")
	c := exec.Command("go", "build", "-o", bin, "./cmd/tcptop")
	c.Dir, c.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

// ringing is a network namespace with busy connections of load.
func ringing(t *testing.T) *testkit.NS {
	t.Helper()
	ns := testkit.NetNS(t)
	load := ns.Command(testkit.Load(t), "bench-rr", "-sec", "120")
	if err := load.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = load.Process.Kill(); _ = load.Wait() })
	return ns
}

func TestScreen(t *testing.T) {
	testkit.Kernel(t)
	testkit.Tools(t, "tmux")
	bin, ns := build(t), ringing(t)
	w := open(t, 100, 30, fmt.Sprintf("%s --netns %d; %s", bin, ns.Inode(), farewell))
	w.usual()
	w.keys("Space")
	w.sees(`PAUSED +this is [1-9]s old`)
	w.keys("Space")
	w.keys("[", "[", "[")
	w.sees(`PAST [\d:]+ +[\dms]+ ago`, `stopped 1x`, `load \d+`, `[1-9][\d.]* +[kM]?B`)
	w.keys("+", "Space")
	w.sees(`▶ 2x`)
	w.keys("Escape")
	w.lacks(`PAST`)
	w.sizes()
	w.keys("q")
	w.sees(`left with 0`, ` icanon`)
}

// TestReplay shows a recording in the screen of the present.
func TestReplay(t *testing.T) {
	testkit.Kernel(t)
	testkit.Tools(t, "tmux")
	bin, ns, dir := build(t), ringing(t), t.TempDir()
	if out, err := exec.Command(bin, "record", "-o", dir, "-d", "0.1", "-n", "25").CombinedOutput(); err != nil {
		t.Fatalf("record: %v\n%s", err, out)
	}
	w := open(t, 100, 30, fmt.Sprintf("%s replay %s --netns %d; %s", bin, dir, ns.Inode(), farewell))
	w.sees(`REPLAY [\d:]+ `, `at the end 1x`)
	w.usual()
	w.keys("[", "[")
	w.sees(`REPLAY [\d:]+ .*●─`, `load \d+`, `[1-9][\d.]* +[kM]?B`)
	w.keys("{")
	w.sees(`there is nothing earlier: the recording begins here`, `REPLAY [\d:]+ +[\d:]+ ●`)
	w.keys("K")
	w.sees(`this is a recording`)
	w.keys("J")
	w.typed("1h ago")
	w.sees(`Go to a time`, `1h ago`)
	w.keys("Enter")
	w.sees(`there is nothing earlier`)
	w.keys("+", "+", "+", "Space")
	w.sees(`▶ 10x|at the end`)
	w.sizes()
	w.keys("q")
	w.sees(`left with 0`, ` icanon`)
}

// usual does what one does in any screen that load's connections are on.
func (w *terminal) usual() {
	w.t.Helper()
	w.sees(`tcptop \S+`, `load \d+`, `sort rate ▼`, `[1-9][\d.]* +[kM]?B`)
	w.keys("s")
	w.typed("rtt_us")
	w.keys("Enter")
	w.sees(`▼RTT`, `sort rtt_us ▼`)
	w.keys("I")
	w.sees(`▲RTT`)

	w.typed("/")
	w.typed("comm=load and rtt>5x")
	w.sees(`/comm=load and rtt>5x`, `\^ `)
	w.keys("Escape")
	w.lacks(`filter comm`)
	w.typed("/")
	w.typed("comm=nosuchprogram")
	w.keys("Enter")
	w.sees(`nothing matches the filter`)
	w.keys("Escape")
	w.sees(`load \d+`)

	w.keys("2")
	w.sees(`▸ load \d+`, `group process`)
	w.keys("Enter")
	w.sees(`▾ load \d+`, `└ 127`)
	w.keys("1")
	w.keys("j", "Enter")
	w.sees(`Details`, `identity`, `rtt_us|conn `, `Stable id`)
	w.keys("Escape")
	w.lacks(`Details`)
}

// sizes shows the screen in all sizes.
func (w *terminal) sizes() {
	w.t.Helper()
	for _, size := range [][2]int{{20, 5}, {200, 50}, {1, 1}, {80, 24}} {
		w.tmux("resize-window", "-t", "s", "-x", strconv.Itoa(size[0]), "-y", strconv.Itoa(size[1]))
	}
	if lines := strings.Split(w.sees(`tcptop`, `Connections \d`, `help  q quit`), "\n"); len(lines) < 24 {
		w.t.Errorf("%d lines", len(lines))
	}
}
