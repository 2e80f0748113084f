package probe

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/perf"
	"github.com/cilium/ebpf/ringbuf"
)

// drain empties one of the kernel's rings, whenever it is half full and whenever it
// is asked to. It has a goroutine of its own: whoever takes the samples may be held up
// by a slow reader, the ring may not.
type drain struct {
	reader  ringReader
	what    string // is in the ring
	emptied chan struct{}
	done    chan struct{}

	mu  sync.Mutex
	err error
}

// ringReader is a ring buffer or perf's buffers.
type ringReader interface {
	next() (raw []byte, lost uint64, err error)
	Flush() error
	Close() error
}

type bpfRing struct {
	*ringbuf.Reader
	record ringbuf.Record
}

func (r *bpfRing) next() ([]byte, uint64, error) {
	err := r.ReadInto(&r.record)
	return r.record.RawSample, 0, err
}

type perfRing struct {
	*perf.Reader
	record perf.Record
}

func (r *perfRing) next() ([]byte, uint64, error) {
	err := r.ReadInto(&r.record)
	return r.record.RawSample, r.record.LostSamples, err
}

func openDrain(m *ebpf.Map, what string) (*drain, error) {
	reader, err := ringbuf.NewReader(m)
	if err != nil {
		return nil, fmt.Errorf("open the ring of %s: %w", what, err)
	}
	return newDrain(&bpfRing{Reader: reader}, what), nil
}

// perfRoom is the room for each CPU's records.
const perfRoom = 64 << 10

// openPerfDrain fails where perf_event_open(2) is not permitted (perf_event_paranoid).
func openPerfDrain(m *ebpf.Map, what string) (*drain, error) {
	reader, err := perf.NewReaderWithOptions(m, perfRoom, perf.ReaderOptions{Watermark: perfRoom / 2})
	if err != nil {
		return nil, fmt.Errorf("open perf's buffers of %s: %w", what, err)
	}
	return newDrain(&perfRing{Reader: reader}, what), nil
}

func newDrain(r ringReader, what string) *drain {
	return &drain{reader: r, what: what, emptied: make(chan struct{}, 1), done: make(chan struct{})}
}

// run gives every record to add, which must not keep it, with how many were lost
// before it, until the drain is closed.
func (d *drain) run(add func(raw []byte, lost uint64)) {
	defer close(d.done)
	for {
		raw, lost, err := d.reader.next()
		switch {
		case err == nil:
			add(raw, lost)
		case errors.Is(err, ringbuf.ErrFlushed):
			d.emptied <- struct{}{}
		case errors.Is(err, os.ErrClosed):
			return
		default:
			d.mu.Lock()
			d.err = fmt.Errorf("read the ring of %s: %w", d.what, err)
			d.mu.Unlock()
			return
		}
	}
}

// empty returns when all that was in the ring has been given to add.
func (d *drain) empty() error {
	if err := d.reader.Flush(); err != nil {
		return fmt.Errorf("flush the ring of %s: %w", d.what, err)
	}
	select {
	case <-d.emptied:
	case <-d.done:
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

func (d *drain) Close() error {
	err := d.reader.Close()
	<-d.done
	return err
}
