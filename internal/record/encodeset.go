package record

import "tcptop/internal/conn"

// connSet writes rows as differences: a known connection's to what was known, a new
// one's to the new one before it. Then it remembers them, or forgets those that ended: of
// a new one that ended nothing is kept at any time, its slot is one that nobody has.
func (e *Encoder) connSet(set byte, rows []conn.Conn) {
	e.at, e.news = e.at[:0], true
	for i := range rows {
		c := &rows[i]
		slot, known := e.slots.Find(c.ID)
		switch {
		case !known && set == setClosed:
			slot, e.fresh[i] = e.next+uint32(i), true
		case !known:
			slot, e.fresh[i] = e.take(c), true
		default:
			e.fresh[i] = !e.known.live(slot)
		}
		e.at, e.news = append(e.at, slot), e.news && e.fresh[i]
	}
	point(e, set, 0, &e.places, rows, func(c *conn.Conn) *conn.Place { return c.Place })
	point(e, set, 1, &e.processes, rows, func(c *conn.Conn) *conn.Process { return c.Process })
	point(e, set, 2, &e.remotes, rows, func(c *conn.Conn) *conn.Remote { return c.Remote })
	e.columns(set, rows)
	for i := range rows {
		if set == setConns {
			e.known.keep(e.at[i])
		} else if !e.fresh[i] {
			e.release(e.at[i], rows[i].ID)
		}
	}
}

// point finds the numbers of what rows point to, and the handles of what those do that
// stay.
func point[T any](e *Encoder, set byte, which int, d *dictionary[T], rows []conn.Conn, at func(*conn.Conn) *T) {
	handles, numbers := e.handles[which], e.numbers[which]
	for i := range rows {
		t := at(&rows[i])
		switch {
		case !e.fresh[i] && d.named[e.known.number(ledgerPlace+which, e.at[i])].is == t:
			handles[i] = e.known.number(ledgerPlace+which, e.at[i])
		case set == setClosed:
			numbers[i] = uint64(d.number(t))
			continue
		case i > 0 && t == at(&rows[i-1]):
			handles[i] = handles[i-1]
		default:
			handles[i] = uint64(d.handle(t))
		}
		numbers[i] = uint64(d.named[handles[i]].number)
	}
}

// keySet writes what is known of the slots in e.at.
func (e *Encoder) keySet() {
	n := len(e.at)
	e.room(n)
	for i := range n {
		e.fresh[i] = true
	}
	e.runs = e.known.runs(e.runs[:0], e.at)
	for which := range e.handles {
		e.known.read(ledgerPlace+which, e.runs, e.at, e.handles[which][:n])
	}
	e.places.renew(e.handles[0][:n], e.numbers[0])
	e.processes.renew(e.handles[1][:n], e.numbers[1])
	e.remotes.renew(e.handles[2][:n], e.numbers[2])
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
	e.runs = e.known.runs(e.runs[:0], e.at)
	v := e.values[:len(e.at)]
	expected := int64(0)
	for i := range v {
		v[i] = uint64(int64(e.at[i]) - expected)
		expected = int64(e.at[i]) + 1
	}
	e.w.column(columnSlot, v)
	numbersOf(e, set, 0, &e.places)
	numbersOf(e, set, 1, &e.processes)
	numbersOf(e, set, 2, &e.remotes)
	if e.news = e.news && set != setKey; e.news {
		e.varying.find(rows)
	}
	for m := range connMembers {
		e.member(set, m, rows)
	}
	e.w.endColumns()
}

// member writes the column of a member.
func (e *Encoder) member(set byte, m int, rows []conn.Conn) {
	get := connMembers[m].get
	if e.news && !e.varying.of(&connMembers[m]) {
		v := get(&rows[0])
		if set == setConns {
			e.known.fill(m, e.runs, e.at, v)
		}
		e.w.first(columnMembers+m, v, len(rows))
		return
	}
	if set == setKey {
		if v, ok := e.known.uniform(m, e.runs); ok {
			e.w.first(columnMembers+m, v, len(e.at))
			return
		}
	}
	was, is := e.was[:len(e.at)], e.is[:len(e.at)]
	if !e.news {
		e.known.read(m, e.runs, e.at, was)
	}
	if set == setKey {
		is = was
	}
	for i := range rows {
		is[i] = get(&rows[i])
	}
	if set == setConns {
		e.known.write(m, e.runs, e.at, is)
	}
	e.differences(columnMembers+m, was, is)
}

// numbersOf writes the column of what a dictionary calls what the rows point to.
func numbersOf[T any](e *Encoder, set byte, which int, d *dictionary[T]) {
	was, handles := e.was[:len(e.at)], e.handles[which][:len(e.at)]
	if !e.news {
		e.known.read(ledgerPlace+which, e.runs, e.at, was)
	}
	for i := range was {
		if e.fresh[i] {
			was[i] = 0 // a handle of nothing, or of before the key frame
		} else {
			was[i] = uint64(d.named[was[i]].number)
		}
	}
	if set != setClosed {
		e.known.write(ledgerPlace+which, e.runs, e.at, handles)
	}
	e.differences(columnPlace+which, was, e.numbers[which][:len(e.at)])
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
		slot, known := e.slots.Find(id)
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
	e.slots.Put(c.ID, slot)
	return slot
}

// release forgets a connection.
func (e *Encoder) release(slot uint32, id conn.ID) {
	if at, known := e.slots.Find(id); !known || at != slot {
		return // named twice
	}
	e.slots.Remove(id)
	e.known.drop(slot)
	e.vacant = append(e.vacant, slot)
}
