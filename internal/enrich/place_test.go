package enrich

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tcptop/internal/conn"
)

const boxID = "4c0f5a1d2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6"

// host is a made-up one: directories for cgroups, files for namespaces, whose inodes
// take the place of ids.
type host struct {
	t          testing.TB
	dir        string
	containers func(context.Context, conn.ContainerFeed)
}

// newHost has a cgroup2 hierarchy, and one of v1 if legacy is set.
func newHost(t testing.TB, legacy bool) *host {
	h := &host{t: t, dir: t.TempDir()}
	mounts := fmt.Sprintf("30 1 0:26 / %s/cg rw shared:4 - cgroup2 cgroup2 rw\n", h.dir)
	if legacy {
		mounts += "31 1 0:27 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
	}
	h.write("proc/self/mountinfo", mounts)
	h.write("proc/thread-self/ns/net", "")
	h.write("run/init", "") // the directory
	h.inode("cg/")
	return h
}

func (h *host) path(name string) string { return filepath.Join(h.dir, name) }

func (h *host) write(name, text string) uint64 {
	h.t.Helper()
	if err := os.MkdirAll(filepath.Dir(h.path(name)), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(h.path(name), []byte(text), 0o644); err != nil {
		h.t.Fatal(err)
	}
	return h.inode(name)
}

// inode makes a directory, if name ends so, and returns the inode of name.
func (h *host) inode(name string) uint64 {
	h.t.Helper()
	if strings.HasSuffix(name, "/") {
		if err := os.MkdirAll(h.path(name), 0o755); err != nil {
			h.t.Fatal(err)
		}
	}
	info, err := os.Stat(h.path(name))
	if err != nil {
		h.t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Ino
}

func (h *host) cgroup(path string) uint64 { return h.inode("cg" + path + "/") }

func (h *host) enricher() *Enricher {
	return open(h.t, Config{
		LookupUser: func(uint32) string { return "" }, Containers: h.containers,
		Proc: h.path("proc"), NetNS: h.path("run"),
	})
}

// open is New for a test.
func open(t testing.TB, c Config) *Enricher {
	e := New(c)
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// row is a connection in a cgroup and a network namespace.
func row(cookie, cgroup uint64, netns uint64) conn.Conn {
	return conn.Conn{ID: conn.ID{Cookie: cookie}, Seat: uint32(cookie), Has: conn.HasCgroup, Cgroup: cgroup, NetNS: uint32(netns)}
}

// settled applies samples of the rows until their places are as wanted.
func settled(t *testing.T, e *Enricher, rows []conn.Conn, want ...conn.Place) {
	t.Helper()
	limit := 1000
	for mono := int64(1); ; mono += spacesEvery {
		s := &conn.Sample{Mono: mono, Conns: append([]conn.Conn(nil), rows...)}
		e.Apply(s)
		var got []conn.Place
		for i := range s.Conns {
			if p := s.Conns[i].Place; p != nil {
				got = append(got, *p)
			} else {
				got = append(got, conn.Place{})
			}
		}
		diff := cmp.Diff(want, got)
		if diff == "" {
			return
		}
		if limit--; limit == 0 {
			t.Fatalf("places (-want +got)\n%s", diff)
		}
		nudge(e.clerk.wake)
		<-e.clerk.rested
	}
}

// The first tick waits for what takes a walk through the cgroups, so that a single one
// is whole.
func TestFirstTickIsWhole(t *testing.T) {
	h := newHost(t, false)
	unit := h.cgroup("/system.slice/nginx.service")
	box := h.cgroup("/docker/" + boxID + "/deeper")
	blue := h.write("run/blue", "")
	h.containers = func(_ context.Context, f conn.ContainerFeed) {
		f.Found(conn.Container{ID: boxID, Name: "web", Image: "nginx:1"})
		f.Listed()
	}
	s := &conn.Sample{Conns: []conn.Conn{row(1, unit, blue), row(2, box, 0), row(3, h.inode("cg/"), 0), row(4, 1<<40, 0)}}
	h.enricher().Apply(s)
	for i, want := range []conn.Place{
		{Cgroup: "/system.slice/nginx.service", Unit: "nginx.service", Slice: "system.slice", NetNS: "blue"},
		{Cgroup: "/docker/" + boxID + "/deeper", Container: "web", ContainerID: boxID, Image: "nginx:1"},
		{Cgroup: "/"},
		{}, // it has gone
	} {
		if diff := cmp.Diff(want, *s.Conns[i].Place); diff != "" {
			t.Errorf("row %d: (-want +got)\n%s", i, diff)
		}
	}
}

// A cgroup that came and went within a tick is known by what the kernel's hook told.
func TestMadeAndGone(t *testing.T) {
	e := newHost(t, false).enricher()
	s := &conn.Sample{Cgroups: []conn.Cgroup{{ID: 77, Path: "/docker/" + boxID}}, Closed: []conn.Conn{row(1, 77, 0)}}
	e.Apply(s)
	if got := s.Closed[0].Place.ContainerID; got != boxID {
		t.Errorf("container %q", got)
	}
}

// What is told late reaches rows that no later sample names.
func TestNamedLater(t *testing.T) {
	h := newHost(t, false)
	tell := make(chan func(conn.Container), 1)
	h.containers = func(_ context.Context, f conn.ContainerFeed) {
		f.Listed()
		tell <- f.Found
	}
	e := h.enricher()
	box, space := h.cgroup("/docker/"+boxID), h.write("run-not/x", "")
	s := &conn.Sample{Conns: []conn.Conn{row(1, box, space)}}
	e.Apply(s)
	first := s.Conns[0].Place
	if want := (conn.Place{Cgroup: "/docker/" + boxID, ContainerID: boxID}); *first != want {
		t.Fatalf("at first %+v", *first)
	}
	(<-tell)(conn.Container{ID: boxID, Name: "web"})
	s = &conn.Sample{}
	e.Apply(s)
	if len(s.Places) != 1 || s.Places[0].Was != first || s.Places[0].Is.Container != "web" || s.Places[0].Is.NetNS != "web" {
		t.Errorf("changes %+v", s.Places)
	}
	if first.Container != "" {
		t.Error("a published Place was written to")
	}
}

// A process is looked up in the v1 hierarchies only where the v2 one says less.
func TestLegacy(t *testing.T) {
	h := newHost(t, true)
	root, unit := h.inode("cg/"), h.cgroup("/system.slice/cron.service")
	h.process(5, 1000, "9:name=systemd:/\n8:pids:/docker/"+boxID+"\n0::/\n")
	h.process(6, 1000, "9:name=systemd:/system.slice/x.service\n0::/\n")
	h.process(7, 1000, "9:name=systemd:/system.slice/x.service\n0::/\n")
	of := func(cgroup uint64, pid, start uint32) conn.Conn {
		c := row(uint64(pid), cgroup, 0)
		c.Owner = conn.Owner{PID: pid, Start: start}
		return c
	}
	settled(t, h.enricher(), []conn.Conn{of(root, 5, 1000), of(root, 6, 1000), of(unit, 7, 1000), of(root, 5, 2000), of(root, 8, 1), row(9, root, 0)},
		conn.Place{Cgroup: "/docker/" + boxID, ContainerID: boxID},
		conn.Place{Cgroup: "/system.slice/x.service", Unit: "x.service", Slice: "system.slice"},
		conn.Place{Cgroup: "/system.slice/cron.service", Unit: "cron.service", Slice: "system.slice"},
		conn.Place{Cgroup: "/"}, // another process had that pid
		conn.Place{Cgroup: "/"}, // it has gone
		conn.Place{Cgroup: "/"},
	)
}

// process is one of the made-up host.
func (h *host) process(pid int, start uint64, cgroup string) {
	dir := fmt.Sprintf("proc/%d/", pid)
	h.write(dir+"cgroup", cgroup)
	h.write(dir+"stat", fmt.Sprintf("%d (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 %d 0 0 18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n", pid, start))
}

func TestNetNSNames(t *testing.T) {
	h := newHost(t, false)
	own := h.inode("proc/thread-self/ns/net")
	blue, made, pod, two, shared := h.write("run/blue", ""), h.write("run/cni-8f2d", ""), h.write("x/pod", ""), h.write("x/two", ""), h.write("x/shared", "")
	id := func(n int) string { return fmt.Sprintf("%064x", n) }
	box := func(n int) uint64 { return h.cgroup("/docker/" + id(n)) }
	h.containers = func(_ context.Context, f conn.ContainerFeed) {
		for n, pod := range map[int]string{1: "", 2: "web-0", 3: "web-0", 4: "", 5: ""} {
			c := conn.Container{ID: id(n), Name: fmt.Sprint("c", n), Pod: pod}
			if pod != "" {
				c.PodUID = "uid-" + pod
			}
			f.Found(c)
		}
		f.Listed()
	}
	s := &conn.Sample{Conns: []conn.Conn{
		row(1, box(1), blue), row(2, box(1), own), row(3, box(2), pod), row(4, box(3), pod), row(5, box(1), made),
		row(6, box(4), shared), row(7, box(5), shared), row(8, box(4), two), row(9, h.cgroup("/system.slice/a.service"), two), row(10, box(1), 0),
	}}
	h.enricher().Apply(s)
	for i, want := range []string{"blue", "", "web-0", "web-0", "c1", "", "", "c4", "c4", ""} {
		if got := s.Conns[i].Place.NetNS; got != want {
			t.Errorf("row %d: %q, want %q", i, got, want)
		}
	}
}

// A namespace that ip-netns(8) makes later gets its name, and loses it again.
func TestNetNSLater(t *testing.T) {
	h := newHost(t, false)
	e := h.enricher()
	green := h.write("run/green", "")
	rows := []conn.Conn{row(1, h.inode("cg/"), green)}
	settled(t, e, rows, conn.Place{Cgroup: "/", NetNS: "green"})
	if err := os.Rename(h.path("run/green"), h.path("run/red")); err != nil {
		t.Fatal(err)
	}
	settled(t, e, rows, conn.Place{Cgroup: "/", NetNS: "red"})
}

// containerd's own containers have any name, and a cgroup that their runtime tells.
func TestContainerByPath(t *testing.T) {
	h := newHost(t, false)
	h.containers = func(_ context.Context, f conn.ContainerFeed) {
		f.Found(conn.Container{ID: "web", Name: "web", Cgroup: "/default/web"})
		f.Found(conn.Container{ID: boxID, Name: "other", PodUID: "8f2d3c1a-5b6e-4f70-8192-a3b4c5d6e7f8", Pod: "p", Namespace: "n"})
		f.Listed()
	}
	settled(t, h.enricher(), []conn.Conn{row(1, h.cgroup("/default/web/nested"), 0), row(2, h.cgroup("/default/webb"), 0),
		row(3, h.cgroup("/kubepods/pod8f2d3c1a-5b6e-4f70-8192-a3b4c5d6e7f8"), 0)},
		conn.Place{Cgroup: "/default/web/nested", Container: "web", ContainerID: "web"},
		conn.Place{Cgroup: "/default/webb"},
		conn.Place{Cgroup: "/kubepods/pod8f2d3c1a-5b6e-4f70-8192-a3b4c5d6e7f8", Pod: "p", Namespace: "n"})
}

// Errands beyond the bound are counted, not kept.
func TestErrandsAreBounded(t *testing.T) {
	h := newHost(t, false)
	e := h.enricher()
	e.clerk.close() // nobody does them
	for id := range uint64(maxErrands + 7) {
		e.clerk.wantPath(id)
	}
	for range maxErrands + 5 {
		e.clerk.found(conn.Container{ID: "x"})
	}
	s := &conn.Sample{}
	e.started = true
	e.Apply(s)
	if s.Loss.Unnamed != 12 {
		t.Errorf("%d refused, want 12", s.Loss.Unnamed)
	}
	e.clerk = newClerk(&e.cgroups, h.path("proc"), h.path("run"))
}
