package cli

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"tcptop/internal/containers"
)

func TestRuntimeSockets(t *testing.T) {
	usual := containers.Default()
	for name, c := range map[string]struct {
		environ []string
		want    func(*containers.Sockets)
	}{
		"nothing said": {nil, func(*containers.Sockets) {}},
		"another host": {[]string{"DOCKER_HOST=tcp://192.0.2.1:2375", "CONTAINER_RUNTIME_ENDPOINT=ssh://x"}, func(*containers.Sockets) {}},
		"each its own": {
			[]string{"CONTAINERD_ADDRESS=/a/c.sock", "CONTAINER_RUNTIME_ENDPOINT=unix:///b", "DOCKER_HOST=unix:///d", "CONTAINER_HOST=unix:/p/../q"},
			func(s *containers.Sockets) {
				*s = containers.Sockets{Containerd: []string{"/a/c.sock"}, CRI: []string{"/b"}, Engine: []string{"/d", "/q"}}
			},
		},
		"a user's own": {[]string{"XDG_RUNTIME_DIR=/run/user/7"}, func(s *containers.Sockets) {
			s.Engine = append(s.Engine, "/run/user/7/docker.sock", "/run/user/7/podman/podman.sock")
		}},
	} {
		want := containers.Default()
		c.want(&want)
		if diff := cmp.Diff(want, runtimeSockets(&Env{Environ: c.environ})); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
	if diff := cmp.Diff(usual, containers.Default()); diff != "" {
		t.Errorf("the usual ones were changed:\n%s", diff)
	}
}
