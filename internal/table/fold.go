package table

import "tcptop/internal/conn"

// move folds in a connection that is new or moved.
func (t *Table) move(c *conn.Conn) {
	pos, known := t.find(c.ID)
	if !known {
		t.appear(c)
		return
	}
	s := t.slot(pos)
	switch {
	case s.is(s.page.closing):
		inherit(&s.Conn, c)
	case !s.is(s.page.shown):
		t.comeBack(s, c)
	case shadow(&s.Conn) && !shadow(c) && t.opened(c):
		t.update(s, c)
		s.Event = conn.EventOpen
		t.journal.note(s, s.Event, s.Opened)
	default:
		was := s.State
		t.update(s, c)
		t.journal.noteState(s, was, t.tick.now)
	}
}

// appear adds a connection that has no row yet.
func (t *Table) appear(c *conn.Conn) {
	s, ok := t.add(c)
	if !ok {
		t.over.refuse(c, max(t.maxRows, leastUnseen))
		return
	}
	opened := t.isNew(c) && !shadow(c)
	s.Limit, s.Share = t.standing(s)
	if opened {
		s.Event, s.Moved = conn.EventOpen, true
		t.journal.note(s, s.Event, s.Opened)
		t.touch(s)
		t.count(s, traffic{c.RxBytes, c.TxBytes})
		p := period{was: new(conn.Conn), now: c, elapsed: uint64(max(min(s.Sampled-c.Opened, int64(t.tick.elapsed)), 0)) / 1000}
		s.Limit, s.Share = p.limit()
	}
	t.watch(s, opened)
}

// close shows a connection for the last time.
func (t *Table) close(c *conn.Conn) {
	pos, known := t.find(c.ID)
	if !known {
		t.closeUnseen(c)
		return
	}
	s := t.slot(pos)
	switch {
	case s.is(s.page.closing):
		inherit(&s.Conn, c)
		return
	case shadow(&s.Conn) && c.Has&conn.HasBytes == 0:
		t.drop(s)
		return
	case !s.is(s.page.shown) && !grew(&s.Conn, c):
		t.drop(s)
		return
	}
	t.show(s)
	t.update(s, c)
	t.end(s)
}

// closeUnseen shows a connection that opened and closed between two ticks.
func (t *Table) closeUnseen(c *conn.Conn) {
	if shadow(c) {
		t.over.placed(c.ID)
		return
	}
	s, ok := t.pass(c)
	if !ok {
		t.over.close(c)
		return
	}
	if t.isNew(c) {
		t.count(s, traffic{c.RxBytes, c.TxBytes})
		t.journal.note(s, conn.EventOpen, c.Opened)
		s.Brief = true
	}
	t.end(s)
}

func (t *Table) end(s slot) {
	s.Event, s.Moved = conn.EventClose, true
	s.Limit, s.Share = 0, 0
	if s.Proto == conn.TCP && (s.State == conn.SynSent || s.Reason == conn.Refused) {
		s.Event = conn.EventFail
	}
	if s.State == 0 && s.Proto != conn.UDP {
		s.State = conn.Closed
	}
	t.journal.note(s, s.Event, t.lastActive(&s.Conn))
	s.page.closing |= s.bit
	t.touch(s)
	delete(t.carried, s.pos)
}

// forget drops a row that ends without a connection ending.
func (t *Table) forget(id conn.ID) {
	pos, known := t.find(id)
	if !known {
		t.over.placed(id)
		return
	}
	if s := t.slot(pos); !s.is(s.page.closing) {
		t.drop(s)
	}
}

// update replaces a row's measurement and adds what was carried since.
func (t *Table) update(s slot, c *conn.Conn) {
	next := *c
	fill(&next.Sampled, t.tick.now)
	inherit(&next, &s.Conn)
	keepHighest(&next, &s.Conn)
	var d traffic
	switch {
	case s.Has&conn.HasBytes != 0:
		d = traffic{next.RxBytes - s.RxBytes, next.TxBytes - s.TxBytes}
	case t.opened(&next):
		d = traffic{next.RxBytes, next.TxBytes}
	}
	t.countListener(s, &next)
	if moved(&s.Conn, &next) {
		s.Moved = true
		*s.seen() = max(*s.seen(), t.lastActive(c))
	}
	t.touch(s)
	t.count(s, d)
	t.judge(s, &next)
	watched := expires(&s.Conn)
	s.Conn = next
	if !watched {
		t.watch(s, true)
	}
}

// opened reports whether c is known to have opened since the tick before.
func (t *Table) opened(c *conn.Conn) bool {
	return !t.tick.first && c.Opened > t.tick.before
}

// isNew reports whether c, which has no row yet, is known to have opened. A source may
// come upon it a tick late: it notes the time first and makes the connection known
// to its sweep afterwards.
func (t *Table) isNew(c *conn.Conn) bool {
	return !t.tick.first && c.Opened > t.tick.earlier
}

// lastActive is the moment of c's last movement in monotonic ns.
func (t *Table) lastActive(c *conn.Conn) int64 {
	if c.LastActive != 0 {
		return c.LastActive
	}
	return t.tick.now
}
