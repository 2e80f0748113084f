package table

import (
	"cmp"

	"tcptop/internal/conn"
)

// leave forgets s, which is dropped.
func (j *Joint) leave(s slot) {
	e := &j.ends
	if !e.apart && joinable(s.Row) {
		e.unlink(s.pos, s.Row)
		if ended := s.is(s.page.closing); ended && e.mates[s.pos] == 0 && len(e.over) < maxOver {
			e.over[e.hash(s.Row)] = overEnd{pairOf(s.Row), e.turn, e.mono, s.ID.Host}
		}
	}
	j.part(s, s.is(s.page.closing))
	e.set(s.pos, 0)
}

// part takes s, whose connection has ended or who is no more seen, from its other end.
func (j *Joint) part(s slot, ended bool) {
	e := &j.ends
	mate := e.mates[s.pos]
	if mate <= 0 {
		return
	}
	o := j.t.slot(mate - 1)
	e.set(s.pos, 0)
	switch {
	case !ended:
		e.set(o.pos, 0)
		j.t.show(s)
		j.t.show(o)
	case o.is(o.page.shown):
		e.set(o.pos, alone)
	default: // its own end will come
		j.await(o)
	}
}

// await hides o for as long as its end may be late.
func (j *Joint) await(o slot) {
	j.t.hide(o)
	j.ends.set(o.pos, alone)
	j.ends.late = append(j.ends.late, lateEnd{o.ID, o.pos, j.ends.turn, j.ends.mono})
}

// pair finds out what belongs together since the last snapshot.
func (j *Joint) pair(mono int64) {
	e := &j.ends
	for h := range e.dirty {
		j.match(h)
	}
	clear(e.dirty)
	e.turn++
	e.mono = mono
	kept := e.late[:0]
	for _, l := range e.late {
		pos, there := j.t.at(l.id)
		switch {
		case !there || pos != l.pos:
		case e.turn-l.turn <= lateTurns || mono-l.mono < lateFor:
			kept = append(kept, l)
		default:
			j.t.show(j.t.slot(pos))
		}
	}
	e.late = kept
	for h, o := range e.over {
		if e.turn-o.turn > lateTurns && mono-o.mono >= lateFor {
			delete(e.over, h)
		}
	}
}

// match joins the two rows of a chain, where there is one each way. More are different
// connections of which nobody can say which belong together: private addresses that
// several networks use, or an address translation between.
func (j *Joint) match(h uint64) {
	e := &j.ends
	if e.heads[h] == 0 {
		return
	}
	ends := pairOf(j.row(e.heads[h] - 1))
	var found [2]int32   // from 1, by direction
	var live, all [2]int // rows
	for at := e.heads[h]; at != 0; at = e.links[at-1].next {
		d := 0
		switch pairOf(j.row(at - 1)) {
		case ends:
		case ends.turned():
			d = 1
		default:
			continue
		}
		if all[d]++; !j.closing(at - 1) {
			if live[d]++; live[d] == 1 {
				found[d] = at
			}
		} else if live[d] == 0 {
			found[d] = at
		}
	}
	switch {
	case live[0] > 1 || live[1] > 1:
		j.split(h)
	case found[1] == 0:
		j.wasOver(h, found[0]-1)
	case live[0] == 0 && all[0] > 1, live[1] == 0 && all[1] > 1:
	default:
		j.join(found[0]-1, found[1]-1)
	}
}

// split parts all pairs of a chain.
func (j *Joint) split(h uint64) {
	for at := j.ends.heads[h]; at != 0; at = j.ends.links[at-1].next {
		if j.ends.mates[at-1] > 0 {
			j.part(j.t.slot(at-1), false)
		}
	}
}

// wasOver hides a row that is new where the connection's end was told by the other host.
func (j *Joint) wasOver(h uint64, pos int32) {
	e := &j.ends
	o, known := e.over[h]
	r := j.row(pos)
	if !known || o.from != pairOf(r).turned() || o.host == r.ID.Host || e.links[pos].since != e.turn || r.Opened > o.mono {
		return
	}
	delete(e.over, h)
	j.await(j.t.slot(pos))
}

// join makes one row of two, if they may be one connection.
func (j *Joint) join(a, b int32) {
	e := &j.ends
	r, o := j.row(a), j.row(b)
	if e.mates[a] != 0 || e.mates[b] != 0 || r.ID.Host == o.ID.Host {
		return
	}
	if d := r.Opened - o.Opened; r.Opened != 0 && o.Opened != 0 && max(d, -d) > openApart {
		return
	}
	if !first(r, o) {
		a, b = b, a
	}
	e.set(a, b+1)
	e.set(b, a+1)
	j.t.hide(j.t.slot(b))
	if e.links[b].since != e.turn && j.row(a).Event == conn.EventOpen {
		s, o := j.t.slot(a), j.row(b)
		s.Event = conn.EventSample // it was told, of the other end, and so were its bytes
		s.RxRate, s.TxRate = o.TxRate, o.RxRate
	}
}

// first reports whether r is shown of r and o: the end that connected, if that is known,
// or has the higher port.
func first(r, o *Row) bool {
	client := func(r *Row) int {
		switch r.Dir {
		case conn.Out:
			return 1
		case conn.In:
			return -1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(client(r), client(o)), cmp.Compare(r.Lport, o.Lport), cmp.Compare(o.ID.Host, r.ID.Host)) > 0
}

func (j *Joint) row(pos int32) *Row { return &j.t.pages[pos/pageRows].rows[pos%pageRows] }

func (j *Joint) closing(pos int32) bool {
	return j.t.pages[pos/pageRows].closing&(1<<(pos%pageRows)) != 0
}
