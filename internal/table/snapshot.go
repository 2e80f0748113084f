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
	Loss    conn.Loss // since start
	Lost    conn.Loss // in this tick
	Totals  []conn.OwnerTotal
	Cost    conn.Cost // of tcptop itself, as of its last reading
	Spent   conn.Cost // between the last two readings, Mono being the time between them; zero is not known
	// Programs are as of the last reading of Cost, Ran is what they took since the one before, in the
	// same order.
	Programs, Ran []conn.Program
	Faults        []string // what failed and so was not measured in this tick; hostile until escaped
	Hosts         []Host   // whose rows these are, by Row.ID.Host from 1; nil: they are one host's

	events   []event // in order of time
	len      int
	pages    []*page
	seq      uint64
	pool     *recycler
	retired  []*page // pages that the table replaced while this was the newest snapshot
	released bool
}

// Len is the number of rows.
func (s *Snapshot) Len() int { return s.len }

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

// Release gives the snapshot's memory back to the table. Call it when nobody
// reads the snapshot or a row of it any more; it has no rows afterwards. A
// snapshot that is never released is safe and left to the garbage collector.
func (s *Snapshot) Release() {
	if s.pool != nil {
		s.pool.release(s)
	}
}
