package group

import (
	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// Traffic is what connections carried, each byte once.
type Traffic struct {
	RxBytes, TxBytes     uint64
	RxPackets, TxPackets uint64
	Retransmits          uint64 // segments
}

// Add adds o.
func (t *Traffic) Add(o *Traffic) {
	t.RxBytes += o.RxBytes
	t.TxBytes += o.TxBytes
	t.RxPackets += o.RxPackets
	t.TxPackets += o.TxPackets
	t.Retransmits += o.Retransmits
}

// seat is what was known of the row at one position in the tick before.
type seat struct {
	id        conn.ID
	has       conn.Has // what was is known for
	opened    bool     // it was counted as opened
	was       Traffic
	describes description // what member is by
	member    *member
}

func (f *Folder) seat(r *table.Row) *seat {
	if n := int(r.Pos) + 1; n > len(f.seats) {
		f.seats = append(f.seats, make([]seat, n-len(f.seats))...)
	}
	p := &f.seats[r.Pos]
	if p.id != r.ID {
		*p = seat{id: r.ID}
	}
	return p
}

// take is what the row moved since it was last taken, since start where it is older.
func (p *seat) take(r *table.Row, start int64) (moved Traffic) {
	fresh := r.Has &^ p.has
	p.has |= r.Has
	older := r.Opened <= start // what it moved before was not ours to see
	count := func(group conn.Has, now uint64, was, moved *uint64) {
		switch {
		case r.Has&group == 0:
			return
		case fresh&group == 0 || !older:
			*moved = now - min(now, *was)
		}
		*was = max(now, *was)
	}
	count(conn.HasBytes, r.RxBytes, &p.was.RxBytes, &moved.RxBytes)
	count(conn.HasBytes, r.TxBytes, &p.was.TxBytes, &moved.TxBytes)
	count(conn.HasPackets, r.RxPackets, &p.was.RxPackets, &moved.RxPackets)
	count(conn.HasPackets, r.TxPackets, &p.was.TxPackets, &moved.TxPackets)
	count(conn.HasPath, uint64(r.RetransPackets), &p.was.Retransmits, &moved.Retransmits)
	return moved
}

// opens reports whether the row is of a connection that opened after start and was not
// counted yet.
func (p *seat) opens(r *table.Row, start int64) bool {
	if p.opened || r.Opened <= start || !grouped(r) {
		return false
	}
	p.opened = true
	return true
}

// grouped reports whether r is a connection, not a listener or what one left behind.
func grouped(r *table.Row) bool {
	switch r.State {
	case conn.Listen:
		return false
	case conn.TimeWait, conn.SynRecv, conn.NewSynRecv:
		return r.Has&conn.HasBytes != 0
	}
	return r.Dir != conn.DirListen
}

// live reports whether r goes on.
func live(r *table.Row) bool { return r.Event != conn.EventClose && r.Event != conn.EventFail }
