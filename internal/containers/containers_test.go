package containers

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"tcptop/internal/conn"
)

// kubernetes are the labels that the kubelet gives a container.
func kubernetes(name, pod, namespace string) map[string]string {
	return map[string]string{labelName: name, labelPod: pod, labelPodUID: "uid of " + pod, labelNamespace: namespace}
}

func TestCRI(t *testing.T) {
	s := &fakeCRI{events: make(chan *runtimeapi.ContainerEventResponse)}
	s.add(&runtimeapi.Container{Id: "c1", Labels: kubernetes("app", "web-0", "prod"), Image: &runtimeapi.ImageSpec{Image: "sha256:12", UserSpecifiedImage: "nginx:1"}})
	s.add(&runtimeapi.Container{Id: "c2", Metadata: &runtimeapi.ContainerMetadata{Name: "by-hand"}, ImageRef: "sha256:34"})
	path := socket(t, "crio.sock")
	stop := s.serve(t, path)
	f := tell(t, Sockets{CRI: []string{path}})
	f.lists()
	f.until(conn.Container{ID: "c1", Name: "app", Image: "nginx:1", Pod: "web-0", PodUID: "uid of web-0", Namespace: "prod"})
	f.until(conn.Container{ID: "c2", Name: "by-hand", Image: "sha256:34"})
	s.add(&runtimeapi.Container{Id: "c3", Labels: kubernetes("side", "web-0", "prod")})
	s.events <- &runtimeapi.ContainerEventResponse{ContainerId: "c3"}
	f.until(conn.Container{ID: "c3", Name: "side", Pod: "web-0", PodUID: "uid of web-0", Namespace: "prod"})
	// It goes and comes back.
	stop()
	again := &fakeCRI{}
	again.add(&runtimeapi.Container{Id: "c4", Labels: kubernetes("late", "web-1", "prod")})
	again.serve(t, path)
	f.until(conn.Container{ID: "c4", Name: "late", Pod: "web-1", PodUID: "uid of web-1", Namespace: "prod"})
	// Without events it is asked now and then.
	again.add(&runtimeapi.Container{Id: "c5", Metadata: &runtimeapi.ContainerMetadata{Name: "asked for"}})
	f.until(conn.Container{ID: "c5", Name: "asked for"})
}

func TestEngine(t *testing.T) {
	labels := `{"io.kubernetes.container.name":"app","io.kubernetes.pod.name":"web-0","io.kubernetes.pod.uid":"u","io.kubernetes.pod.namespace":"prod"}`
	s := &fakeEngine{
		list:   fmt.Sprintf(`[{"Id":"c1","Names":["/web"],"Image":"nginx:1"},{"Id":"c2","Names":["/k8s_app"],"Image":"sha256:1","Labels":%s},{"Id":"","Names":null}]`, labels),
		events: make(chan string), asked: make(chan string, 64),
	}
	path := socket(t, "docker.sock")
	s.serve(t, path)
	f := tell(t, Sockets{Engine: []string{path}})
	// systemd may start an engine for whoever connects: it is left alone until there is a container.
	f.lists()
	if len(s.asked) > 0 {
		t.Errorf("asked for %s though there is no container", <-s.asked)
	}
	close(f.wanted)
	f.until(conn.Container{ID: "c1", Name: "web", Image: "nginx:1"})
	f.until(conn.Container{ID: "c2", Name: "app", Image: "sha256:1", Pod: "web-0", PodUID: "u", Namespace: "prod"})
	s.events <- made("c3", "quick", "job:7")
	f.until(conn.Container{ID: "c3", Name: "quick", Image: "job:7"})
	// A name may be anything, and of any length.
	s.events <- made("c4", "\x1b[2J"+strings.Repeat("ü", maxText), "")
	s.events <- made("c5", "last", "")
	f.until(conn.Container{ID: "c5", Name: "last"})
	if name := f.all["c4"].Name; len(name) > maxText || !utf8.ValidString(name) || !strings.HasPrefix(name, "\x1b[2Jü") {
		t.Errorf("long name: %q", name)
	}
	if f.failed != 0 {
		t.Errorf("%d failures", f.failed)
	}
}

// Where a container is there from the beginning, the first list waits for the engine.
func TestEngineWantedAtOnce(t *testing.T) {
	s := &fakeEngine{list: `[{"Id":"c1","Names":["/web"]}]`}
	path := socket(t, "docker.sock")
	s.serve(t, path)
	wanted := make(chan struct{})
	close(wanted)
	f := tellWanted(t, Sockets{Engine: []string{path}}, wanted)
	f.lists()
	f.until(conn.Container{ID: "c1", Name: "web"})
}

// What is no runtime is no failure, and does not keep the first list waiting.
func TestNobodyThere(t *testing.T) {
	file, dead, none := socket(t, "file"), socket(t, "dead"), socket(t, "none")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l := listenAt(t, dead)
	l.(interface{ SetUnlinkOnClose(bool) }).SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	all := []string{file, dead, none}
	wanted := make(chan struct{})
	close(wanted)
	f := tellWanted(t, Sockets{Containerd: all, CRI: all, Engine: all}, wanted)
	f.lists()
	if f.failed != 0 || len(f.all) != 0 {
		t.Errorf("%d failures, %v", f.failed, f.all)
	}
}

// A runtime without the service is none.
func TestServiceNotOffered(t *testing.T) {
	path := socket(t, "crio.sock")
	(&fakeCRI{}).serve(t, path)
	f := tell(t, Sockets{Containerd: []string{path}})
	f.lists()
	if f.failed != 0 {
		t.Errorf("%d failures", f.failed)
	}
}

// Answers that are no answers are failures, and no more.
func TestBrokenEngine(t *testing.T) {
	s := &fakeEngine{list: `{"message":"no"`}
	path := socket(t, "docker.sock")
	s.serve(t, path)
	wanted := make(chan struct{})
	close(wanted)
	f := tellWanted(t, Sockets{Engine: []string{path}}, wanted)
	f.lists()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed == 0 {
		t.Error("no failure")
	}
}

func FuzzSpec(f *testing.F) {
	f.Add([]byte(`{"linux":{"cgroupsPath":"/default/web"}}`))
	f.Add([]byte(`{"linux":{"cgroupsPath":"system.slice:nerdctl:web"}}`))
	f.Add([]byte(`{"linux":7}`))
	f.Fuzz(func(t *testing.T, spec []byte) {
		if path := cgroupOf(spec); path != "" && path[0] != '/' {
			t.Errorf("%q of %q", path, spec)
		}
	})
}
