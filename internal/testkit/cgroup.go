package testkit

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Cgroup is a control group of one test. It ends with the test.
type Cgroup struct {
	t    testing.TB
	dir  string
	made []string // directories, the innermost first
}

// MakeCgroup makes a cgroup in the unified hierarchy, with those above it that are not
// there, such as /system.slice/web.service.
func MakeCgroup(t testing.TB, path string) *Cgroup {
	t.Helper()
	return makeCgroup(t, "cgroup2", "", path)
}

// MakeLegacyCgroup makes one in the cgroup v1 hierarchy of a controller, such as pids.
func MakeLegacyCgroup(t testing.TB, controller, path string) *Cgroup {
	t.Helper()
	return makeCgroup(t, "cgroup", controller, path)
}

func makeCgroup(t testing.TB, kind, controller, path string) *Cgroup {
	t.Helper()
	Root(t)
	mount := cgroupMount(kind, controller)
	if mount == "" {
		skip(t, "needs a "+kind+" hierarchy "+controller+": lifted by a host that mounts one")
	}
	c := &Cgroup{t: t, dir: filepath.Join(mount, path)}
	for dir := c.dir; dir != mount; dir = filepath.Dir(dir) {
		if _, err := os.Stat(dir); err == nil {
			break
		}
		c.made = append(c.made, dir)
	}
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		t.Fatalf("make cgroup: %v", err)
	}
	t.Cleanup(c.Remove)
	return c
}

// Remove takes the cgroup out, and those that were made for it, once its processes have
// ended. It may be called more than once.
func (c *Cgroup) Remove() {
	c.t.Helper()
	for _, dir := range c.made {
		Eventually(c.t, Patience(10*time.Second), func() error {
			if err := os.Remove(dir); !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			return nil
		})
	}
}

// NoCgroupsLeft removes what container runtimes leave of control groups that they make at the
// root of each hierarchy, when the test ends. Those that are there already are left alone.
func NoCgroupsLeft(t testing.TB, names ...string) {
	t.Helper()
	for _, m := range cgroupMounts() {
		for _, name := range names {
			dir := filepath.Join(m.point, name)
			if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
				continue
			}
			t.Cleanup(func() {
				Eventually(t, Patience(10*time.Second), func() error { return removeCgroups(dir) })
			})
		}
	}
}

// removeCgroups removes a control group and those below it, which have no processes.
func removeCgroups(dir string) error {
	below, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, d := range below {
		if d.IsDir() {
			err = errors.Join(err, removeCgroups(filepath.Join(dir, d.Name())))
		}
	}
	if gone := os.Remove(dir); !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}

// Start is Start with the traffic generator, and what it starts, in the cgroup.
func (c *Cgroup) Start(ns *NS, args ...string) *Workload {
	c.t.Helper()
	return start(c.t, c.Command(ns, Load(c.t), args...))
}

// Command prepares a process in ns (nil: the test's own) and in the cgroup, which it
// enters before the program begins: the flag of clone3 that does so is for the unified
// hierarchy only.
func (c *Cgroup) Command(ns *NS, name string, args ...string) *Cmd {
	const enter = `echo $$ >"$0" && exec "$@"`
	all := append([]string{"-c", enter, filepath.Join(c.dir, "cgroup.procs"), name}, args...)
	return command(c.t, ns, "/bin/sh", all...)
}

// cgroupMount is where a hierarchy is mounted, "" where it is not.
func cgroupMount(kind, controller string) string {
	for _, m := range cgroupMounts() {
		if m.kind == kind && (controller == "" || slices.Contains(m.options, controller)) {
			return m.point
		}
	}
	return ""
}

// mounted is one hierarchy.
type mounted struct {
	kind, point string
	options     []string // its controllers among them
}

func cgroupMounts() (all []mounted) {
	f, err := os.Open("/proc/thread-self/mountinfo")
	if err != nil {
		return nil
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		before, after, _ := strings.Cut(lines.Text(), " - ")
		at, what := strings.Fields(before), strings.Fields(after)
		if len(at) > 4 && len(what) > 2 && (what[0] == "cgroup" || what[0] == "cgroup2") {
			all = append(all, mounted{what[0], at[4], strings.Split(what[2], ",")})
		}
	}
	return all
}
