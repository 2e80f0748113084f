package tui

import (
	"slices"
	"sync"
	"time"

	"tcptop/internal/table"
)

// Frame is one tick as the screen takes it.
type Frame struct {
	Snapshot *table.Snapshot
	Uptime   time.Duration // of tcptop
	Log      string        // what is wrong with the log; "" is nothing

	digests []*digest // of this tick and of those before it that were not taken
}

// Mailbox holds the newest frame until the screen takes it. One goroutine puts,
// one takes.
type Mailbox struct {
	slot chan Frame
	done chan struct{}
	once sync.Once
	err  error

	seen observer

	mu      sync.Mutex
	missing []string
	pending []*digest // not taken yet
}

// maxPending bounds the ticks that are remembered while the screen takes none,
// because its terminal stands still; the oldest are forgotten.
const maxPending = 64

// NewMailbox returns an empty mailbox.
func NewMailbox() *Mailbox {
	return &Mailbox{slot: make(chan Frame, 1), done: make(chan struct{})}
}

// Put leaves f for the screen; a frame that was not taken is released, what happened
// in its tick is remembered. It never waits for the screen.
func (b *Mailbox) Put(f Frame) {
	b.remember(b.seen.digest(f.Snapshot))
	select {
	case old := <-b.slot:
		old.Snapshot.Release()
	default:
	}
	b.slot <- f
}

func (b *Mailbox) remember(n *digest) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.pending) == maxPending {
		b.pending = slices.Delete(b.pending, 0, 1)
	}
	b.pending = append(b.pending, n)
}

// recall takes the digests up to the tick at mono.
func (b *Mailbox) recall(mono int64) []*digest {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for n < len(b.pending) && b.pending[n].at.Mono <= mono {
		n++
	}
	taken := slices.Clone(b.pending[:n])
	b.pending = slices.Delete(b.pending, 0, n)
	return taken
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
		return b.complete(f)
	default:
	}
	select {
	case f := <-b.slot:
		return b.complete(f)
	case <-b.done:
		return endMsg{err: b.err}
	}
}

func (b *Mailbox) complete(f Frame) frameMsg {
	f.digests = b.recall(f.Snapshot.Mono)
	return frameMsg(f)
}
