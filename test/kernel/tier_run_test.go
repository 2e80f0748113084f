package kernel

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tcptop/internal/testkit"
)

// TestTier runs the real binary in each situation with each backend: its exit status,
// what it says and its rows.
func TestTier(t *testing.T) {
	path := reachable(t)
	ns := testkit.NetNS(t)
	foreign := listen(t, ns, 0, 4)
	for _, s := range situations() {
		t.Run(s.name, func(t *testing.T) { s.measures(t, path, ns, foreign.port()) })
	}
}

// TestTierSysctl has what hardened distributions set: it does not matter.
func TestTierSysctl(t *testing.T) {
	path := reachable(t)
	disabled, err := os.ReadFile("/proc/sys/kernel/unprivileged_bpf_disabled")
	t.Logf("kernel.unprivileged_bpf_disabled is %s, %v", strings.TrimSpace(string(disabled)), err)
	const paranoid = "/proc/sys/kernel/perf_event_paranoid"
	before, err := os.ReadFile(paranoid)
	must(t, err)
	t.Cleanup(func() { must(t, os.WriteFile(paranoid, before, 0)) })
	must(t, os.WriteFile(paranoid, []byte("3"), 0))
	ns := testkit.NetNS(t)
	foreign := listen(t, ns, 0, 4)
	for _, s := range situations()[:2] {
		t.Run(s.name, func(t *testing.T) { s.measures(t, path, ns, foreign.port()) })
	}
}

// measures runs each backend in the situation. foreign is the port of a listener of ours
// in ns.
func (s *situation) measures(t *testing.T, path string, ns *testkit.NS, foreign uint16) {
	for backend, status := range map[string]int{"bpf": s.bpf, "diag": s.diag, "auto": 0} {
		source := backend
		if backend == "auto" {
			if source = s.source(); source == "" {
				status = s.bpf
			}
		}
		t.Run(backend, func(t *testing.T) {
			r := s.run(t, path, ns, "--backend", backend, "-b", "-o", "jsonl", "-n", "2", "-d", "100ms",
				fmt.Sprintf("lport=%d,%d,%d", serverPort, clientPort, foreign))
			if r.status != status {
				t.Errorf("status %d, want %d\n%s", r.status, status, r.stderr)
			}
			r.terse(t)
			if s.tier == "full" && source == "bpf" && r.stderr != "" {
				t.Errorf("everything is measured, and stderr has: %s", r.stderr)
			}
			if status != 0 {
				r.refused(t, s.expects(backend))
				return
			}
			r.names(t, s.expects(backend))
			r.known(t, s, source, ns, foreign)
		})
	}
}

// expects is what stderr names with a backend.
func (s *situation) expects(backend string) []string {
	const refused = "does not permit sock_diag"
	switch {
	case backend == "diag" && s.diag != 0:
		return []string{refused}
	case backend == "bpf" && s.bpf != 0:
		return s.cause
	case backend == "bpf":
		return s.without
	case backend == "auto" && s.source() == "":
		return slices.Concat(s.cause, []string{"nor can sock_diag measure", refused})
	case backend == "auto":
		return slices.Concat(s.cause, s.without)
	}
	return nil
}

// run runs tcptop in the situation, with a connection of its own, to its end.
func (s *situation) run(t *testing.T, path string, ns *testkit.NS, args ...string) *result {
	t.Helper()
	if s.as != nil && s.as.Cloneflags&unix.CLONE_NEWCGROUP != 0 {
		s.as.UseCgroupFD, s.as.CgroupFD = true, ownCgroup(t)
	}
	// By the link to itself: not everybody may walk to where the test binary lies.
	enter := append([]string{enterArg, strings.Join(slices.Concat(s.steps, []string{stepSockets}), ","), path}, args...)
	var c *child
	ns.Do(func() { c = startAs(t, s.as, "/proc/self/exe", enter...) })
	lines := <-c.rest()
	if _, err := c.ends(); err != nil && !c.cmd.ProcessState.Exited() {
		t.Fatalf("%v\n%s", err, &c.stderr)
	}
	r := &result{status: c.cmd.ProcessState.ExitCode(), pid: fmt.Sprint(c.cmd.Process.Pid), stdout: lines}
	for line := range strings.Lines(c.stderr.String()) {
		if !missedTicks.MatchString(line) {
			r.stderr += line
		}
	}
	t.Logf("status %d\n%s", r.status, r.stderr)
	return r
}

// ownCgroup makes a cgroup for the time of a test.
func ownCgroup(t *testing.T) (fd int) {
	t.Helper()
	root := ""
	must(t, eachCgroup2(func(dir string) error { root = dir; return nil }))
	if root == "" {
		t.Fatal("needs cgroup2, as all that counts UDP does")
	}
	dir := filepath.Join(root, fmt.Sprintf("tcptop-test-%d", os.Getpid()))
	must(t, os.Mkdir(dir, 0o755))
	t.Cleanup(func() { must(t, os.Remove(dir)) })
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	must(t, err)
	t.Cleanup(func() { must(t, unix.Close(fd)) })
	return fd
}
