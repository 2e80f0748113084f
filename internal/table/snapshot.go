package table

import (
	"time"

	"tcptop/internal/conn"
)

// Snapshot is the table after one tick. It never changes.
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
}
