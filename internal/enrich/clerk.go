package enrich

import (
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/procfs"

	"tcptop/internal/conn"
	"tcptop/internal/place"
)

// clerk looks up what may take its time, in one goroutine and with bounded lists. What
// it finds waits for the next tick.
type clerk struct {
	cgroups *cgroups
	proc    string // where procfs is mounted
	netns   string // where ip-netns(8) mounts namespaces
	wake    chan struct{}
	rested  chan struct{} // it has nothing to do
	stop    chan struct{}
	done    chan struct{}

	mu      sync.Mutex
	todo    errands
	results findings
	busy    bool
	refused uint64 // errands and containers that a full list had no room for, runtimes that failed
}

// errands are what is wanted.
type errands struct {
	ids    map[uint64]struct{}  // cgroups
	procs  map[process]struct{} // whose cgroup v1 paths are wanted
	spaces bool                 // the names of network namespaces
	links  map[uint32]struct{}  // network namespaces whose devices are wanted
}

func (e *errands) none() bool {
	return len(e.ids) == 0 && len(e.procs) == 0 && !e.spaces && len(e.links) == 0
}

// findings are what was found since they were taken.
type findings struct {
	paths  map[uint64]string // by cgroup id; "" is gone
	procs  map[process]*spot // nil says nothing
	spaces map[uint32]string // names by inode; nil is no news
	links  map[uint32]*links
	boxes  []conn.Container
}

func (f *findings) none() bool {
	return len(f.paths) == 0 && len(f.procs) == 0 && f.spaces == nil && len(f.links) == 0 && len(f.boxes) == 0
}

// process tells a reused pid apart, as conn.Owner does.
type process struct{ pid, start uint32 }

// maxErrands bounds each list.
const maxErrands = 1 << 14

func newClerk(c *cgroups, proc, netns string) *clerk {
	k := &clerk{
		cgroups: c, proc: proc, netns: netns,
		wake: make(chan struct{}, 1), rested: make(chan struct{}, 1),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	go k.run()
	return k
}

func (k *clerk) close() {
	close(k.stop)
	<-k.done
}

// want adds an errand; f reports whether there was room for it.
func (k *clerk) want(f func(e *errands) bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !f(&k.todo) {
		k.refused++
		return
	}
	nudge(k.wake)
}

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (k *clerk) wantPath(id uint64) {
	k.want(func(e *errands) bool { return put(&e.ids, id, struct{}{}) })
}

func (k *clerk) wantProcess(p process) {
	k.want(func(e *errands) bool { return put(&e.procs, p, struct{}{}) })
}

func (k *clerk) wantSpaces() {
	k.want(func(e *errands) bool { e.spaces = true; return true })
}

func (k *clerk) wantLinks(netns uint32) {
	k.want(func(e *errands) bool { return put(&e.links, netns, struct{}{}) })
}

// put adds to a map that is made when it is needed; false where it is full.
func put[K comparable, V any](m *map[K]V, key K, v V) bool {
	if *m == nil {
		*m = make(map[K]V)
	}
	if len(*m) >= maxErrands {
		return false
	}
	(*m)[key] = v
	return true
}

// found takes what a runtime says of a container, at any time.
func (k *clerk) found(c conn.Container) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.results.boxes) >= maxErrands {
		k.refused++
		return
	}
	k.results.boxes = append(k.results.boxes, c)
}

// failed counts a runtime that did not answer.
func (k *clerk) failed() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.refused++
}

// take returns what was found since the last call, and how much was refused in all.
func (k *clerk) take() (findings, uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f := k.results
	k.results = findings{}
	return f, k.refused
}

func (k *clerk) run() {
	defer close(k.done)
	for {
		k.mu.Lock()
		todo := k.todo
		k.todo, k.busy = errands{}, !k.todo.none()
		k.mu.Unlock()
		if todo.none() {
			nudge(k.rested)
			select {
			case <-k.wake:
				continue
			case <-k.stop:
				return
			}
		}
		f := k.do(&todo)
		k.mu.Lock()
		k.results.add(&f)
		k.mu.Unlock()
	}
}

// await waits until nothing is left to do, or for limit.
func (k *clerk) await(limit <-chan time.Time) {
	for {
		k.mu.Lock()
		idle := !k.busy && k.todo.none()
		k.mu.Unlock()
		if idle {
			return
		}
		select {
		case <-k.rested:
		case <-limit:
			return
		}
	}
}

// add puts newer findings to those that nobody has taken yet.
func (f *findings) add(g *findings) {
	for id, path := range g.paths {
		put(&f.paths, id, path)
	}
	for p, s := range g.procs {
		put(&f.procs, p, s)
	}
	for netns, l := range g.links {
		put(&f.links, netns, l)
	}
	if g.spaces != nil {
		f.spaces = g.spaces
	}
}

func (k *clerk) do(todo *errands) findings {
	var f findings
	if len(todo.ids) > 0 {
		f.paths = k.paths(todo.ids)
	}
	for p := range todo.procs {
		if k.stopped() {
			break
		}
		put(&f.procs, p, k.legacy(p))
	}
	if todo.spaces {
		f.spaces = namedSpaces(k.netns)
	}
	if len(todo.links) > 0 {
		f.links = findLinks(k.proc, k.netns, todo.links)
	}
	return f
}

func (k *clerk) stopped() bool {
	select {
	case <-k.stop:
		return true
	default:
		return false
	}
}

// paths looks for cgroups in the whole tree.
func (k *clerk) paths(ids map[uint64]struct{}) map[uint64]string {
	found := make(map[uint64]string, len(ids))
	for id := range ids {
		found[id] = ""
	}
	left := len(ids)
	k.cgroups.walk(func(id uint64, path string) bool {
		if _, wanted := ids[id]; wanted {
			found[id] = path
			left--
		}
		return left > 0 && !k.stopped()
	})
	return found
}

// legacy is what the cgroup v1 hierarchies say of a process; nil is nothing.
func (k *clerk) legacy(p process) *spot {
	dir := filepath.Join(k.proc, strconv.FormatUint(uint64(p.pid), 10))
	text, err := os.ReadFile(filepath.Join(dir, "cgroup"))
	if err != nil {
		return nil
	}
	path, l, ok := place.Best(string(text))
	if !ok || !k.isStill(p) {
		return nil
	}
	return &spot{path: path, loc: l}
}

// isStill reports whether the pid is no other process' by now.
func (k *clerk) isStill(p process) bool {
	procs, err := procfs.NewFS(k.proc)
	if err != nil {
		return false
	}
	proc, err := procs.Proc(int(p.pid))
	if err != nil {
		return false
	}
	stat, err := proc.Stat()
	return err == nil && started(conn.Owner{Start: p.start}, stat.Starttime)
}
