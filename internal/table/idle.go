package table

import (
	"container/heap"

	"tcptop/internal/conn"
)

// deadline is when a UDP flow is hidden unless it moves before.
type deadline struct {
	id  conn.ID
	due int64 // monotonic ns; never later than the true deadline
	pos int32
}

// idleQueue is a heap of deadlines, the earliest first. A flow that moves keeps
// its entry, which is put right when it comes up: at most once per timeout.
type idleQueue []deadline

func (q idleQueue) Len() int           { return len(q) }
func (q idleQueue) Less(i, j int) bool { return q[i].due < q[j].due }
func (q idleQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *idleQueue) Push(d any)        { *q = append(*q, d.(deadline)) }

func (q *idleQueue) Pop() any {
	n := len(*q) - 1
	d := (*q)[n]
	*q = (*q)[:n]
	return d
}

// expires reports whether silence ends c: a listener waits, and where nothing is
// counted silence means nothing.
func expires(c *conn.Conn) bool {
	return c.Proto == conn.UDP && c.Dir != conn.DirListen && c.State != conn.Listen &&
		c.Has&(conn.HasBytes|conn.HasPackets) != 0
}

// watch puts a shown UDP flow in the queue. One that is not known to have moved
// since the tick before is shown for one tick at least.
func (t *Table) watch(s slot, fresh bool) {
	if !expires(&s.Conn) {
		return
	}
	due := *s.seen() + t.timeout
	if !fresh {
		due = max(due, t.tick.now+1)
	}
	heap.Push(&t.idle, deadline{id: s.ID, due: due, pos: s.pos})
}

// expire ends the flows that have been silent for too long.
func (t *Table) expire() {
	for len(t.idle) > 0 && t.idle[0].due <= t.tick.now {
		d := t.idle[0]
		p, i := t.pages[d.pos/pageRows], d.pos%pageRows
		if p == nil || p.rows[i].ID != d.id || (p.shown&^p.closing)&(1<<i) == 0 {
			heap.Pop(&t.idle)
			continue
		}
		if due := p.seen[i] + t.timeout; due > t.tick.now {
			t.idle[0].due = due
			heap.Fix(&t.idle, 0)
			continue
		}
		heap.Pop(&t.idle)
		s := t.slot(d.pos)
		s.Event, s.Reason = conn.EventClose, conn.Idle
		t.journal.note(s, s.Event, t.tick.now)
		s.page.idle |= s.bit
		t.touch(s)
	}
}

// comeBack shows a hidden flow again if it moved.
func (t *Table) comeBack(s slot, c *conn.Conn) {
	back := grew(&s.Conn, c)
	t.update(s, c)
	if back {
		s.Event = conn.EventOpen
		t.journal.note(s, s.Event, t.lastActive(&s.Conn))
		t.show(s)
		t.watch(s, true)
	}
}
