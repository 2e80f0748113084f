package table

import "tcptop/internal/conn"

// Verdicts sums what holds several connections back, by bytes: those that a connection
// moves in a second and those that wait in its queues, so that one that is stuck counts
// for what it holds up.
type Verdicts struct {
	held [conn.LimitIdle + 1]float64
	all  float64
}

// Add takes a row in. Rows that have no verdict by their nature, such as listeners and
// UDP, are left out; one that could not be judged counts among all bytes.
func (v *Verdicts) Add(r *Row) {
	if r.Proto != conn.TCP || r.Has&conn.HasPath == 0 || r.Event == conn.EventClose || r.Event == conn.EventFail {
		return
	}
	bytes := 1 + float64(r.RxRate) + float64(r.TxRate) + float64(r.SendQueue) + float64(r.RecvQueue) // 1: idle rows are some
	v.held[r.Limit] += bytes * float64(r.Share) / 100
	v.all += bytes
}

// Most is what holds back most of the bytes, and their share in percent; zero where
// that is not known of any.
func (v *Verdicts) Most() (conn.Limit, uint8) {
	most := conn.LimitApp
	for l := most + 1; l <= conn.LimitIdle; l++ {
		if v.held[l] > v.held[most] {
			most = l
		}
	}
	share := uint8(0)
	if v.all > 0 {
		share = uint8(v.held[most]/v.all*100 + 0.5)
	}
	if share == 0 {
		return 0, 0
	}
	return most, share
}
