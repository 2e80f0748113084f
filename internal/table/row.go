package table

import "tcptop/internal/conn"

// Row is one connection as of the last tick: the latest measurement and what
// follows from it and the one before.
type Row struct {
	conn.Conn
	Event      conn.Event
	Moved      bool       // a counter, a gauge or the state changed in this tick
	Limit      conn.Limit // what held it back over the tick
	Share      uint8      // percent of the tick for which Limit did
	Pos        int32      // among all rows, in Snapshot.Rows' order: the row's own while it is there, then another's
	RxRate     uint64     // bytes per second over the tick; rates are 0 in the tick that first shows a row older than tcptop
	TxRate     uint64
	ZeroWindow uint64 // µs for which our own window was shut, as far as Sampled
	Lossy      int64  // monotonic ns of the last tick with a loss that holds it back; 0 is none

	AcceptRate uint64 // connections that a listener accepted, per second over the tick
	Dropped    uint32 // what the socket dropped in this tick
	Brief      bool   // it opened and ended within this tick

	// Of rows from Snapshot.Events.
	OldState     conn.State // before Event; 0 is not known
	OldStateTime int64      // ns for which it was in OldState; 0 is not known
}

// Full reports whether a listener takes no more connections (sk_acceptq_is_full).
func (r *Row) Full() bool { return r.Has&conn.HasBacklog != 0 && r.Backlog > r.BacklogMax }

// Overflows reports whether the socket's queue is full or dropped something in this tick.
func (r *Row) Overflows() bool { return r.Full() || r.Dropped > 0 }

// Rate is the sum of both directions in bytes per second.
func (r *Row) Rate() uint64 { return r.RxRate + r.TxRate }
