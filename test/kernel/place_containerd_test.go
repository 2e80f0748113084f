package kernel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"tcptop/internal/conn"
	"tcptop/internal/containers"
	"tcptop/internal/enrich"
	"tcptop/internal/testkit"
)

const image = "localhost/tcptop-test:1"

// daemon is a container runtime of a test's own.
type daemon struct {
	t      *testing.T
	dir    string
	socket string

	mu   sync.Mutex
	told map[string]bool // names of containers that a watcher knows of
}

// containerd starts one and gives it the image.
func containerd(t *testing.T) *daemon {
	t.Helper()
	testkit.Kernel(t)
	testkit.Tools(t, "containerd", "ctr", "runc")
	testkit.NoCgroupsLeft(t, "default", "kubepods")
	d := &daemon{t: t, dir: shortDir(t), told: map[string]bool{}}
	d.socket = filepath.Join(d.dir, "containerd.sock")
	config := fmt.Sprintf(`version = 2
root = %q
state = %q
[grpc]
  address = %q
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = %q
  restrict_oom_score_adj = true # lower ones take CAP_SYS_RESOURCE
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
`, d.dir+"/root", d.dir+"/state", d.socket, image)
	if err := os.WriteFile(d.dir+"/config.toml", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	d.serve("containerd", "--log-level", "error", "-c", d.dir+"/config.toml")
	archive := testkit.Image(t, image, "/load", "pause")
	for _, namespace := range []string{"default", "k8s.io"} {
		d.ctr("-n", namespace, "image", "import", "--snapshotter", "native", archive)
	}
	return d
}

// shortDir is a directory that leaves room for the name of a socket in 107 bytes.
func shortDir(t *testing.T) string {
	dir, err := os.MkdirTemp("", "tt-")
	if err != nil {
		t.Fatal(err)
	}
	// what a runtime leaves running for a moment may still write there
	t.Cleanup(func() { testkit.Eventually(t, patience, func() error { return os.RemoveAll(dir) }) })
	return dir
}

// serve runs the runtime until the test ends, from when it has its socket on.
func (d *daemon) serve(name string, args ...string) {
	d.t.Helper()
	var said strings.Builder
	c := exec.Command(name, args...)
	c.Stdout, c.Stderr, c.Env = &said, &said, d.environ()
	if err := c.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() {
		_ = c.Process.Signal(os.Interrupt)
		_ = c.Wait()
		if d.t.Failed() {
			text := said.String()
			d.t.Logf("%s said at last:\n%s", name, text[max(len(text)-2000, 0):])
		}
	})
	testkit.Eventually(d.t, patience, func() error {
		_, err := os.Stat(d.socket)
		return err
	})
}

// environ has nothing of the caller's that would lead elsewhere.
func (d *daemon) environ() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + d.dir, "TMPDIR=" + d.dir}
}

func (d *daemon) ctr(args ...string) {
	d.t.Helper()
	d.run("ctr", append([]string{"-a", d.socket}, args...)...)
}

func (d *daemon) run(name string, args ...string) string {
	d.t.Helper()
	c := exec.Command(name, args...)
	c.Env = d.environ()
	out, err := c.CombinedOutput()
	if err != nil {
		d.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// names is where a watcher has names from.
func (d *daemon) names(s containers.Sockets) enrich.Config {
	return enrich.Config{Containers: func(ctx context.Context, f conn.ContainerFeed) {
		found := f.Found
		f.Found = func(c conn.Container) {
			found(c)
			d.mu.Lock()
			defer d.mu.Unlock()
			d.told[c.Name] = true
		}
		containers.Watch(ctx, s, f)
	}}
}

// tells waits until the runtime has told of a container, which may be a moment after its end.
func (d *daemon) tells(name string) {
	d.t.Helper()
	testkit.Eventually(d.t, patience, func() error {
		d.mu.Lock()
		defer d.mu.Unlock()
		if !d.told[name] {
			return fmt.Errorf("nothing was told of %s", name)
		}
		return nil
	})
}

// TestContainerd has containers of containerd: one that is there before, and one that is
// made, moves what is known and goes within a tick.
func TestContainerd(t *testing.T) {
	d := containerd(t)
	before, quick := testkit.NetNS(t), testkit.NetNS(t)
	old, short := fmt.Sprintf("old-%d", os.Getpid()), fmt.Sprintf("quick-%d", os.Getpid())
	d.ctr("run", "-d", "--snapshotter", "native", "--with-ns", "network:"+before.Path(), image, old, "/load", "idle", "-n", "2")
	t.Cleanup(func() {
		d.ctr("task", "kill", "-s", "KILL", old)
		testkit.Eventually(t, patience, func() error { return exec.Command("ctr", "-a", d.socket, "task", "rm", old).Run() })
		d.ctr("container", "rm", old)
	})
	idle(t, before)
	w := watchNamed(t, conn.Config{TCP: true, Interval: time.Hour}, d.names(containers.Sockets{Containerd: []string{d.socket}}))
	if err := w.look(func(s *seen) error {
		return placed(s, before, conn.Place{Cgroup: "/default/" + old, Container: old, ContainerID: old, Image: image, NetNS: old})
	}); err != nil {
		t.Error(err)
	}
	d.ctr("run", "--rm", "--snapshotter", "native", "--with-ns", "network:"+quick.Path(), image, short, "/load", "short", "-n", "3", "-par", "1", "-servers", "1")
	d.tells(short)
	s := w.stop()
	if err := closedAt(s, quick, 6, conn.Place{Cgroup: "/default/" + short, Container: short, ContainerID: short, Image: image, NetNS: short}); err != nil {
		t.Error(err)
	}
	if err := noLoss(s); err != nil {
		t.Error(err)
	}
}

// idle waits until the namespace has connections.
func idle(t *testing.T, ns *testkit.NS) {
	t.Helper()
	testkit.Tools(t, "ss")
	testkit.Eventually(t, patience, func() error {
		out, err := ns.Command("ss", "-Htn", "state", "established").Output()
		if err == nil && strings.Count(string(out), "\n") < 4 {
			err = errors.New("no connections yet")
		}
		return err
	})
}

// closedAt reports whether n connections of a namespace have ended, all in one place.
func closedAt(s *seen, ns *testkit.NS, n int, want conn.Place) error {
	want.User = "root"
	for _, r := range s.closed {
		if uint64(r.NetNS) != ns.Inode() || r.Dir == conn.DirListen {
			continue
		}
		n--
		if !isAt(r.Place, want) {
			return fmt.Errorf("%v is in %+v, want %+v", r.ID, r.Place, want)
		}
	}
	if n != 0 {
		return fmt.Errorf("%d rows too few", n)
	}
	return nil
}

// TestKubernetes runs a pod as a kubelet does, by the Container Runtime Interface, and finds
// its names by that interface alone and by containerd's own.
func TestKubernetes(t *testing.T) {
	d := containerd(t)
	pod := newPod(t, d)
	for name, s := range map[string]containers.Sockets{"cri": {CRI: []string{d.socket}}, "containerd": {Containerd: []string{d.socket}}} {
		t.Run(name, func(t *testing.T) {
			w := watchNamed(t, conn.Config{TCP: true}, d.names(s))
			w.until(patience, func(s *seen) error { return pod.placed(s) })
			w.stop()
		})
	}
}

// pod is one of the host's network namespace with one container.
type pod struct{ name, uid, id string }

func newPod(t *testing.T, d *daemon) *pod {
	t.Helper()
	cc, err := grpc.NewClient("unix:"+d.socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cc.Close() })
	c := runtimeapi.NewRuntimeServiceClient(cc)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	p := &pod{name: "web-" + strconv.Itoa(os.Getpid()), uid: "8f2d3c1a-5b6e-4f70-8192-a3b4c5d6e7f8"}
	config := &runtimeapi.PodSandboxConfig{
		Metadata:     &runtimeapi.PodSandboxMetadata{Name: p.name, Uid: p.uid, Namespace: "prod"},
		LogDirectory: d.dir,
		Linux: &runtimeapi.LinuxPodSandboxConfig{
			CgroupParent:    "/kubepods/pod" + p.uid,
			SecurityContext: &runtimeapi.LinuxSandboxSecurityContext{NamespaceOptions: &runtimeapi.NamespaceOption{Network: runtimeapi.NamespaceMode_NODE}},
		},
	}
	// Its log plugin needs the image to be known to its own store, which follows the import.
	var sandbox *runtimeapi.RunPodSandboxResponse
	testkit.Eventually(t, patience, func() (err error) {
		sandbox, err = c.RunPodSandbox(ctx, &runtimeapi.RunPodSandboxRequest{Config: config})
		return err
	})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_, err := c.StopPodSandbox(ctx, &runtimeapi.StopPodSandboxRequest{PodSandboxId: sandbox.GetPodSandboxId()})
		if err == nil {
			_, err = c.RemovePodSandbox(ctx, &runtimeapi.RemovePodSandboxRequest{PodSandboxId: sandbox.GetPodSandboxId()})
		}
		if err != nil {
			t.Errorf("end the pod: %v", err)
		}
	})
	made, err := c.CreateContainer(ctx, &runtimeapi.CreateContainerRequest{
		PodSandboxId: sandbox.GetPodSandboxId(), SandboxConfig: config,
		Config: &runtimeapi.ContainerConfig{
			Metadata: &runtimeapi.ContainerMetadata{Name: "app"},
			Image:    &runtimeapi.ImageSpec{Image: image},
			Command:  []string{"/load", "idle", "-n", "2"},
			Stdin:    true, // at its end it would end
			Labels: map[string]string{"io.kubernetes.container.name": "app", "io.kubernetes.pod.name": p.name,
				"io.kubernetes.pod.namespace": "prod", "io.kubernetes.pod.uid": p.uid},
			Linux: &runtimeapi.LinuxContainerConfig{SecurityContext: &runtimeapi.LinuxContainerSecurityContext{
				NamespaceOptions: &runtimeapi.NamespaceOption{Network: runtimeapi.NamespaceMode_NODE}}},
		},
	})
	if err != nil {
		t.Fatalf("create a container: %v", err)
	}
	p.id = made.GetContainerId()
	if _, err := c.StartContainer(ctx, &runtimeapi.StartContainerRequest{ContainerId: p.id}); err != nil {
		t.Fatalf("start a container: %v", err)
	}
	return p
}

func (p *pod) placed(s *seen) error {
	want := conn.Place{User: "root", Cgroup: "/kubepods/pod" + p.uid + "/" + p.id, Container: "app", ContainerID: p.id, Image: image, Pod: p.name, Namespace: "prod"}
	n := 0
	for _, r := range s.live {
		if r.Place != nil && r.Place.ContainerID == p.id && r.State == conn.Established {
			n++
			if !isAt(r.Place, want) {
				return fmt.Errorf("%+v, want %+v", *r.Place, want)
			}
		}
	}
	if n < 4 {
		return fmt.Errorf("%d rows of the pod", n)
	}
	return nil
}
