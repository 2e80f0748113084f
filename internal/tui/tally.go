package tui

import "slices"

const (
	trafficTicks = 1200
	maxEvents    = 2000
	// maxMoments bounds the memory of histories: 24 bytes each, 48 MiB in all. A
	// thousand connections that move each tick have their last twenty minutes.
	maxMoments = 1 << 21
)

// tally is what the screen remembers of the ticks so far, of each as much as its
// bounds allow.
type tally struct {
	count          // of the newest tick
	rx, tx   ring  // rates of each tick
	ticks    int   // so far
	happened queue // by events
	moved    queue // by moments
}

// queue is the last digests whose size together is bounded.
type queue struct {
	digests []*digest // the oldest first
	size    int
}

func newTally() *tally { return &tally{rx: newRing(trafficTicks), tx: newRing(trafficTicks)} }

// add takes a tick.
func (t *tally) add(n *digest) {
	t.count = n.count
	t.ticks++
	t.rx.add(float32(n.rxRate))
	t.tx.add(float32(n.txRate))
	if len(n.events) > 0 {
		t.happened.add(n, (*digest).eventCount, maxEvents, maxEvents)
	}
	t.moved.add(n, (*digest).momentCount, maxMoments, trafficTicks)
}

func (n *digest) eventCount() int  { return len(n.events) }
func (n *digest) momentCount() int { return len(n.moments) }

// add appends n and forgets the oldest until size and length are within bounds; the
// newest stays in any case.
func (q *queue) add(n *digest, size func(*digest) int, maxSize, maxLen int) {
	q.digests = append(q.digests, n)
	q.size += size(n)
	drop := 0
	for drop < len(q.digests)-1 && (q.size > maxSize || len(q.digests)-drop > maxLen) {
		q.size -= size(q.digests[drop])
		drop++
	}
	if drop > 0 {
		clear(q.digests[:drop])
		q.digests = q.digests[drop:]
	}
}

// newest yields the events, the newest first.
func (t *tally) newest(yield func(*event) bool) {
	for _, d := range slices.Backward(t.happened.digests) {
		for i := range slices.Backward(d.events) {
			if !yield(&d.events[i]) {
				return
			}
		}
	}
}
