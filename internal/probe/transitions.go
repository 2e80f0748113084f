package probe

import (
	"sync"
	"unsafe"

	"github.com/cilium/ebpf"

	"tcptop/internal/conn"
)

// transitionRing is the room in bytes for changes of state, 100,000 or so, between two
// ticks or wake-ups, maxTransitions how many wait for the next tick.
const (
	transitionRing = 1 << 22
	maxTransitions = 1 << 18
)

// transitions is a bounded queue of changes of state.
type transitions struct {
	*drain

	mu    sync.Mutex
	queue []conn.Transition
	lost  uint64
}

func openTransitions(m *ebpf.Map) (*transitions, error) {
	d, err := openDrain(m, "changes of state")
	if err != nil {
		return nil, err
	}
	q := &transitions{drain: d}
	go d.run(q.add)
	return q, nil
}

func (q *transitions) add(raw []byte, _ uint64) {
	if len(raw) < int(unsafe.Sizeof(tcptopTransition{})) {
		return
	}
	rec := (*tcptopTransition)(unsafe.Pointer(unsafe.SliceData(raw)))
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.queue) >= maxTransitions {
		q.lost++
		return
	}
	q.queue = append(q.queue, conn.Transition{
		ID:   conn.ID{Cookie: rec.Cookie, Serial: uint64(rec.Gen)},
		Time: int64(rec.TimeNs), From: conn.State(rec.From), To: conn.State(rec.To),
	})
}

// take empties the kernel's ring and returns what came since the last call, which is the
// caller's and never nil, and how many were lost here so far. A nil queue has none.
func (q *transitions) take() ([]conn.Transition, uint64, error) {
	if q == nil {
		return nil, 0, nil
	}
	err := q.empty()
	q.mu.Lock()
	defer q.mu.Unlock()
	came := q.queue
	q.queue = make([]conn.Transition, 0, len(came))
	return came, q.lost, err
}
