package probe

import (
	"slices"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
)

// ring is a bounded queue of what came through the kernel's ring of closed
// connections and new cgroups.
type ring struct {
	*drain
	legend legend

	// Guarded by drain.mu.
	queue  []conn.Conn
	limit  int
	made   []conn.Cgroup // never more than maxMade: what is beyond is looked up
	lost   uint64
	totals conn.Totals // of those
}

const maxMade = 16 << 10

func openRing(m *ebpf.Map, l legend, limit int) (*ring, error) {
	d, err := openDrain(m, "closed connections")
	if err != nil {
		return nil, err
	}
	r := &ring{drain: d, legend: l, limit: limit}
	go d.run(r.add)
	return r, nil
}

func (r *ring) add(raw []byte, _ uint64) {
	if len(raw) == int(unsafe.Sizeof(tcptopCgroupMade{})) {
		r.addCgroup((*tcptopCgroupMade)(unsafe.Pointer(unsafe.SliceData(raw))))
		return
	}
	if len(raw) < int(unsafe.Sizeof(tcptopClosed{})) {
		return
	}
	rec := (*tcptopClosed)(unsafe.Pointer(unsafe.SliceData(raw)))
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) >= r.limit {
		r.lose(&rec.C)
		return
	}
	if n := len(r.queue); n == cap(r.queue) { // append would copy a long queue four times as it grows
		r.queue = slices.Grow(r.queue, max(n/2, 64))
	}
	r.queue = append(r.queue, conn.Conn{})
	c := &r.queue[len(r.queue)-1]
	decodeConn(c, &rec.C, r.legend)
	finish(c, &rec.C, int64(rec.EndNs))
	c.LastActive = int64(rec.EndNs)
}

// addCgroup notes a new cgroup, unless its path was cut.
func (r *ring) addCgroup(c *tcptopCgroupMade) {
	path := unix.ByteSliceToString(unsafe.Slice((*byte)(unsafe.Pointer(&c.Path)), len(c.Path)))
	if path == "" || len(path) >= len(c.Path)-1 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.made) < maxMade {
		r.made = append(r.made, conn.Cgroup{ID: c.Id, Path: path})
	}
}

// lose counts a row that the queue has no room for, by its owner and remote.
func (r *ring) lose(c *tcptopConn) {
	var lost conn.Conn
	decodeConn(&lost, c, legend{})
	r.lost++
	t := r.totals.At(r.totals.Place(conn.TotalOf(&lost)))
	t.Conns++
	t.TxBytes += lost.TxBytes
	t.RxBytes += lost.RxBytes
}

// takeCgroups appends the cgroups that were made since the last call to dst.
func (r *ring) takeCgroups(dst []conn.Cgroup) []conn.Cgroup {
	r.mu.Lock()
	defer r.mu.Unlock()
	dst = append(dst, r.made...)
	clear(r.made)
	r.made = r.made[:0]
	return dst
}

// take empties the kernel's ring, returns the connections that ended since the last call,
// and says how many rows were lost here so far. next, empty, is the queue from now on.
func (r *ring) take(next []conn.Conn) (ended []conn.Conn, lost uint64, err error) {
	err = r.empty()
	r.mu.Lock()
	defer r.mu.Unlock()
	ended, r.queue = r.queue, next
	return ended, r.lost, err
}

// ownTotals appends what was lost here, by owner and remote.
func (r *ring) ownTotals(dst []conn.OwnerTotal) []conn.OwnerTotal {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.totals.Append(dst)
}
