package table

import "tcptop/internal/conn"

// maxOwners bounds the owners that overflow tells apart; later ones are summed
// under the zero owner.
const maxOwners = 4096

// overflow counts the connections that found no row, each once.
type overflow struct {
	count  uint64
	open   map[conn.ID]struct{} // counted and not closed yet
	totals []conn.OwnerTotal    // of those that closed
	index  map[owner]int        // into totals
}

// owner is what an OwnerTotal sums by.
type owner struct {
	pid    uint32
	comm   conn.Name
	uid    uint32
	cgroup uint64
}

// refuse counts an open connection. Beyond bound of them the rest is counted
// when it closes.
func (o *overflow) refuse(id conn.ID, bound int) {
	if _, counted := o.open[id]; counted || len(o.open) >= bound {
		return
	}
	if o.open == nil {
		o.open = make(map[conn.ID]struct{})
	}
	o.open[id] = struct{}{}
	o.count++
}

// placed says that the connection has a row now, or is gone.
func (o *overflow) placed(id conn.ID) {
	if len(o.open) > 0 {
		delete(o.open, id)
	}
}

// close adds a connection's final counters to its owner's.
func (o *overflow) close(c *conn.Conn) {
	if _, counted := o.open[c.ID]; counted {
		delete(o.open, c.ID)
	} else {
		o.count++
	}
	total := conn.OwnerTotal{
		PID: c.Owner.PID, Comm: c.Owner.Comm, UID: c.UID, Cgroup: c.Cgroup,
		Conns: 1, RxBytes: c.RxBytes, TxBytes: c.TxBytes,
	}
	if _, known := o.index[ownerOf(&total)]; !known && len(o.totals) >= maxOwners {
		total.PID, total.Comm, total.UID, total.Cgroup = 0, conn.Name{}, 0, 0
	}
	if o.index == nil {
		o.index = make(map[owner]int)
	}
	o.totals = addTotal(o.totals, o.index, &total)
}

// merge returns a new slice with the source's totals and our own.
func (o *overflow) merge(source []conn.OwnerTotal) []conn.OwnerTotal {
	if len(source)+len(o.totals) == 0 {
		return nil
	}
	sum := make([]conn.OwnerTotal, 0, len(source)+len(o.totals))
	index := make(map[owner]int, cap(sum))
	for i := range source {
		sum = addTotal(sum, index, &source[i])
	}
	for i := range o.totals {
		sum = addTotal(sum, index, &o.totals[i])
	}
	return sum
}

func addTotal(sum []conn.OwnerTotal, index map[owner]int, t *conn.OwnerTotal) []conn.OwnerTotal {
	i, known := index[ownerOf(t)]
	if !known {
		index[ownerOf(t)] = len(sum)
		return append(sum, *t)
	}
	sum[i].Conns += t.Conns
	sum[i].RxBytes += t.RxBytes
	sum[i].TxBytes += t.TxBytes
	return sum
}

func ownerOf(t *conn.OwnerTotal) owner { return owner{t.PID, t.Comm, t.UID, t.Cgroup} }

// lostSince is what was lost between two ticks; a counter that went back lost nothing.
func lostSince(before, now conn.Loss) conn.Loss {
	return conn.Loss{
		TableFull:       now.TableFull - min(now.TableFull, before.TableFull),
		RingFull:        now.RingFull - min(now.RingFull, before.RingFull),
		QueueFull:       now.QueueFull - min(now.QueueFull, before.QueueFull),
		FlowsFull:       now.FlowsFull - min(now.FlowsFull, before.FlowsFull),
		TotalsFull:      now.TotalsFull - min(now.TotalsFull, before.TotalsFull),
		Stale:           now.Stale - min(now.Stale, before.Stale),
		Skipped:         now.Skipped - min(now.Skipped, before.Skipped),
		MissedTicks:     now.MissedTicks - min(now.MissedTicks, before.MissedTicks),
		DNSFull:         now.DNSFull - min(now.DNSFull, before.DNSFull),
		Unnamed:         now.Unnamed - min(now.Unnamed, before.Unnamed),
		TransitionsFull: now.TransitionsFull - min(now.TransitionsFull, before.TransitionsFull),
		RowsFull:        now.RowsFull - min(now.RowsFull, before.RowsFull),
	}
}

// addLoss is what two hosts lost together.
func addLoss(a, b conn.Loss) conn.Loss {
	return conn.Loss{
		TableFull:       a.TableFull + b.TableFull,
		RingFull:        a.RingFull + b.RingFull,
		QueueFull:       a.QueueFull + b.QueueFull,
		FlowsFull:       a.FlowsFull + b.FlowsFull,
		TotalsFull:      a.TotalsFull + b.TotalsFull,
		Stale:           a.Stale + b.Stale,
		Skipped:         a.Skipped + b.Skipped,
		MissedTicks:     a.MissedTicks + b.MissedTicks,
		DNSFull:         a.DNSFull + b.DNSFull,
		Unnamed:         a.Unnamed + b.Unnamed,
		TransitionsFull: a.TransitionsFull + b.TransitionsFull,
		RowsFull:        a.RowsFull + b.RowsFull,
	}
}
