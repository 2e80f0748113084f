// Package containers asks the container runtimes of this host, on their local sockets,
// which containers there are and which come: id, name, image, pod. It alone knows the
// runtimes' protocols. Each of them is one function; nothing is ever changed by it.
package containers

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/client"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/grpclog"
	"google.golang.org/grpc/status"

	"tcptop/internal/conn"
)

// Sockets are paths of unix sockets; those that are not there are waited for.
type Sockets struct {
	Containerd []string
	CRI        []string // of the Kubernetes Container Runtime Interface: CRI-O
	Engine     []string // of Docker's API: Docker, Podman
}

// Default is where the runtimes listen by default. containerd is asked for Kubernetes'
// containers too, by its own services, which tell of them without being asked again: its
// labels have all that the CRI has.
func Default() Sockets {
	return Sockets{
		Containerd: []string{"/run/containerd/containerd.sock", "/run/k3s/containerd/containerd.sock"},
		CRI:        []string{"/run/crio/crio.sock"},
		Engine:     []string{"/run/docker.sock", "/run/podman/podman.sock"},
	}
}

// source tells of the containers of one runtime until ctx ends or the runtime does: first
// of all that are there, then it calls listed, then of those that come.
type source func(ctx context.Context, socket string, found func(conn.Container), listed func()) error

const (
	// lookEvery is how often a socket that is not there is looked for, and the longest
	// wait before a runtime that failed is asked again.
	lookEvery = 10 * time.Second
	// answerWithin bounds a request.
	answerWithin = 5 * time.Second
	// maxText bounds what a runtime may call anything, in bytes.
	maxText = 512
)

// Quiet keeps gRPC from writing to standard error, which may be the screen. Its logger is
// the process' own: call it before anything else of this package or of gRPC.
func Quiet() { grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard)) }

// Watch is a conn.ContainerFeed's other end: it feeds f from s until ctx ends.
func Watch(ctx context.Context, s Sockets, f conn.ContainerFeed) {
	var all, first sync.WaitGroup
	start := func(sockets []string, lazy bool, ask source) {
		for _, path := range sockets {
			w := &watch{path: path, ask: ask, feed: f}
			wanted := !lazy || closed(f.Wanted)
			if wanted {
				first.Add(1)
				w.listed = sync.OnceFunc(first.Done)
			}
			all.Go(func() { w.run(ctx, wanted) })
		}
	}
	start(s.Containerd, false, containerd)
	start(s.CRI, false, cri)
	// systemd may start the engine for whoever connects: not before there is a container.
	start(s.Engine, true, engine)
	all.Go(func() {
		first.Wait()
		f.Listed()
	})
	all.Wait()
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// watch is one socket.
type watch struct {
	path   string
	ask    source
	feed   conn.ContainerFeed
	listed func() // nil: nobody waits for it
}

// run asks again and again.
func (w *watch) run(ctx context.Context, wanted bool) {
	if w.listed == nil {
		w.listed = func() {}
	}
	defer w.listed()
	if !wanted {
		select {
		case <-w.feed.Wanted:
		case <-ctx.Done():
			return
		}
	}
	for pause := time.Second; ctx.Err() == nil; pause = min(2*pause, lookEvery) {
		if info, err := os.Stat(w.path); err != nil || info.Mode()&fs.ModeSocket == 0 {
			pause = lookEvery
		} else {
			err := w.ask(ctx, w.path, w.found, w.listed)
			switch {
			case ctx.Err() != nil:
				return
			case hopeless(err):
				pause = lookEvery
			case err != nil:
				w.feed.Failed()
			}
		}
		w.listed()
		wait(ctx, pause)
	}
}

// found passes on what is not too long.
func (w *watch) found(c conn.Container) {
	if c.ID == "" {
		return
	}
	for _, s := range []*string{&c.ID, &c.Name, &c.Image, &c.Pod, &c.PodUID, &c.Namespace, &c.Cgroup} {
		if len(*s) > maxText {
			*s = strings.ToValidUTF8((*s)[:maxText], "")
		}
	}
	w.feed.Found(c)
}

// hopeless reports whether err is no failure: nobody listens, it is not for us, or the
// service is not offered.
func hopeless(err error) bool {
	if client.IsErrConnectionFailed(err) {
		return true
	}
	for _, e := range []error{fs.ErrPermission, fs.ErrNotExist, unix.ECONNREFUSED} {
		if errors.Is(err, e) {
			return true
		}
	}
	s, ok := status.FromError(err)
	if !ok {
		return false
	}
	switch s.Code() {
	case codes.Unimplemented, codes.PermissionDenied:
		return true
	case codes.Unavailable: // the library keeps only the text of what connect(2) said
		return strings.Contains(s.Message(), "permission denied") || strings.Contains(s.Message(), "refused") || strings.Contains(s.Message(), "no such file")
	}
	return false
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
