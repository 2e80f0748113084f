package probe

import "tcptop/internal/conn"

// room keeps the lists of rows that ticks fill as large as ticks lately needed them. A
// list that grew for one late tick of a storm, with twice the rows, would else stay so.
type room struct {
	most  int // rows of a tick since it was last set
	ticks int
	rows  int // 0 until it is known
}

const (
	roomLeast = 4096 // rows, below which nothing is worth giving back
	roomTicks = 64   // after which it is set anew
)

// next empties a list for the next rows. The memory of a storm that is over, such as the
// first tick, goes back at once.
func (r *room) next(last []conn.Conn) []conn.Conn {
	n := len(last)
	r.most = max(r.most, n)
	if r.ticks++; r.ticks == roomTicks {
		*r = room{rows: r.most + r.most/4}
	}
	switch {
	case cap(last) <= roomLeast:
	case n < cap(last)/8:
		return nil
	case n <= r.rows && cap(last) > r.rows+r.rows/2:
		return make([]conn.Conn, 0, r.rows)
	}
	return last[:0]
}
