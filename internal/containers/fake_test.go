package containers

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

func TestMain(m *testing.M) {
	Quiet()
	testkit.Main(m)
}

var patience = testkit.Patience(30 * time.Second)

// told is what a feed was told.
type told struct {
	conn.ContainerFeed
	t      *testing.T
	wanted chan struct{}
	listed chan struct{}

	mu     sync.Mutex
	all    map[string]conn.Container
	failed int
}

// tell watches s until the test ends.
func tell(t *testing.T, s Sockets) *told { return tellWanted(t, s, make(chan struct{})) }

func tellWanted(t *testing.T, s Sockets, wanted chan struct{}) *told {
	f := &told{t: t, wanted: wanted, listed: make(chan struct{}), all: map[string]conn.Container{}}
	f.ContainerFeed = conn.ContainerFeed{Wanted: f.wanted, Found: f.found, Listed: func() { close(f.listed) }, Failed: f.fails}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		Watch(ctx, s, f.ContainerFeed)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return f
}

func (f *told) found(c conn.Container) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all[c.ID] = c
}

func (f *told) fails() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failed++
}

// until waits until id is told as want.
func (f *told) until(want conn.Container) {
	f.t.Helper()
	testkit.Eventually(f.t, patience, func() error {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.all[want.ID] != want {
			return fmt.Errorf("%+v, want %+v", f.all[want.ID], want)
		}
		return nil
	})
}

// lists waits until the first list has been told.
func (f *told) lists() {
	f.t.Helper()
	select {
	case <-f.listed:
	case <-time.After(patience):
		f.t.Fatal("not listed")
	}
}

// socket is a path short enough for one.
func socket(t *testing.T, name string) string { return filepath.Join(t.TempDir(), name) }

func listenAt(t *testing.T, path string) net.Listener {
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// fakeCRI is CRI-O without CRI-O.
type fakeCRI struct {
	runtimeapi.UnimplementedRuntimeServiceServer
	events chan *runtimeapi.ContainerEventResponse // nil: not implemented

	mu  sync.Mutex
	all []*runtimeapi.Container
}

func (s *fakeCRI) add(c *runtimeapi.Container) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, c)
}

func (s *fakeCRI) ListContainers(context.Context, *runtimeapi.ListContainersRequest) (*runtimeapi.ListContainersResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &runtimeapi.ListContainersResponse{Containers: s.all}, nil
}

func (s *fakeCRI) GetContainerEvents(r *runtimeapi.GetEventsRequest, out grpc.ServerStreamingServer[runtimeapi.ContainerEventResponse]) error {
	if s.events == nil {
		return s.UnimplementedRuntimeServiceServer.GetContainerEvents(r, out)
	}
	for {
		select {
		case e := <-s.events:
			if err := out.Send(e); err != nil {
				return err
			}
		case <-out.Context().Done():
			return nil
		}
	}
}

// serve serves it at path until stop is called or the test ends.
func (s *fakeCRI) serve(t *testing.T, path string) (stop func()) {
	server := grpc.NewServer()
	runtimeapi.RegisterRuntimeServiceServer(server, s)
	l := listenAt(t, path)
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	stop = sync.OnceFunc(func() {
		server.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// fakeEngine is Docker without Docker.
type fakeEngine struct {
	list   string // what /containers/json answers
	events chan string
	asked  chan string // paths
}

func (s *fakeEngine) serve(t *testing.T, path string) {
	server := &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	l := listenAt(t, path)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l) // ends with Close
	}()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		<-done
	})
}

func (s *fakeEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case s.asked <- r.URL.Path:
	default:
	}
	w.Header().Set("Api-Version", "1.41")
	w.Header().Set("Content-Type", "application/json")
	switch filepath.Base(r.URL.Path) {
	case "_ping":
	case "json":
		_, _ = io.WriteString(w, s.list)
	case "events":
		w.WriteHeader(http.StatusOK)
		out := http.NewResponseController(w)
		for err := out.Flush(); err == nil; err = out.Flush() {
			select {
			case e := <-s.events:
				_, _ = io.WriteString(w, e+"\n")
			case <-r.Context().Done():
				return
			}
		}
	default:
		http.Error(w, "no such page", http.StatusNotFound)
	}
}

// made is the event of a new container.
func made(id, name, image string) string {
	attributes := map[string]string{"name": name, "image": image}
	b, err := json.Marshal(map[string]any{"Type": "container", "Action": "create", "Actor": map[string]any{"ID": id, "Attributes": attributes}})
	if err != nil {
		panic(err)
	}
	return string(b)
}
