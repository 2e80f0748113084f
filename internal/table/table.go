// Package table folds samples into rows: what moved and how fast, what opened
// and what closed. It reads no clock, so the same samples always give the same
// snapshots, live, from a recording or in a test.
package table

import (
	"math"
	"slices"
	"time"

	"tcptop/internal/conn"
)

// Config bounds a Table. Zero fields take their defaults.
type Config struct {
	UDPTimeout time.Duration // a UDP flow without traffic for this long is hidden; 5s
	Events     bool          // note what Snapshot.Events returns
	MaxRows    int           // rows kept, hidden and closing ones included; 1<<20
}

// Table holds the rows between two ticks. It is for one goroutine; the
// Snapshots that it gives away are for any.
type Table struct {
	timeout int64 // ns
	maxRows int

	pages   []*page    // row positions in order; nil where a page is empty
	index   conn.Index // of every row, hidden ones included, but passing ones
	passing conn.Index // of rows that came and went within this tick
	next    int32      // positions from here on were never used
	guess   int32      // where the next connection named may be; -1 is anywhere
	last    int32      // where the one before was
	vacant  []int32    // positions below next without a row
	shown   int        // rows that a snapshot shows
	touched []int32    // pages with rows whose event, rates or life end with this tick
	idle    idleQueue
	carried map[int32]traffic // by position
	over    overflow
	journal *journal // nil where nobody asks for events
	pool    recycler
	tick    tick
}

// tick is what one sample says of all rows.
type tick struct {
	head    Snapshot // what a snapshot taken now starts from, without rows
	before  int64    // monotonic ns of the tick before
	earlier int64    // of the one before that; 0 is none
	now     int64    // monotonic ns; never goes back
	elapsed uint64   // ns
	first   bool
	started bool
	held    uint64 // the newest snapshot that may still read pages
}

// New returns an empty table.
func New(c Config) *Table {
	if c.UDPTimeout <= 0 {
		c.UDPTimeout = 5 * time.Second
	}
	if c.MaxRows <= 0 {
		c.MaxRows = 1 << 20
	}
	t := &Table{
		timeout: int64(c.UDPTimeout),
		maxRows: min(c.MaxRows, math.MaxInt32-pageRows),
		carried: make(map[int32]traffic),
	}
	t.index, t.passing = conn.NewIndex(0, t.id), conn.NewIndex(0, t.id)
	if c.Events {
		t.journal = newJournal()
	}
	return t
}

// Apply folds one tick into the table. It keeps nothing of s but the Place,
// Process and Remote that its connections point to.
func (t *Table) Apply(s *conn.Sample) {
	if s.Reset {
		t.restart()
	}
	t.begin(s)
	t.settle()
	renew(t, s.Places, func(c *conn.Conn) **conn.Place { return &c.Place })
	renew(t, s.Processes, func(c *conn.Conn) **conn.Process { return &c.Process })
	renew(t, s.Remotes, func(c *conn.Conn) **conn.Remote { return &c.Remote })
	t.catchUp()
	// Closed comes first, so that a connection named in both ends with its
	// final counters against those of the tick before.
	for i := range s.Closed {
		t.close(&s.Closed[i])
	}
	for i := range s.Conns {
		t.move(&s.Conns[i])
	}
	for _, id := range s.Gone {
		t.forget(id)
	}
	t.expire()
	t.transitions(s.Transitions)
	t.account(s)
}

// Snapshot returns the table as of the last Apply. Later calls of Apply never
// change it.
func (t *Table) Snapshot() *Snapshot {
	s := new(Snapshot)
	*s = t.tick.head
	s.len = t.shown
	t.pool.publish(s, t.pages)
	return s
}

// restart forgets every row: what comes is a first tick.
func (t *Table) restart() {
	for _, p := range t.pages {
		if p != nil {
			t.pool.retire(p)
		}
	}
	clear(t.pages)
	clear(t.carried)
	t.pages, t.touched, t.idle, t.vacant = t.pages[:0], t.touched[:0], t.idle[:0], t.vacant[:0]
	t.next, t.guess, t.last, t.shown = 0, 0, 0, 0
	t.over, t.tick = overflow{}, tick{}
	if t.journal != nil {
		t.journal = newJournal()
	}
}

func (t *Table) begin(s *conn.Sample) {
	k := &t.tick
	k.first = !k.started
	k.earlier, k.before, k.now = k.before, k.now, s.Mono
	if k.first {
		k.before, k.earlier = s.Mono, 0
		t.index = conn.NewIndex(min(len(s.Conns), t.maxRows), t.id)
	}
	k.now = max(k.now, k.before)
	k.elapsed = uint64(k.now - k.before)
	k.started = true
	k.held = t.pool.held()
	if t.journal != nil {
		t.journal.begin(s.Transitions != nil)
	}
}

// account fills what a snapshot says of the tick itself.
func (t *Table) account(s *conn.Sample) {
	last := &t.tick.head
	before := last.Loss
	spent, ran := last.Spent, last.Ran
	if s.Cost.Mono != last.Cost.Mono {
		spent, ran = s.Cost.Since(&last.Cost), ranSince(last.Programs, s.Programs)
	}
	loss := s.Loss
	loss.RowsFull += t.over.count
	totals := t.over.merge(s.Totals)
	var ended []conn.OwnerTotal
	if !t.tick.first {
		ended = endedSince(last.Totals, totals)
	}
	var events []event
	if t.journal != nil {
		events = t.journal.events
		loss.TransitionsFull += t.journal.lost
	}
	t.tick.head = Snapshot{
		Time:    s.Time,
		Mono:    s.Mono,
		Elapsed: time.Duration(t.tick.elapsed),
		First:   t.tick.first,
		Host:    s.Host,
		Origin:  s.Origin,
		Loss:    loss,
		Lost:    lostSince(before, loss),
		Faults:  slices.Clone(s.Faults),
		Totals:  totals,
		Ended:   ended,
		Cost:    s.Cost,
		Spent:   spent,
		Ran:     ran,
		events:  events,

		Programs: s.Programs,
	}
}

// ranSince is what programs took between two readings; nil where that is not known.
func ranSince(before, now []conn.Program) []conn.Program {
	if len(before) != len(now) {
		return nil
	}
	ran := slices.Clone(now)
	for i := range ran {
		p, was := &ran[i], &before[i]
		if p.Name != was.Name || p.Runs < was.Runs || p.Time < was.Time {
			return nil
		}
		p.Runs -= was.Runs
		p.Time -= was.Time
	}
	return ran
}
