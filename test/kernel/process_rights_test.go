package kernel

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"tcptop/internal/testkit"
)

const nobody = 65534

// needed are the capabilities that measuring takes.
var needed = map[string]uintptr{
	"CAP_BPF": unix.CAP_BPF, "CAP_PERFMON": unix.CAP_PERFMON, "CAP_NET_ADMIN": unix.CAP_NET_ADMIN,
}

// asNobody starts tcptop as a user that is not root, with capabilities.
func asNobody(t *testing.T, path string, caps []uintptr, args ...string) *child {
	t.Helper()
	return startAs(t, &syscall.SysProcAttr{
		Credential:  &syscall.Credential{Uid: nobody, Gid: nobody},
		AmbientCaps: caps,
	}, path, args...)
}

// reachable copies the binary to where every user may run it.
func reachable(t *testing.T) string {
	t.Helper()
	testkit.Kernel(t)
	dir, err := os.MkdirTemp("", "tcptop-rights-")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	binary, err := os.ReadFile(tcptop(t))
	must(t, err)
	path := filepath.Join(dir, "tcptop")
	must(t, os.Chmod(dir, 0o755), os.WriteFile(path, binary, 0o755))
	return path
}

// TestRightsMissing takes capabilities away: it says which, and what helps.
func TestRightsMissing(t *testing.T) {
	path := reachable(t)
	for _, have := range [][]string{
		{}, {"CAP_BPF"}, {"CAP_BPF", "CAP_PERFMON"}, {"CAP_BPF", "CAP_NET_ADMIN"}, {"CAP_PERFMON", "CAP_NET_ADMIN"},
	} {
		t.Run(strings.Join(have, ","), func(t *testing.T) {
			var caps []uintptr
			for _, name := range have {
				caps = append(caps, needed[name])
			}
			c := asNobody(t, path, caps, "--backend", "bpf", "-n", "1")
			all := c.rest()
			if _, err := c.ends(); c.cmd.ProcessState.ExitCode() != 77 {
				t.Errorf("%v, want status 77", err)
			}
			if out := <-all; len(out) > 0 {
				t.Errorf("stdout: %s", out)
			}
			refusal(t, c.stderr.String(), have)
		})
	}
}

// refusal requires one line that names what is missing and one with a hint.
func refusal(t *testing.T, stderr string, have []string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(stderr, "\n"), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "tcptop: ") || !strings.HasPrefix(lines[1], "hint: ") {
		t.Fatalf("stderr: %q", stderr)
	}
	for name := range needed {
		if strings.Contains(lines[0], name) == slices.Contains(have, name) {
			t.Errorf("with %v: %s", have, lines[0])
		}
	}
	if !strings.Contains(lines[1], "setcap ") || !strings.Contains(lines[1], "sudo ") {
		t.Errorf("hint: %s", lines[1])
	}
}

// TestRightsEnough has the three and nothing else: what opens is exact, and its
// owner is known.
func TestRightsEnough(t *testing.T) {
	path := reachable(t)
	ns := testkit.NetNS(t)
	c := asNobody(t, path, []uintptr{unix.CAP_BPF, unix.CAP_PERFMON, unix.CAP_NET_ADMIN},
		append(netns(ns), "-d", "1h", "-o", "csv")...)
	header := c.firstLine() // comes with the first tick
	tcp := testkit.Start(t, ns, "bulk", "-n", "30", "-max", "100000", "-hold")
	udp := testkit.Start(t, ns, "udp", "-flows", "39", "-hold")
	tcps, udps := tcp.Ready(), udp.Ready()
	objects := holds(t, c.cmd.Process.Pid)
	all := make(chan *program, 1)
	go func() {
		p := &program{came: make(chan struct{}, 1)}
		p.err = p.readCSV(io.MultiReader(bytes.NewReader(header), c.out))
		all <- p
	}()
	c.endsInTime(c.signal(syscall.SIGTERM))
	noneLeft(t, objects)
	p := <-all
	must(t, p.err)
	if err := agreed(p.rows, tcps, udps); err != nil {
		t.Error(err)
	}
	t.Logf("stderr: %s", &c.stderr)
	for line := range strings.Lines(c.stderr.String()) {
		if !strings.HasPrefix(line, "tcptop: not measured here: ") && !leftOut.MatchString(line) {
			t.Errorf("stderr: %s", line)
		}
	}
	tcp.Finish()
	udp.Finish()
}

// leftOut is what it says where the kernel preempts hooks, as 7.3 does, and then runs
// them for nobody else.
var leftOut = regexp.MustCompile(`^tcptop: lost (in this tick|since start): \d+ events \(the kernel ran no hook for them\)\n$`)

// TestNoStdin starts it without a standard input.
func TestNoStdin(t *testing.T) {
	testkit.Kernel(t)
	testkit.Tools(t, "sh")
	ns := testkit.NetNS(t)
	load := testkit.Start(t, ns, "bulk", "-n", "3", "-max", "1000", "-hold")
	truths := load.Ready()
	args := append([]string{"-c", `exec "$0" "$@" <&-`, tcptop(t), "--tcp", "-n", "1", "-o", "jsonl"}, netns(ns)...)
	c := startAs(t, nil, "/bin/sh", args...)
	lines := <-c.rest()
	if _, err := c.ends(); err != nil || c.stderr.Len() > 0 {
		t.Errorf("%v\n%s", err, &c.stderr)
	}
	if err := printed(parse(t, lines), truths); err != nil {
		t.Error(err)
	}
	load.Finish()
}
