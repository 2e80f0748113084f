package probe

import (
	"testing"
	"unsafe"

	"tcptop/internal/conn"
)

// TestTransitionsAreBounded fills the queue: what is beyond is counted, and room is made
// by whoever takes.
func TestTransitionsAreBounded(t *testing.T) {
	q := &transitions{}
	rec := tcptopTransition{Cookie: 7, TimeNs: 9, Gen: 2, From: uint8(conn.Established), To: uint8(conn.CloseWait)}
	raw := unsafe.Slice((*byte)(unsafe.Pointer(&rec)), unsafe.Sizeof(rec))
	q.add(raw[:8], 0) // no record
	for range maxTransitions + 3 {
		q.add(raw, 0)
	}
	want := conn.Transition{ID: conn.ID{Cookie: 7, Serial: 2}, Time: 9, From: conn.Established, To: conn.CloseWait}
	if len(q.queue) != maxTransitions || q.lost != 3 || q.queue[0] != want {
		t.Errorf("%d in the queue, %d lost, the first %+v", len(q.queue), q.lost, q.queue[0])
	}
}
