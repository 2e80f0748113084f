package probe

import (
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/ringbuf"

	"tcptop/internal/conn"
)

// ring empties the kernel's ring of closed connections, whenever it is half full
// and whenever it is asked to, into a bounded queue. It has a goroutine of its own:
// whoever takes the samples may be held up by a slow reader, the ring may not.
type ring struct {
	reader  *ringbuf.Reader
	legend  legend
	emptied chan struct{}
	done    chan struct{}

	mu     sync.Mutex
	queue  []conn.Conn
	limit  int
	lost   uint64
	totals map[totalKey]*conn.OwnerTotal
	err    error
}

// totalKey tells the owners of lost rows apart.
type totalKey struct {
	pid, uid uint32
	cgroup   uint64
	comm     conn.Name
}

const maxTotals = 4096

func openRing(m *ebpf.Map, l legend, limit int) (*ring, error) {
	reader, err := ringbuf.NewReader(m)
	if err != nil {
		return nil, fmt.Errorf("open the ring of closed connections: %w", err)
	}
	r := &ring{
		reader:  reader,
		legend:  l,
		emptied: make(chan struct{}, 1),
		done:    make(chan struct{}),
		limit:   limit,
		totals:  map[totalKey]*conn.OwnerTotal{},
	}
	go r.run()
	return r, nil
}

func (r *ring) run() {
	defer close(r.done)
	var rec ringbuf.Record
	for {
		err := r.reader.ReadInto(&rec)
		switch {
		case err == nil:
			r.add(rec.RawSample)
		case errors.Is(err, ringbuf.ErrFlushed):
			r.emptied <- struct{}{}
		case errors.Is(err, ringbuf.ErrClosed):
			return
		default:
			r.mu.Lock()
			r.err = fmt.Errorf("read the ring of closed connections: %w", err)
			r.mu.Unlock()
			return
		}
	}
}

func (r *ring) add(raw []byte) {
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
	r.queue = append(r.queue, conn.Conn{})
	c := &r.queue[len(r.queue)-1]
	decodeConn(c, &rec.C, r.legend)
	finish(c, &rec.C, int64(rec.EndNs))
	c.LastActive = int64(rec.EndNs)
}

// lose counts a row that the queue has no room for, by its owner.
func (r *ring) lose(c *tcptopConn) {
	var lost conn.Conn
	decodeConn(&lost, c, legend{})
	r.lost++
	k := totalKey{lost.Owner.PID, lost.UID, lost.Cgroup, lost.Owner.Comm}
	t := r.totals[k]
	if t == nil && len(r.totals) >= maxTotals {
		k.pid, k.comm = 0, conn.Name{}
		t = r.totals[k]
	}
	if t == nil {
		t = &conn.OwnerTotal{PID: k.pid, UID: k.uid, Cgroup: k.cgroup, Comm: k.comm}
		r.totals[k] = t
	}
	t.Conns++
	t.TxBytes += lost.TxBytes
	t.RxBytes += lost.RxBytes
}

// take empties the kernel's ring, appends what came since the last call to dst,
// and says how many rows were lost here so far.
func (r *ring) take(dst []conn.Conn) ([]conn.Conn, uint64, error) {
	if err := r.reader.Flush(); err != nil {
		return dst, 0, fmt.Errorf("flush the ring: %w", err)
	}
	select {
	case <-r.emptied:
	case <-r.done:
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	dst = append(dst, r.queue...)
	r.queue = r.queue[:0]
	if cap(r.queue) > 4096 && len(dst) < cap(r.queue)/8 {
		r.queue = nil // a storm is over: its memory goes back
	}
	return dst, r.lost, r.err
}

// ownTotals appends what was lost here, by owner.
func (r *ring) ownTotals(dst []conn.OwnerTotal) []conn.OwnerTotal {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.totals {
		dst = append(dst, *t)
	}
	return dst
}

func (r *ring) Close() error {
	err := r.reader.Close()
	<-r.done
	return err
}
