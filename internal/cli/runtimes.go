package cli

import (
	"context"
	"path/filepath"
	"strings"

	"tcptop/internal/conn"
	"tcptop/internal/containers"
)

// watchContainers asks the container runtimes of this host.
func watchContainers(environ []string) func(context.Context, conn.ContainerFeed) {
	sockets := runtimeSockets(&Env{Environ: environ})
	containers.Quiet()
	return func(ctx context.Context, f conn.ContainerFeed) { containers.Watch(ctx, sockets, f) }
}

// runtimeSockets are the usual ones, unless the variables that the runtimes' own clients
// take (ctr, crictl, docker, podman) name others; what is no unix socket is left alone: no
// packet leaves the host for a name. A user's own engines listen in the user's directory.
func runtimeSockets(env *Env) containers.Sockets {
	s := containers.Default()
	if path := socketPath(env.variable("CONTAINERD_ADDRESS")); path != "" {
		s.Containerd = []string{path}
	}
	if path := socketPath(env.variable("CONTAINER_RUNTIME_ENDPOINT")); path != "" {
		s.CRI = []string{path}
	}
	for i, name := range []string{"DOCKER_HOST", "CONTAINER_HOST"} {
		if path := socketPath(env.variable(name)); path != "" {
			s.Engine[i] = path
		}
	}
	if dir := env.variable("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		s.Engine = append(s.Engine, filepath.Join(dir, "docker.sock"), filepath.Join(dir, "podman/podman.sock"))
	}
	return s
}

// socketPath is the path of unix:///path or /path, "" of anything else.
func socketPath(address string) string {
	path := strings.TrimPrefix(strings.TrimPrefix(address, "unix:"), "//")
	if !filepath.IsAbs(path) {
		return ""
	}
	return filepath.Clean(path)
}
