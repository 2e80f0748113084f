package table

import (
	"cmp"
	"slices"

	"tcptop/internal/conn"
)

// Changes of state whose connection has no row wait for one: a source may come upon it
// a tick late, or look for its owner first.
const (
	maxEarly = 1 << 16
	earlyFor = int64(10e9) // ns
)

// event is something that a connection did in a tick.
type event struct {
	kind     conn.Event
	id       conn.ID
	pos      int32 // of its row
	at       int64 // monotonic ns
	from, to conn.State
	took     int64 // ns for which it was in from; 0 is not known
}

// entered is the state of a connection and since when it is in it.
type entered struct {
	state conn.State
	at    int64
}

// journal notes what connections do, one after the other, for Snapshot.Events.
type journal struct {
	events []event           // of this tick
	states map[int32]entered // by position, of connections that have changed theirs
	early  []conn.Transition
	lost   uint64
	hears  bool // the source tells of changes of state: else ticks do
}

func newJournal() *journal { return &journal{states: map[int32]entered{}} }

// begin starts a tick; the events of the one before are a snapshot's.
func (j *journal) begin(hears bool) { j.events, j.hears = nil, hears }

// note adds an event of a row. A nil journal notes nothing.
func (j *journal) note(s slot, kind conn.Event, at int64) {
	if j == nil {
		return
	}
	e := event{kind: kind, id: s.ID, pos: s.pos, at: max(at, s.Opened), to: s.State}
	if kind == conn.EventOpen && (j.hears || s.State == conn.Closed) {
		e.from, e.to = beginning(&s.Conn)
	}
	j.events = append(j.events, e)
}

// noteState notes a state that a tick found changed, by a source that hears of no changes.
func (j *journal) noteState(s slot, was conn.State, at int64) {
	if j == nil || j.hears || was == s.State {
		return
	}
	j.events = append(j.events, event{kind: conn.EventState, id: s.ID, pos: s.pos, at: at, from: was, to: s.State})
}

func (j *journal) drop(pos int32) {
	if j != nil {
		delete(j.states, pos)
	}
}

// beginning is the change of state that opens a connection.
func beginning(c *conn.Conn) (from, to conn.State) {
	switch {
	case c.Proto != conn.TCP:
		return 0, c.State
	case c.Dir == conn.Out:
		return conn.Closed, conn.SynSent
	case c.Dir == conn.In:
		return conn.SynRecv, conn.Established
	case c.Dir == conn.DirListen:
		return conn.Closed, conn.Listen
	}
	return 0, c.State
}

// transitions notes the changes of state of a tick, after the rows are up to date.
func (t *Table) transitions(all []conn.Transition) {
	j := t.journal
	if j == nil {
		return
	}
	early := j.early
	j.early = nil
	for i := range early {
		t.transition(&early[i])
	}
	for i := range all {
		t.transition(&all[i])
	}
	for i := range j.events {
		if e := &j.events[i]; e.kind == conn.EventClose || e.kind == conn.EventFail {
			e.at = max(e.at, j.states[e.pos].at)
		}
	}
	slices.SortStableFunc(j.events, func(a, b event) int { return cmp.Compare(a.at, b.at) })
}

func (t *Table) transition(tr *conn.Transition) {
	j := t.journal
	pos, known := t.at(tr.ID)
	if !known {
		if len(j.early) < maxEarly && tr.Time > t.tick.now-earlyFor {
			j.early = append(j.early, *tr)
		} else {
			j.lost++
		}
		return
	}
	r := &t.pages[pos/pageRows].rows[pos%pageRows]
	was, changed := j.states[pos]
	if !changed {
		_, was.state = beginning(&r.Conn)
		was.at = r.Opened
	}
	j.states[pos] = entered{tr.To, tr.Time}
	var took int64
	if was.state == tr.From && was.at != 0 {
		took = max(tr.Time-was.at, 1)
	}
	if tr.To == conn.Closed { // its last row says so
		s := t.slot(pos)
		s.OldState, s.OldStateTime = tr.From, took
		return
	}
	j.events = append(j.events, event{conn.EventState, tr.ID, pos, tr.Time, tr.From, tr.To, took})
}

// become makes a copy of a row that of an event.
func (r *Row) become(e *event) {
	if e.kind == conn.EventClose || e.kind == conn.EventFail {
		if r.OldState != 0 {
			r.State = conn.Closed
		}
		return
	}
	r.Event, r.State, r.OldState, r.OldStateTime = e.kind, e.to, e.from, e.took
	if r.Proto == conn.TCP {
		r.Reason, r.Detail, r.Errno = 0, 0, 0
	}
	if e.from != 0 {
		r.LastActive = e.at
	}
}

// Events returns a row for each thing that happened in the tick and that matches: a
// connection opened, changed its state, closed or failed. They are in the order of
// compare, or of time if it is nil, and at most limit of them; 0 is no limit. Only a
// Table that was asked for events has any. The rows are the caller's: what is measured
// is as of the tick, the states are those of the event.
func (s *Snapshot) Events(match func(*Row) bool, compare func(a, b *Row) int, limit int) []*Row {
	var rows []*Row
	for i := range s.events {
		e := &s.events[i]
		p := s.pages[e.pos/pageRows]
		if p == nil || p.rows[e.pos%pageRows].ID != e.id {
			continue // its row has gone within the tick
		}
		r := p.rows[e.pos%pageRows]
		r.become(e)
		if match == nil || match(&r) {
			rows = append(rows, &r)
		}
	}
	if compare != nil {
		slices.SortStableFunc(rows, compare)
	}
	if limit > 0 && limit < len(rows) {
		rows = rows[:limit]
	}
	return rows
}
