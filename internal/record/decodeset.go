package record

import "tcptop/internal/conn"

// connSet reads what Encoder.connSet wrote into what is known, and forgets what ended.
func (d *Decoder) connSet(set byte, n int) {
	d.places.read(d.r)
	d.processes.read(d.r)
	d.remotes.read(d.r)
	v := d.values[:n]
	id := d.r.column(v)
	if !d.slots(v, id == columnSlot) {
		return
	}
	if id == columnSlot {
		id = d.r.column(v)
	}
	rows := d.rows[:n]
	for which := range 3 {
		if id != columnPlace+which {
			continue // new rows have none, others what they had
		}
		if !d.texts(which, rows, v) {
			return
		}
		id = d.r.column(v)
	}
	for done := columnMembers; id != 0; id = d.r.column(v) {
		if id < done || id-columnMembers >= len(d.conns) {
			d.r.fail("column %d", id)
			return
		}
		d.add(rows, id, v)
		done = id + 1
	}
	if d.r.err == nil {
		d.remember(set, rows)
	}
}

// slots turns the first column, if it is there, into slots and finds what is known in
// each. A row that comes twice has an entry of its own the second time: both differ from
// what was known before the set.
func (d *Decoder) slots(v []uint64, there bool) bool {
	slot := int64(-1)
	d.set++
	for i := range v {
		slot++
		if there {
			slot += int64(v[i])
		}
		if slot < 0 || slot >= maxSlots {
			d.r.fail("slot %d", slot)
			return false
		}
		x := d.known.make(uint32(slot))
		d.at[i], d.fresh[i] = uint32(slot), !x.live
		if x.set == d.set {
			again := *x
			x = &again
		}
		if x.set = d.set; d.fresh[i] {
			x.Conn, x.texts = conn.Conn{}, [3]uint32{}
		}
		d.rows[i] = x
	}
	return true
}

// texts adds v to the numbers of what rows point to.
func (d *Decoder) texts(which int, rows []*entry, v []uint64) bool {
	before := uint32(0)
	for i, x := range rows {
		switch {
		case d.fresh[i]:
			before += uint32(v[i])
			x.texts[which] = before
		case v[i] == 0:
			continue
		default:
			x.texts[which] += uint32(v[i])
		}
		ok := false
		switch is := x.texts[which]; which {
		case 0:
			x.Place, ok = d.places.at(is)
		case 1:
			x.Process, ok = d.processes.at(is)
		default:
			x.Remote, ok = d.remotes.at(is)
		}
		if !ok {
			d.r.fail("text %d", x.texts[which])
			return false
		}
	}
	return true
}

// add adds column id's numbers v to rows; a new row's to those of the new one before.
func (d *Decoder) add(rows []*entry, id int, v []uint64) {
	m := &d.conns[id-columnMembers]
	if m.set == nil {
		return
	}
	before := uint64(0)
	for i, x := range rows {
		switch {
		case d.fresh[i]:
			if before += v[i]; before != 0 {
				m.set(&x.Conn, before)
			}
		case v[i] != 0:
			m.set(&x.Conn, m.get(&x.Conn)+v[i])
		}
	}
}

// remember makes rows those of the sample at hand, unless nobody wants it, and what is
// known.
func (d *Decoder) remember(set byte, rows []*entry) {
	for i, row := range rows {
		switch {
		case set == setKey || d.skim:
		case set == setClosed:
			d.out.Closed = append(d.out.Closed, row.Conn)
		default:
			d.out.Conns = append(d.out.Conns, row.Conn)
		}
		x := d.known.at(d.at[i])
		if x != row {
			x.Conn, x.texts = row.Conn, row.texts
		}
		switch {
		case set != setClosed && !x.live:
			x.live = true
			d.live++
		case set == setClosed && x.live:
			x.live = false
			d.live--
		}
	}
}

func (d *Decoder) headSet() {
	v := d.values[:1]
	for id := d.r.column(v); id != 0; id = d.r.column(v) {
		switch m := id - columnMembers; {
		case id == columnTime:
			d.time += int64(v[0])
		case m < 0 || m >= len(d.heads):
			d.r.fail("column %d of a head", id)
		case d.heads[m].set != nil:
			d.heads[m].set(&d.head, d.heads[m].get(&d.head)+v[0])
		}
	}
	d.fillHead()
	d.seen = true
}

func (d *Decoder) faultSet(n int) {
	for range n {
		if text := d.r.text(); d.r.err == nil {
			d.out.Faults = append(d.out.Faults, text)
		}
	}
	if d.r.uvarint() != 0 {
		d.r.fail("a set of texts goes on")
	}
}

func (d *Decoder) goneSet(n int) {
	start := len(d.out.Gone)
	d.out.Gone = append(d.out.Gone, make([]conn.ID, n)...)
	ids := d.out.Gone[start:]
	v := d.values[:n]
	for id := d.r.column(v); id != 0; id = d.r.column(v) {
		switch m := id - columnMembers; {
		case id == columnSlot:
			d.goneSlots(ids, v)
		case m < 0 || m >= len(d.gone):
			d.r.fail("column %d of rows that went", id)
		case d.gone[m].set != nil:
			for i := range ids {
				if v[i] != 0 {
					d.gone[m].set(&ids[i], v[i])
				}
			}
		}
	}
}

func (d *Decoder) goneSlots(ids []conn.ID, v []uint64) {
	for i, slot := range v {
		if slot == 0 {
			continue
		}
		if slot > maxSlots || !d.known.at(uint32(slot-1)).live {
			d.r.fail("slot %d went and was not there", slot)
			return
		}
		x := d.known.at(uint32(slot - 1))
		ids[i] = x.ID
		x.live = false
		d.live--
	}
}

func (d *Decoder) totalSet(n int) {
	start := len(d.out.Totals)
	d.out.Totals = append(d.out.Totals, make([]conn.OwnerTotal, n)...)
	totals := d.out.Totals[start:]
	if start < len(d.before) {
		copy(totals, d.before[start:])
	}
	v := d.values[:n]
	for id := d.r.column(v); id != 0; id = d.r.column(v) {
		m := id - columnMembers
		if m < 0 || m >= len(d.owners) {
			d.r.fail("column %d of totals", id)
			return
		}
		if set := d.owners[m].set; set != nil {
			for i := range totals {
				set(&totals[i], d.owners[m].get(&totals[i])+v[i])
			}
		}
	}
}
