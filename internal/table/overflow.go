package table

import "tcptop/internal/conn"

// overflow counts the connections that found no row, each once.
type overflow struct {
	count  uint64
	open   map[conn.ID]unseen // counted and not closed yet
	totals conn.Totals
}

// unseen is an open connection without a row: where it is summed, and with what.
type unseen struct {
	place  int
	rx, tx uint64
}

// leastUnseen is the least bound of the connections that are known to be open and have no row, some MiB.
const leastUnseen = 1 << 16

// refuse counts an open connection. Beyond bound of them the rest is counted
// when it closes.
func (o *overflow) refuse(c *conn.Conn, bound int) {
	was, counted := o.open[c.ID]
	switch {
	case counted:
		o.leave(was)
	case len(o.open) >= bound:
		return
	default:
		o.count++
	}
	if o.open == nil {
		o.open = make(map[conn.ID]unseen)
	}
	place := o.totals.Place(conn.TotalOf(c))
	t := o.totals.At(place)
	t.Open++
	t.OpenRx += c.RxBytes
	t.OpenTx += c.TxBytes
	o.open[c.ID] = unseen{place, c.RxBytes, c.TxBytes}
}

// placed says that the connection has a row now, or is gone.
func (o *overflow) placed(id conn.ID) {
	if len(o.open) == 0 {
		return
	}
	if was, counted := o.open[id]; counted {
		delete(o.open, id)
		o.leave(was)
	}
}

// leave takes an open connection out of its sum.
func (o *overflow) leave(was unseen) {
	t := o.totals.At(was.place)
	t.Open--
	t.OpenRx -= was.rx
	t.OpenTx -= was.tx
	o.totals.Leave(was.place)
}

// close adds a connection's final counters to its owner's.
func (o *overflow) close(c *conn.Conn) {
	if was, counted := o.open[c.ID]; counted {
		delete(o.open, c.ID)
		o.leave(was)
	} else {
		o.count++
	}
	t := o.totals.At(o.totals.Place(conn.TotalOf(c)))
	t.Conns++
	t.RxBytes += c.RxBytes
	t.TxBytes += c.TxBytes
}

// merge returns a new slice with the source's totals and our own.
func (o *overflow) merge(source []conn.OwnerTotal) []conn.OwnerTotal {
	own := o.totals.Append(nil)
	if len(source)+len(own) == 0 {
		return nil
	}
	return conn.SumTotals(source, own)
}

// endedSince is what of the totals ended between two ticks, and the datagrams that had no row.
func endedSince(before, now []conn.OwnerTotal) (ended []conn.OwnerTotal) {
	if len(now) == 0 {
		return nil
	}
	was := make(map[conn.OwnerTotal]*conn.OwnerTotal, len(before))
	for i := range before {
		was[before[i].By()] = &before[i]
	}
	for i := range now {
		d := now[i]
		d.Open, d.OpenRx, d.OpenTx = 0, 0, 0
		if b := was[d.By()]; b != nil {
			d.Conns -= min(b.Conns, d.Conns)
			d.Datagrams -= min(b.Datagrams, d.Datagrams)
			d.RxBytes -= min(b.RxBytes, d.RxBytes)
			d.TxBytes -= min(b.TxBytes, d.TxBytes)
		}
		if d.Conns|d.Datagrams > 0 {
			ended = append(ended, d)
		}
	}
	return ended
}

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
