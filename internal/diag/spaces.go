package diag

import (
	"bufio"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// threadsEvery is how often a search also looks for namespaces that only a thread is in.
const threadsEvery = 8

// maxSpaces bounds the network namespaces that are watched.
const maxSpaces = 4096

// spaces are the network namespaces that can be entered.
type spaces struct {
	all     []*space // our own first
	round   uint32   // of the search for them
	passes  uint32   // searches that were due
	next    int64    // monotonic ns before which the search is not repeated
	reading reading  // what is being decoded
	err     error    // why the last dump that failed did
}

func newSpaces() *spaces {
	own, _ := namespaceInode("/proc/thread-self/ns/net") // without /proc it has no number
	return &spaces{all: []*space{newSpace(own, "")}}
}

// find looks for the namespaces that a process is in or that are mounted, as often as
// its cost allows, and returns those that went.
func (v *spaces) find(roams bool, now int64) (gone []*space) {
	if !roams || now < v.next {
		return nil
	}
	cost := costOf(func() {
		threads := v.passes%threadsEvery == 0
		v.search(threads)
		if !threads && slices.ContainsFunc(v.all, v.lost) { // it may be a thread's
			v.search(true)
		}
	})
	v.passes++
	v.next = monotonic() + min(costShare*cost, pause)
	for _, sp := range v.all {
		if v.lost(sp) {
			gone = append(gone, sp)
		}
	}
	v.all = slices.DeleteFunc(v.all, v.lost)
	return gone
}

func (v *spaces) lost(sp *space) bool { return sp.path != "" && sp.round != v.round }

// search notes a way into each namespace: that of the oldest process in it, which is
// most likely to stay. With threads it looks at each thread, too.
func (v *spaces) search(threads bool) {
	v.round++
	known := make(map[uint64]*space, len(v.all))
	for _, sp := range v.all {
		known[sp.inode] = sp
	}
	add := func(path string) {
		inode, err := namespaceInode(path)
		if err != nil {
			return // it ended meanwhile, or we may not know
		}
		sp := known[inode]
		switch {
		case sp == nil && len(v.all) < maxSpaces:
			sp = newSpace(inode, path)
			sp.round = v.round
			v.all, known[inode] = append(v.all, sp), sp
		case sp != nil && sp.round != v.round && sp.path != "":
			sp.path, sp.round = path, v.round
		}
	}
	for pid := range numbered("/proc") {
		add("/proc/" + pid + "/ns/net")
		if threads {
			for tid := range numbered("/proc/" + pid + "/task") {
				add("/proc/" + pid + "/task/" + tid + "/ns/net")
			}
		}
	}
	for _, path := range mountedNamespaces() {
		add(path)
	}
}

func namespaceInode(path string) (uint64, error) {
	var st unix.Stat_t
	err := unix.Stat(path, &st)
	return st.Ino, err
}

// mountedNamespaces lists where namespaces are mounted, as ip-netns(8) and container
// runtimes do to keep them without a process.
func mountedNamespaces() (paths []string) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		before, after, ok := strings.Cut(sc.Text(), " - ")
		fields := strings.Fields(before)
		if ok && strings.HasPrefix(after, "nsfs ") && len(fields) > 4 && strings.HasPrefix(fields[3], "net:") {
			paths = append(paths, fields[4])
		}
	}
	return paths
}
