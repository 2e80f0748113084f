package kernel

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tcptop/internal/testkit"
)

// child is a running tcptop whose output is in the test's hands.
type child struct {
	t      testing.TB
	cmd    *exec.Cmd
	out    *os.File // the reading end of its stdout
	stderr bytes.Buffer
	left   chan error // the outcome of its end
}

// start starts tcptop with its stdout in a pipe that nobody reads but the test.
func start(t testing.TB, args ...string) *child {
	t.Helper()
	testkit.Kernel(t)
	return startAs(t, nil, tcptop(t), args...)
}

func startAs(t testing.TB, attr *syscall.SysProcAttr, path string, args ...string) *child {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{t: t, cmd: exec.Command(path, args...), out: r, left: make(chan error, 1)}
	c.cmd.Stdout, c.cmd.Stderr, c.cmd.SysProcAttr = w, &c.stderr, attr
	err = c.cmd.Start()
	_ = w.Close()
	if err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	go func() { c.left <- c.cmd.Wait() }()
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill()
		_ = c.out.Close()
	})
	return c
}

// firstLine waits for a line, so that the program is known to be at work, and
// returns it.
func (c *child) firstLine() []byte {
	c.t.Helper()
	var line []byte
	for one := make([]byte, 1); !bytes.HasSuffix(line, []byte("\n")); line = append(line, one...) {
		if _, err := c.out.Read(one); err != nil {
			c.t.Fatalf("first line of tcptop: %v\n%s", err, &c.stderr)
		}
	}
	return line
}

func (c *child) signal(s syscall.Signal) time.Time {
	c.t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		c.t.Fatalf("signal %v: %v", s, err)
	}
	return time.Now()
}

// ends waits until it has ended and returns when and how.
func (c *child) ends() (time.Time, error) {
	c.t.Helper()
	select {
	case err := <-c.left:
		return time.Now(), err
	case <-time.After(patience):
		c.t.Fatalf("tcptop did not end\n%s", &c.stderr)
		return time.Time{}, nil
	}
}

// endsInTime requires status 0 within a second.
func (c *child) endsInTime(from time.Time) {
	c.t.Helper()
	at, err := c.ends()
	if err != nil {
		c.t.Errorf("tcptop: %v, want status 0\n%s", err, &c.stderr)
	}
	if took := at.Sub(from); took > testkit.Patience(time.Second) {
		c.t.Errorf("tcptop took %v to end", took)
	}
}

// rest returns all that is still in the pipe, as it comes.
func (c *child) rest() <-chan []byte {
	all := make(chan []byte, 1)
	go func() {
		b, _ := io.ReadAll(c.out)
		all <- b
	}()
	return all
}

// output1 runs tcptop to its end and returns what it printed, and how many ticks it
// missed.
func output1(t *testing.T, args ...string) (lines []byte, missed int) {
	t.Helper()
	c := start(t, args...)
	lines = <-c.rest()
	if _, err := c.ends(); err != nil {
		t.Errorf("tcptop %q: %v", args, err)
	}
	return lines, quiet(t, c.stderr.String())
}

var missedTicks = regexp.MustCompile(`^tcptop: lost (in this tick|since start): (\d+) ticks \(not taken in time\)\n$`)

// quiet requires that nothing is on stderr but ticks that were missed, which is no
// error on a machine that has more to do; it returns how many.
func quiet(t testing.TB, stderr string) (missed int) {
	t.Helper()
	for line := range strings.Lines(stderr) {
		m := missedTicks.FindStringSubmatch(line)
		if m == nil {
			t.Errorf("stderr: %s", line)
		} else if m[1] == "since start" {
			missed, _ = strconv.Atoi(m[2])
		}
	}
	return missed
}

// rows1 runs tcptop with -o jsonl to its end and returns the rows that it printed.
func rows1(t *testing.T, args ...string) []record {
	t.Helper()
	lines, _ := output1(t, append(args, "-o", "jsonl")...)
	return parse(t, lines)
}

// held lists the BPF objects that a process has descriptors of, as testkit names
// them. Their numbers are never used again, so that other users of BPF on this
// machine don't matter.
func held(t testing.TB, pid int) map[string]bool {
	t.Helper()
	infos, err := filepath.Glob(fmt.Sprintf("/proc/%d/fdinfo/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	objects := map[string]bool{}
	for _, path := range infos {
		info, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(info)) {
			key, id, _ := strings.Cut(strings.TrimSpace(line), ":\t")
			if kind, ok := strings.CutSuffix(key, "_id"); ok && (kind == "prog" || kind == "map" || kind == "link") {
				objects[kind+" "+id] = true
			}
		}
	}
	return objects
}

// holds requires that a process has programs, maps and links, and returns them.
func holds(t testing.TB, pid int) map[string]bool {
	t.Helper()
	objects, kinds := held(t, pid), map[string]int{}
	for o := range objects {
		kinds[strings.Fields(o)[0]]++
	}
	if kinds["prog"] < 5 || kinds["map"] < 5 || kinds["link"] < 5 {
		t.Fatalf("tcptop holds %v", kinds)
	}
	return objects
}

// noneLeft requires that the kernel frees all of them.
func noneLeft(t testing.TB, objects map[string]bool) {
	t.Helper()
	testkit.Eventually(t, patience, func() error {
		for object, name := range testkit.BPFObjects(t) {
			if objects[object] {
				return fmt.Errorf("%s (%s) is still there", object, name)
			}
		}
		return nil
	})
}
