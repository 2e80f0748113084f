package record

import "tcptop/internal/conn"

// connSet writes rows as differences: a known connection's to what was known, a new
// one's to the new one before it. Then it remembers them, or forgets those that ended.
func (e *Encoder) connSet(set byte, rows []conn.Conn) {
	e.at = e.at[:0]
	for i := range rows {
		c := &rows[i]
		slot, known := e.slots.slot(c.ID)
		if !known {
			slot = e.take(c)
		}
		e.at, e.fresh[i] = append(e.at, slot), !e.known.live(slot)
	}
	point(e, 0, &e.places, rows, func(c *conn.Conn) *conn.Place { return c.Place })
	point(e, 1, &e.processes, rows, func(c *conn.Conn) *conn.Process { return c.Process })
	point(e, 2, &e.remotes, rows, func(c *conn.Conn) *conn.Remote { return c.Remote })
	e.columns(set, rows)
	for i := range rows {
		if set == setClosed {
			e.release(e.at[i], rows[i].ID)
		} else {
			e.known.keep(e.at[i])
		}
	}
}

// point finds the handles of what rows point to.
func point[T any](e *Encoder, which int, d *dictionary[T], rows []conn.Conn, at func(*conn.Conn) *T) {
	for i := range rows {
		t := at(&rows[i])
		if h := e.known.number(ledgerPlace+which, e.at[i]); !e.fresh[i] && d.named[h].is == t {
			e.handles[which][i] = h
			continue
		}
		e.handles[which][i] = uint64(d.handle(t))
	}
}

// keySet writes what is known of the slots in e.at.
func (e *Encoder) keySet() {
	n := len(e.at)
	e.room(n)
	for i := range n {
		e.fresh[i] = true
	}
	for which := range e.handles {
		e.known.read(ledgerPlace+which, e.at, e.handles[which][:n])
	}
	e.places.renew(e.handles[0][:n])
	e.processes.renew(e.handles[1][:n])
	e.remotes.renew(e.handles[2][:n])
	e.columns(setKey, nil)
}

// columns writes a set of connections, which are those in e.at or, in a key frame, what
// is known of them: the texts it is the first to use, then a column for each number that
// is not what it was. It remembers them unless they ended.
func (e *Encoder) columns(set byte, rows []conn.Conn) {
	e.start(set, len(e.at))
	e.places.define(e.w)
	e.processes.define(e.w)
	e.remotes.define(e.w)
	v := e.values[:len(e.at)]
	expected := int64(0)
	for i := range v {
		v[i] = uint64(int64(e.at[i]) - expected)
		expected = int64(e.at[i]) + 1
	}
	e.w.column(columnSlot, v)
	e.numbers(set, 0, e.places.numbersOf)
	e.numbers(set, 1, e.processes.numbersOf)
	e.numbers(set, 2, e.remotes.numbersOf)
	for m := range connMembers {
		was, is := e.was[:len(e.at)], e.is[:len(e.at)]
		e.known.read(m, e.at, was)
		if set == setKey {
			is = was
		} else {
			get := connMembers[m].get
			for i := range rows {
				is[i] = get(&rows[i])
			}
		}
		if set == setConns {
			e.known.write(m, e.at, is)
		}
		e.differences(columnMembers+m, was, is)
	}
	e.w.endColumns()
}

// numbers writes the column of what a dictionary calls what the rows point to.
func (e *Encoder) numbers(set byte, which int, of func([]uint64)) {
	was, is := e.was[:len(e.at)], e.is[:len(e.at)]
	copy(is, e.handles[which])
	e.known.read(ledgerPlace+which, e.at, was)
	for i := range was {
		if e.fresh[i] {
			was[i] = 0 // a handle of nothing, or of before the key frame
		}
	}
	if set != setClosed {
		e.known.write(ledgerPlace+which, e.at, is)
	}
	of(was)
	of(is)
	e.differences(columnPlace+which, was, is)
}

// differences writes a column as what it differs by from what was known.
func (e *Encoder) differences(id int, was, is []uint64) {
	v := e.values[:len(is)]
	before := uint64(0)
	for i := range v {
		if e.fresh[i] {
			v[i], before = is[i]-before, is[i]
		} else {
			v[i] = is[i] - was[i]
		}
	}
	e.w.column(id, v)
}

// start writes what every set begins with.
func (e *Encoder) start(set byte, n int) {
	e.w.plain = append(e.w.plain, set)
	e.w.uvarint(uint64(n))
}

// headSet writes what a sample says of itself.
func (e *Encoder) headSet(s *conn.Sample) {
	e.start(setHead, 1)
	v := e.values[:1]
	v[0] = uint64(e.block.Time - e.time)
	e.w.column(columnTime, v)
	for m := range headMembers {
		get := headMembers[m].get
		v[0] = get(s) - get(&e.head)
		e.w.column(columnMembers+m, v)
	}
	e.w.endColumns()
	e.time = e.block.Time
	e.head = *s
	e.head.Conns, e.head.Closed, e.head.Gone, e.head.Totals, e.head.Faults, e.head.DNS = nil, nil, nil, nil, nil, nil
	e.head.Cgroups, e.head.Places, e.head.Processes, e.head.Remotes, e.head.Programs = nil, nil, nil, nil, nil
}

// faultSet writes what failed: texts, not columns.
func (e *Encoder) faultSet(texts []string) {
	e.start(setFaults, len(texts))
	for _, text := range texts {
		e.w.uvarint(uint64(len(text)))
		e.w.plain = append(e.w.plain, text...)
	}
	e.w.endColumns()
}

// goneSet writes rows that end: by slot where they are known, from 1 on, else by id.
func (e *Encoder) goneSet(ids []conn.ID) {
	e.start(setGone, len(ids))
	v := e.values[:len(ids)]
	for i, id := range ids {
		slot, known := e.slots.slot(id)
		e.fresh[i], v[i] = !known, 0
		if known {
			v[i] = uint64(slot) + 1
			e.release(slot, id)
		}
	}
	e.w.column(columnSlot, v)
	for m := range goneMembers {
		for i := range ids {
			v[i] = 0
			if e.fresh[i] {
				v[i] = goneMembers[m].get(&ids[i])
			}
		}
		e.w.column(columnMembers+m, v)
	}
	e.w.endColumns()
}

// totalSet writes totals as differences to those at the same place in the tick before.
func (e *Encoder) totalSet(totals []conn.OwnerTotal, start int) {
	e.start(setTotals, len(totals))
	v := e.values[:len(totals)]
	for m := range totalMembers {
		get := totalMembers[m].get
		for i := range totals {
			v[i] = get(&totals[i])
			if start+i < len(e.totals) {
				v[i] -= get(&e.totals[start+i])
			}
		}
		e.w.column(columnMembers+m, v)
	}
	e.w.endColumns()
}

// take finds a slot for a new connection.
func (e *Encoder) take(c *conn.Conn) uint32 {
	slot := e.next
	if n := len(e.vacant); n > 0 {
		slot = e.vacant[n-1]
		e.vacant = e.vacant[:n-1]
	} else {
		e.next++
	}
	e.known.room(slot, c)
	e.known.name(slot, c.ID)
	e.slots.add(c.ID, slot)
	return slot
}

// release forgets a connection.
func (e *Encoder) release(slot uint32, id conn.ID) {
	if at, known := e.slots.slot(id); !known || at != slot {
		return // named twice
	}
	e.slots.remove(id)
	e.known.drop(slot)
	e.vacant = append(e.vacant, slot)
}
