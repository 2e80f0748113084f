package table

import "tcptop/internal/conn"

// Held is what holds back what from sends to to, both ends of one connection, for how
// many percent of the tick, and at whose end the cause is; that is nil where it is in the
// network between, or nothing. What the sender finds comes first, but that a window
// is shut is for the receiver to explain: its program does not read.
func Held(from, to *Row) (limit conn.Limit, share uint8, at *Row) {
	switch from.Limit {
	case conn.LimitApp, conn.LimitSendBuffer:
		return from.Limit, from.Share, from
	case conn.LimitCwnd, conn.LimitLoss:
		return from.Limit, from.Share, nil
	}
	if to.Limit == conn.LimitReader {
		return to.Limit, to.Share, to
	}
	switch from.Limit {
	case conn.LimitPeerWindow:
		return from.Limit, from.Share, to
	case conn.LimitIdle:
		return from.Limit, from.Share, nil
	}
	return 0, 0, nil
}

// Heavier are the two ends of a connection in the direction that moves more, or in which
// more waits.
func Heavier(r, o *Row) (from, to *Row) {
	if weight(r, o) >= weight(o, r) {
		return r, o
	}
	return o, r
}

// weight is what moves from one end to the other, and what waits to: in bytes.
func weight(from, to *Row) uint64 {
	return max(from.TxRate, to.RxRate) + uint64(from.SendQueue) + uint64(to.RecvQueue)
}
