package cli

import "runtime/debug"

// thrift bounds what is resident beyond what is in use: Go lets the heap double before it
// looks for what nobody uses, which with a million rows is half a GiB.
type thrift struct {
	storm   storm
	percent int // as set; 0 is Go's own
}

const (
	thriftRow   = 600      // bytes of a row, about
	thriftSlack = 64 << 20 // bytes that may be garbage
	thriftLeast = 20       // percent of the heap, below which looking costs more than it gives
)

// tick is told how many rows there are, and how many the tick named.
func (m *thrift) tick(rows, named int) {
	m.storm.tick(named)
	percent := thriftPercent(rows)
	if percent == 100 && m.percent == 0 || 4*percent > 3*m.percent && 3*percent < 4*m.percent {
		return // setting it stops the program for a moment
	}
	m.percent = percent
	debug.SetGCPercent(percent)
}

// thriftPercent is by how many percent the heap may grow with so many rows.
func thriftPercent(rows int) int {
	return min(max(100*thriftSlack/max(rows*thriftRow, 1), thriftLeast), 100)
}

// storm gives memory back to the system after a tick of many rows, such as the first.
type storm struct{ calm int }

const (
	stormRows = 1 << 13
	stormOver = 3 // ticks after which nobody holds its rows any more
)

func (s *storm) tick(rows int) {
	switch {
	case rows >= stormRows:
		s.calm = stormOver
	case s.calm > 0:
		if s.calm--; s.calm == 0 {
			debug.FreeOSMemory()
		}
	}
}
