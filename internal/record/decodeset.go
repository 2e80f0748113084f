package record

import (
	"slices"

	"tcptop/internal/conn"
)

// connSet reads what Encoder.open wrote and remembers it, or forgets what ended.
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
	rows := d.rows(set, n)
	for i := range rows {
		if x := d.known.at(d.at[i]); !d.fresh[i] {
			rows[i] = x.Conn
		} else {
			rows[i] = conn.Conn{}
		}
	}
	id = d.texts(id, v, rows)
	done := columnMembers
	for ; id != 0; id = d.r.column(v) {
		if id < done || id-columnMembers >= len(d.conns) {
			d.r.fail("column %d", id)
			return
		}
		for ; done < id; done++ { // new rows are as the one before
			d.add(rows, done, nil)
		}
		d.add(rows, id, v)
		done = id + 1
	}
	for ; done < columnMembers+len(d.conns); done++ {
		d.add(rows, done, nil)
	}
	if d.r.err == nil {
		d.remember(set, rows)
	}
}

// slots turns the first column, if it is there, into slots and says which are new.
func (d *Decoder) slots(v []uint64, there bool) bool {
	slot := int64(-1)
	for i := range v {
		slot++
		if there {
			slot += int64(v[i])
		}
		if slot < 0 || slot >= maxSlots {
			d.r.fail("slot %d", slot)
			return false
		}
		d.at[i], d.fresh[i] = uint32(slot), !d.known.at(uint32(slot)).live
	}
	return true
}

// rows is where the rows of a set go.
func (d *Decoder) rows(set byte, n int) []conn.Conn {
	if set == setClosed {
		start := len(d.out.Closed)
		d.out.Closed = slices.Grow(d.out.Closed, n)[:start+n]
		return d.out.Closed[start:]
	}
	start := len(d.out.Conns)
	if set == setKey {
		start = 0 // only remembered
	}
	d.out.Conns = slices.Grow(d.out.Conns[:start], n)[:start+n]
	return d.out.Conns[start:]
}

// texts reads the columns of the dictionaries' numbers, which begin with id, and
// returns the next column's id.
func (d *Decoder) texts(id int, v []uint64, rows []conn.Conn) int {
	for which := range d.words {
		has := id == columnPlace+which
		before := uint32(0)
		for i := range rows {
			was := before
			if !d.fresh[i] {
				was = d.known.at(d.at[i]).number(which)
			}
			if has {
				was += uint32(v[i])
			}
			if d.fresh[i] {
				before = was
			}
			d.words[which][i] = was
			ok := false
			switch which {
			case 0:
				rows[i].Place, ok = d.places.at(was)
			case 1:
				rows[i].Process, ok = d.processes.at(was)
			default:
				rows[i].Remote, ok = d.remotes.at(was)
			}
			if !ok {
				d.r.fail("text %d", was)
				return 0
			}
		}
		if has {
			id = d.r.column(v)
		}
	}
	return id
}

func (x *entry) number(which int) uint32 {
	switch which {
	case 0:
		return x.place
	case 1:
		return x.process
	}
	return x.remote
}

// add adds column id's numbers v to rows; nil is none, which still makes a new row
// as the new one before it.
func (d *Decoder) add(rows []conn.Conn, id int, v []uint64) {
	m := &d.conns[id-columnMembers]
	if m.set == nil {
		return
	}
	before := uint64(0)
	for i := range rows {
		switch {
		case d.fresh[i]:
			if v != nil {
				before += v[i]
			}
			if before != 0 {
				m.set(&rows[i], before)
			}
		case v != nil && v[i] != 0:
			m.set(&rows[i], m.get(&rows[i])+v[i])
		}
	}
}

func (d *Decoder) remember(set byte, rows []conn.Conn) {
	for i := range rows {
		if set == setClosed {
			if x := d.known.at(d.at[i]); x.live {
				*x = entry{}
				d.live--
			}
			continue
		}
		x := d.known.make(d.at[i])
		if !x.live {
			d.live++
		}
		*x = entry{Conn: rows[i], place: d.words[0][i], process: d.words[1][i], remote: d.words[2][i], live: true}
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
		*x = entry{}
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
