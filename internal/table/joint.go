package table

import (
	"math/bits"
	"time"

	"tcptop/internal/conn"
)

// Told is one tick of a host whose own table has made the rows. Times are in the
// monotonic ns of who joins.
type Told struct {
	Mono   int64
	First  bool // of this host: rates are not known, and Rows is everything
	Full   bool // Rows is everything: what is not named has gone
	Rows   []Row
	Gone   []conn.ID
	Origin conn.Origin
	Loss   conn.Loss
	Faults []string

	NotShown uint64 // open connections that have no row
	Version  string
}

// Joint joins the rows of several hosts into snapshots. It takes rates and verdicts as
// they are told. Like a Table it is for one goroutine.
type Joint struct {
	t       *Table
	ends    ends
	hosts   []Host
	members []*member
	bound   int   // rows of a host
	before  int64 // monotonic ns of the snapshot before; 0 is none
	loss    conn.Loss
}

// member is what Joint keeps of a host besides its Host. Its rows have pages of their own.
type member struct {
	number  uint16
	pages   []int32 // that were ever its own
	vacant  []int32 // positions in them without a row
	touched []int32 // pages with rows whose event or rates end with the next tick
	bound   int     // rows
	rows    int
	refused uint64 // most rows of a tick that were beyond bound
	turn    int64  // of Full ticks: which one named a row last
	fresh   bool   // a tick came since the last snapshot
	lulled  bool   // what that one said has ended
}

// NewJoint joins hosts of those names, at most 65,535, of each at most maxRows rows;
// 0 is 65,536.
func NewJoint(names []string, maxRows int) *Joint {
	if maxRows <= 0 {
		maxRows = 1 << 16
	}
	j := &Joint{t: New(Config{}), ends: newEnds(), bound: maxRows}
	for i, name := range names {
		j.Name(i, name)
	}
	return j
}

// Name gives a place among the hosts, the next one or one of those that there are, to the
// host of that name. Who had it before has no rows any more; "" is nobody.
func (j *Joint) Name(host int, name string) {
	if host == len(j.hosts) {
		j.hosts = append(j.hosts, Host{})
		j.members = append(j.members, &member{number: uint16(host + 1), bound: j.bound})
	}
	j.keep(j.members[host], func(slot) bool { return false })
	j.hosts[host] = Host{Name: name}
}

// State says how host is from mono on. One that is gone has no rows.
func (j *Joint) State(host int, state HostState, why string, mono int64) {
	h := &j.hosts[host]
	if h.State != state {
		h.Since = mono
	}
	h.State, h.Why = state, why
	if state == HostGone {
		j.keep(j.members[host], func(slot) bool { return false })
	}
}

// Apply takes in a tick of host. A second one before the next snapshot adds to the first:
// what opened or ended in either is shown.
func (j *Joint) Apply(host int, told *Told) {
	m, h := j.members[host], &j.hosts[host]
	j.settle(m)
	m.turn++
	refused := uint64(0)
	for i := range told.Rows {
		if !j.put(m, &told.Rows[i]) {
			refused++
		}
	}
	m.refused = max(m.refused, refused)
	for _, id := range told.Gone {
		id.Host = m.number
		if pos, known := j.t.at(id); known {
			j.drop(m, j.t.slot(pos))
		}
	}
	if told.Full || told.First {
		j.keep(m, func(s slot) bool { return *s.seen() == m.turn || s.is(s.page.closing) })
	}
	m.fresh, m.lulled = true, false
	h.Heard, h.First, h.Origin, h.Loss, h.Faults, h.Version = told.Mono, told.First, told.Origin, told.Loss, told.Faults, told.Version
	h.NotShown = told.NotShown
	h.Loss.RowsFull += m.refused
}

// put replaces what is known of a row; false where there is no room for it.
func (j *Joint) put(m *member, r *Row) bool {
	id := r.ID
	id.Host = m.number
	ends := r.Event == conn.EventClose || r.Event == conn.EventFail
	pos, known := j.t.at(id)
	if !known {
		if pos, known = j.place(m, id); !known {
			return false
		}
	}
	s := j.t.slot(pos)
	was := *s.Row
	*s.Row = *r
	s.ID, s.Pos = id, pos
	if was.ID == id {
		s.compare(&was)
	}
	opened := m.fresh && was.ID == id && was.Event == conn.EventOpen
	if opened && r.Event == conn.EventSample {
		s.Event = conn.EventOpen
	}
	s.page.closing &^= s.bit
	if ends {
		s.page.closing |= s.bit
	}
	*s.seen() = m.turn
	j.touch(m, s)
	j.relink(s, &was)
	return true
}

// compare fills in what follows from what was told before.
func (s slot) compare(was *Row) {
	s.Moved = s.Moved || s.RxPackets != was.RxPackets || s.TxPackets != was.TxPackets || s.State != was.State ||
		s.SendQueue != was.SendQueue || s.RecvQueue != was.RecvQueue || s.Backlog != was.Backlog
	if s.Has&was.Has&conn.HasDrops != 0 {
		s.Dropped = s.Drops - min(s.Drops, was.Drops)
	}
}

// place takes a position for a row of m.
func (j *Joint) place(m *member, id conn.ID) (int32, bool) {
	t := j.t
	if m.rows >= m.bound {
		return 0, false
	}
	if len(m.vacant) == 0 {
		n := int32(len(t.pages))
		t.pages = append(t.pages, nil)
		m.pages = append(m.pages, n)
		j.ends.grow(len(t.pages) * pageRows)
		for i := int32(pageRows) - 1; i >= 0; i-- {
			m.vacant = append(m.vacant, n*pageRows+i)
		}
	}
	pos := m.vacant[len(m.vacant)-1]
	m.vacant = m.vacant[:len(m.vacant)-1]
	t.index.Put(id, uint32(pos))
	s := t.slot(pos)
	s.page.used |= s.bit
	t.show(s)
	m.rows++
	return pos, true
}

func (j *Joint) drop(m *member, s slot) {
	j.leave(s)
	j.t.drop(s)
	j.t.vacant = j.t.vacant[:0] // the position stays the member's
	m.vacant = append(m.vacant, s.pos)
	m.rows--
}

func (j *Joint) touch(m *member, s slot) {
	if s.page.touched == 0 {
		m.touched = append(m.touched, s.pos/pageRows)
	}
	s.page.touched |= s.bit
}

// keep drops the rows of m of which stays does not hold.
func (j *Joint) keep(m *member, stays func(slot) bool) {
	for _, n := range m.pages {
		if j.t.pages[n] == nil {
			continue
		}
		for used := j.t.pages[n].used; used != 0; used &= used - 1 {
			if s := j.t.slot(n*pageRows + int32(bits.TrailingZeros32(used))); !stays(s) {
				j.drop(m, s)
			}
		}
	}
}

// settle ends the tick before: what closed goes, and what is not told again moves no
// more. Where that tick is in no snapshot yet, what happened in it stays.
func (j *Joint) settle(m *member) {
	j.t.tick.held = j.t.pool.held()
	pages := m.touched
	m.touched = nil
	j.each(pages, func(s slot) {
		switch {
		case m.fresh:
			s.Moved = false
			s.still()
			j.touch(m, s)
		case s.is(s.page.closing):
			j.drop(m, s)
		default:
			s.Event, s.Moved = conn.EventSample, false
			s.still()
		}
	})
}

func (s slot) still() { s.RxRate, s.TxRate, s.AcceptRate, s.Dropped = 0, 0, 0, 0 }

// lull ends what the last tick of m said but for rates: no other one came since. They
// stay until the host is heard again.
func (j *Joint) lull(m *member) {
	if m.fresh || m.lulled {
		return
	}
	m.lulled = true
	pages := m.touched
	m.touched = nil
	j.each(pages, func(s slot) {
		if s.is(s.page.closing) {
			j.drop(m, s)
			return
		}
		s.Event, s.Moved, s.Dropped = conn.EventSample, false, 0
		j.touch(m, s)
	})
}

// each calls f with the touched rows of pages, which are touched no more.
func (j *Joint) each(pages []int32, f func(slot)) {
	for _, n := range pages {
		if j.t.pages[n] == nil || j.t.pages[n].touched == 0 {
			continue
		}
		p := j.t.writable(n)
		touched := p.touched
		p.touched = 0
		for ; touched != 0; touched &= touched - 1 {
			f(j.t.slot(n*pageRows + int32(bits.TrailingZeros32(touched))))
		}
	}
}

// Snapshot returns all rows as they were told, at the time at and mono of who joins. Both
// ends of a connection between two of the hosts are one row (Snapshot.Other).
func (j *Joint) Snapshot(at time.Time, mono int64) *Snapshot {
	var loss conn.Loss
	unseen := conn.OwnerTotal{UID: conn.NoUID}
	for i, m := range j.members {
		j.lull(m)
		m.fresh = false
		loss = addLoss(loss, j.hosts[i].Loss)
		if j.hosts[i].State != HostGone {
			unseen.Open += j.hosts[i].NotShown
		}
	}
	s := &Snapshot{Time: at, Mono: mono, Loss: loss, Lost: lostSince(j.loss, loss), Hosts: append([]Host(nil), j.hosts...)}
	if unseen.Open > 0 {
		s.Totals = []conn.OwnerTotal{unseen}
	}
	if j.before != 0 {
		s.Elapsed = time.Duration(max(mono-j.before, 0))
	}
	j.before, j.loss = mono, loss
	j.pair(mono)
	s.others, j.ends.lent = j.ends.mates, true
	s.len = j.t.shown
	j.t.pool.publish(s, j.t.pages)
	j.t.tick.held = j.t.pool.held()
	return s
}

// Heard is when the newest tick of host came in monotonic ns; 0 is never.
func (j *Joint) Heard(host int) int64 { return j.hosts[host].Heard }
