package record

import "tcptop/internal/conn"

// connSet writes rows as differences: a known connection's to what was known, a new
// one's to the new one before it. Then it remembers them, or forgets those that ended.
func (e *Encoder) connSet(set byte, rows []conn.Conn) {
	for i := range rows {
		c := &rows[i]
		slot, known := e.slots[c.ID]
		if !known {
			slot = e.take(c.ID)
		}
		x := e.known.at(slot)
		e.at[i], e.fresh[i] = slot, !x.live
		e.place[i], e.process[i], e.remote[i] = x.place, x.process, x.remote
		if c.Place != x.Place || !x.live {
			e.place[i] = e.places.number(c.Place)
		}
		if c.Process != x.Process || !x.live {
			e.process[i] = e.processes.number(c.Process)
		}
		if c.Remote != x.Remote || !x.live {
			e.remote[i] = e.remotes.number(c.Remote)
		}
	}
	e.columns(set, rows)
	for i := range rows {
		if set == setClosed {
			e.release(e.at[i], rows[i].ID)
			continue
		}
		*e.known.make(e.at[i]) = entry{Conn: rows[i], place: e.place[i], process: e.process[i], remote: e.remote[i], live: true}
	}
}

// keySet writes what is known of the first n slots in e.at.
func (e *Encoder) keySet(n int) {
	if n == 0 {
		return
	}
	e.room(n)
	if e.keyed == nil {
		e.keyed = make([]conn.Conn, partRows)
	}
	for i := range n {
		x := e.known.at(e.at[i])
		x.place, x.process, x.remote = e.places.number(x.Place), e.processes.number(x.Process), e.remotes.number(x.Remote)
		e.keyed[i], e.place[i], e.process[i], e.remote[i] = x.Conn, x.place, x.process, x.remote
	}
	e.columns(setKey, e.keyed[:n])
}

// columns writes a set of connections: the texts it is the first to use, then a column
// for each number that is not what it was.
func (e *Encoder) columns(set byte, rows []conn.Conn) {
	e.start(set, len(rows))
	e.places.define(e.w)
	e.processes.define(e.w)
	e.remotes.define(e.w)
	v := e.values[:len(rows)]
	expected := int64(0)
	for i := range rows {
		v[i] = uint64(int64(e.at[i]) - expected)
		expected = int64(e.at[i]) + 1
	}
	e.w.column(columnSlot, v)
	e.numbers(columnPlace, v, e.place, func(x *entry) uint32 { return x.place })
	e.numbers(columnProcess, v, e.process, func(x *entry) uint32 { return x.process })
	e.numbers(columnRemote, v, e.remote, func(x *entry) uint32 { return x.remote })
	for m := range connMembers {
		get := connMembers[m].get
		before := uint64(0)
		for i := range rows {
			now := get(&rows[i])
			if e.fresh[i] {
				v[i], before = now-before, now
			} else {
				v[i] = now - get(&e.known.at(e.at[i]).Conn)
			}
		}
		e.w.column(columnMembers+m, v)
	}
	e.w.endColumns()
}

// numbers writes the column of what a dictionary calls the rows' texts.
func (e *Encoder) numbers(id int, v []uint64, is []uint32, was func(*entry) uint32) {
	before := uint32(0)
	for i := range v {
		if e.fresh[i] {
			v[i], before = uint64(int64(is[i])-int64(before)), is[i]
		} else {
			v[i] = uint64(int64(is[i]) - int64(was(e.known.at(e.at[i]))))
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
	e.head.Cgroups, e.head.Places, e.head.Processes, e.head.Remotes = nil, nil, nil, nil
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
		slot, known := e.slots[id]
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
func (e *Encoder) take(id conn.ID) uint32 {
	slot := e.next
	if n := len(e.vacant); n > 0 {
		slot = e.vacant[n-1]
		e.vacant = e.vacant[:n-1]
	} else {
		e.next++
	}
	e.slots[id] = slot
	return slot
}

// release forgets a connection.
func (e *Encoder) release(slot uint32, id conn.ID) {
	if at, known := e.slots[id]; !known || at != slot {
		return // named twice
	}
	delete(e.slots, id)
	*e.known.make(slot) = entry{}
	e.vacant = append(e.vacant, slot)
}
