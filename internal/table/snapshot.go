package table

import (
	"iter"
	"math/bits"
	"time"

	"tcptop/internal/conn"
)

// Snapshot is the table after one tick. It never changes, and any number of
// goroutines may read it.
type Snapshot struct {
	Time    time.Time     // wall clock of the tick, UTC
	Mono    int64         // the same moment in monotonic nanoseconds
	Elapsed time.Duration // since the tick before by the monotonic clock; 0 in the first
	First   bool          // the first tick: rows are what was there before
	Host    string
	Origin  conn.Origin
	Loss    conn.Loss         // since start
	Lost    conn.Loss         // in this tick
	Totals  []conn.OwnerTotal // of connections that have no row
	Ended   []conn.OwnerTotal // what of Totals ended in this tick, and its datagrams
	Cost    conn.Cost         // of tcptop itself, as of its last reading
	Spent   conn.Cost         // between the last two readings, Mono being the time between them; zero is not known
	// Programs are as of the last reading of Cost, Ran is what they took since the one before, in the
	// same order.
	Programs, Ran []conn.Program
	Faults        []string // what failed and so was not measured in this tick; hostile until escaped
	Hosts         []Host   // whose rows these are, by Row.ID.Host from 1; nil: they are one host's

	events   []event // in order of time
	len      int
	pages    []*page
	others   []int32          // by position: that of the other end from 1; nil where there is one host
	kept     map[conn.ID]*Row // where there are no rows: other ends (Keep)
	seq      uint64
	pool     *recycler
	retired  []*page // pages that the table replaced while this was the newest snapshot
	released bool
}

// Len is the number of rows.
func (s *Snapshot) Len() int { return s.len }

// NotShown is how many connections are open and have no row.
func (s *Snapshot) NotShown() (n uint64) {
	for i := range s.Totals {
		n += s.Totals[i].Open
	}
	return n
}

// Rows yields every row in an order that a row keeps for life. Rows are shared
// and must not be written to.
func (s *Snapshot) Rows() iter.Seq[*Row] {
	return func(yield func(*Row) bool) {
		for _, p := range s.pages {
			if p == nil {
				continue
			}
			for shown := p.shown; shown != 0; shown &= shown - 1 {
				if !yield(&p.rows[bits.TrailingZeros32(shown)]) {
					return
				}
			}
		}
	}
}

// Page is some neighbouring rows of a snapshot.
type Page struct {
	of   *recycler
	p    *page
	both bool // the rows of several hosts: some have no row of their own (Ends)
}

// Version tells what is in a page: where two snapshots have one of the same version in
// the same place, all is the same that the rows of both say. What does not follow from
// the row alone, such as its age, may differ.
type Version struct {
	of   *recycler
	born uint64
}

// Pages yields the rows as Rows does, by pages, each with its place, which a row keeps
// for life.
func (s *Snapshot) Pages() iter.Seq2[int, Page] {
	return func(yield func(int, Page) bool) {
		for n, p := range s.pages {
			if at := (Page{s.pool, p, s.others != nil}); p != nil && at.ends() != 0 && !yield(n, at) {
				return
			}
		}
	}
}

// Version is what tells the page from an earlier or later one.
func (p Page) Version() Version { return Version{p.of, p.p.born} }

// Rows yields the rows of the page.
func (p Page) Rows() iter.Seq[*Row] {
	return func(yield func(*Row) bool) {
		for shown := p.p.shown; shown != 0; shown &= shown - 1 {
			if !yield(&p.p.rows[bits.TrailingZeros32(shown)]) {
				return
			}
		}
	}
}

// At is the row at a position, nil where there is none.
func (s *Snapshot) At(pos int32) *Row {
	if n := int(pos / pageRows); pos < 0 || n >= len(s.pages) || s.pages[n] == nil || s.pages[n].shown>>(pos%pageRows)&1 == 0 {
		return nil
	}
	return &s.pages[pos/pageRows].rows[pos%pageRows]
}

// Release gives the snapshot's memory back to the table. Call it when nobody
// reads the snapshot or a row of it any more; it has no rows afterwards. A
// snapshot that is never released is safe and left to the garbage collector.
func (s *Snapshot) Release() {
	if s.pool != nil {
		s.pool.release(s)
	}
}
