package probe

import (
	"errors"
	"fmt"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/ringbuf"
)

// drain empties one of the kernel's rings, whenever it is half full and whenever it
// is asked to. It has a goroutine of its own: whoever takes the samples may be held up
// by a slow reader, the ring may not.
type drain struct {
	reader  *ringbuf.Reader
	what    string // is in the ring
	emptied chan struct{}
	done    chan struct{}

	mu  sync.Mutex
	err error
}

func openDrain(m *ebpf.Map, what string) (*drain, error) {
	reader, err := ringbuf.NewReader(m)
	if err != nil {
		return nil, fmt.Errorf("open the ring of %s: %w", what, err)
	}
	return &drain{reader: reader, what: what, emptied: make(chan struct{}, 1), done: make(chan struct{})}, nil
}

// run gives every record to add, which must not keep it, until the drain is closed.
func (d *drain) run(add func(raw []byte)) {
	defer close(d.done)
	var rec ringbuf.Record
	for {
		err := d.reader.ReadInto(&rec)
		switch {
		case err == nil:
			add(rec.RawSample)
		case errors.Is(err, ringbuf.ErrFlushed):
			d.emptied <- struct{}{}
		case errors.Is(err, ringbuf.ErrClosed):
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
	return nil
}

func (d *drain) Close() error {
	err := d.reader.Close()
	<-d.done
	return err
}
