package kernel

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tcptop/internal/conn"
	"tcptop/internal/containers"
	"tcptop/internal/testkit"
)

// podman is a service of a test's own.
func podman(t *testing.T) *daemon {
	t.Helper()
	testkit.Kernel(t)
	testkit.Tools(t, "podman", "conmon", "runc")
	testkit.NoCgroupsLeft(t, "libpod_parent")
	d := &daemon{t: t, dir: shortDir(t), told: map[string]bool{}}
	d.socket = filepath.Join(d.dir, "podman.sock")
	d.serve("podman", d.podmanArgs("system", "service", "-t", "0", "unix://"+d.socket)...)
	d.podman("load", "-q", "-i", testkit.Image(t, image, "/load"))
	return d
}

// podmanArgs keep everything in the test's directory. crun knows no hybrid cgroups.
func (d *daemon) podmanArgs(args ...string) []string {
	return append([]string{"--root", d.dir + "/root", "--runroot", d.dir + "/run", "--tmpdir", d.dir + "/tmp", "--storage-driver", "vfs",
		"--cgroup-manager", "cgroupfs", "--runtime", "runc", "--events-backend", "file"}, args...)
}

func (d *daemon) podman(args ...string) string {
	d.t.Helper()
	return d.run("podman", d.podmanArgs(args...)...)
}

// start runs the image in a namespace, with no limit above ours, which would take
// CAP_SYS_RESOURCE.
func (d *daemon) start(ns *testkit.NS, flags []string, load ...string) string {
	d.t.Helper()
	args := append([]string{"run", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", "--network", "ns:" + ns.Path()}, flags...)
	return strings.TrimSpace(d.podman(append(append(args, image, "/load"), load...)...))
}

// TestPodman has containers of Podman, by Docker's API: one that is there before, and one
// that is made, moves what is known, and is removed within a tick.
func TestPodman(t *testing.T) {
	d := podman(t)
	before, quick := testkit.NetNS(t), testkit.NetNS(t)
	old, short := fmt.Sprintf("old-%d", os.Getpid()), fmt.Sprintf("quick-%d", os.Getpid())
	id := d.start(before, []string{"-d", "-i", "--name", old}, "idle", "-n", "2")
	t.Cleanup(func() { d.podman("rm", "-f", "-t", "0", old) })
	idle(t, before)
	w := watchNamed(t, conn.Config{TCP: true, Interval: time.Hour}, d.names(containers.Sockets{Engine: []string{d.socket}}))
	if err := w.look(func(s *seen) error {
		return placed(s, before, conn.Place{Cgroup: "/libpod_parent/libpod-" + id, Container: old, ContainerID: id, Image: image, NetNS: old})
	}); err != nil {
		t.Error(err)
	}
	file := filepath.Join(d.dir, "id")
	d.start(quick, []string{"--rm", "--name", short, "--cidfile", file}, "short", "-n", "3", "-par", "1", "-servers", "1")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	id = string(text)
	d.tells(short)
	s := w.stop()
	if err := closedAt(s, quick, 6, conn.Place{Cgroup: "/libpod_parent/libpod-" + id, Container: short, ContainerID: id, Image: image, NetNS: short}); err != nil {
		t.Error(err)
	}
	if err := noLoss(s); err != nil {
		t.Error(err)
	}
}
