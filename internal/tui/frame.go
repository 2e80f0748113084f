package tui

import (
	"sync"
	"time"

	"tcptop/internal/table"
)

// Frame is one tick as the screen takes it.
type Frame struct {
	Snapshot *table.Snapshot
	Uptime   time.Duration // of tcptop
	CPU      float64       // of tcptop over the tick, in percent of one CPU; negative is not known
	RSS      uint64        // of tcptop, in bytes; 0 is not known
}

// Mailbox holds the newest frame until the screen takes it. One goroutine puts,
// one takes.
type Mailbox struct {
	slot chan Frame
	done chan struct{}
	once sync.Once
	err  error

	mu      sync.Mutex
	missing []string
}

// NewMailbox returns an empty mailbox.
func NewMailbox() *Mailbox {
	return &Mailbox{slot: make(chan Frame, 1), done: make(chan struct{})}
}

// Put leaves f for the screen; a frame that was not taken is released. It never
// waits.
func (b *Mailbox) Put(f Frame) {
	select {
	case old := <-b.slot:
		old.Snapshot.Release()
	default:
	}
	b.slot <- f
}

// Missing says what is not measured here. It may be called before the first Put.
func (b *Mailbox) Missing(what []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.missing = what
}

func (b *Mailbox) notMeasured() []string {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.missing
}

// Close says that no frame will follow, and why: nil is the end of the source.
func (b *Mailbox) Close(err error) {
	b.once.Do(func() {
		b.err = err
		close(b.done)
	})
}

// frameMsg is a frame that has arrived.
type frameMsg Frame

// endMsg says that no frame will follow.
type endMsg struct{ err error }

// take waits for the next frame.
func (b *Mailbox) take() any {
	select {
	case f := <-b.slot:
		return frameMsg(f)
	default:
	}
	select {
	case f := <-b.slot:
		return frameMsg(f)
	case <-b.done:
		return endMsg{err: b.err}
	}
}
