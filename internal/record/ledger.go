package record

import (
	"encoding/binary"
	"math"
	"math/bits"

	"tcptop/internal/conn"
)

// sheetRows is how many connections are kept together: memory grows by a sheet,
// nothing is moved.
const sheetRows = 256

// The columns of a ledger: a connection's members, of which the first two are its id, then what it points to, as the
// dictionaries' handles.
var (
	ledgerPlace   = len(connMembers)
	ledgerProcess = ledgerPlace + 1
	ledgerRemote  = ledgerPlace + 2
	ledgerColumns = ledgerPlace + 3
)

// ledger is what was last written of each connection, by slot. Most numbers of most
// connections are small, or like their neighbours': a row takes about a third of a
// conn.Conn.
type ledger struct{ sheets []*sheet }

type sheet struct {
	live    [sheetRows / 64]uint64
	columns []packed
}

// packed are numbers as their differences to one of them, in as many bytes as the
// widest needs.
type packed struct {
	base  uint64
	width uint8 // 0, 1, 2, 4 or 8; 0 is all as base
	data  []byte
}

func (p *packed) at(i uint32) uint64 {
	switch le := binary.LittleEndian; p.width {
	case 1:
		return p.base + uint64(int8(p.data[i]))
	case 2:
		return p.base + uint64(int16(le.Uint16(p.data[2*i:])))
	case 4:
		return p.base + uint64(int32(le.Uint32(p.data[4*i:])))
	case 8:
		return p.base + le.Uint64(p.data[8*i:])
	}
	return p.base
}

func (p *packed) set(i uint32, v uint64) {
	d := v - p.base
	if w := widthOf(int64(d)); w > p.width {
		p.widen(w)
	}
	p.store(i, d)
}

func (p *packed) store(i uint32, d uint64) {
	switch le := binary.LittleEndian; p.width {
	case 1:
		p.data[i] = byte(d)
	case 2:
		le.PutUint16(p.data[2*i:], uint16(d))
	case 4:
		le.PutUint32(p.data[4*i:], uint32(d))
	case 8:
		le.PutUint64(p.data[8*i:], d)
	}
}

func (p *packed) widen(w uint8) {
	wide := packed{base: p.base, width: w, data: make([]byte, sheetRows*int(w))}
	for i := range uint32(sheetRows) {
		wide.store(i, p.at(i)-p.base)
	}
	*p = wide
}

// widthOf is how many bytes hold d with its sign.
func widthOf(d int64) uint8 {
	switch {
	case d == 0:
		return 0
	case d == int64(int8(d)):
		return 1
	case d == int64(int16(d)):
		return 2
	case d == int64(int32(d)):
		return 4
	}
	return 8
}

// sheet is that of slot, or nil.
func (l *ledger) sheet(slot uint32) *sheet {
	if n := int(slot / sheetRows); n < len(l.sheets) {
		return l.sheets[n]
	}
	return nil
}

func (l *ledger) live(slot uint32) bool {
	s := l.sheet(slot)
	return s != nil && s.live[slot%sheetRows/64]>>(slot%64)&1 != 0
}

// slots appends up to n slots at or after from that hold a connection.
func (l *ledger) slots(dst []uint32, from uint32, n int) []uint32 {
	for at := int(from / 64); n > 0 && at < len(l.sheets)*sheetRows/64; at++ {
		s := l.sheets[at*64/sheetRows]
		if s == nil {
			continue
		}
		word := s.live[at%(sheetRows/64)]
		if at == int(from/64) {
			word &= math.MaxUint64 << (from % 64)
		}
		for ; word != 0 && n > 0; n-- {
			dst = append(dst, uint32(at*64+bits.TrailingZeros64(word)))
			word &= word - 1
		}
	}
	return dst
}

// id is that of the connection in slot.
func (l *ledger) id(slot uint32) conn.ID {
	return conn.ID{Cookie: l.number(0, slot), Serial: l.number(1, slot)}
}

// name says which connection slot, which has room, is for.
func (l *ledger) name(slot uint32, id conn.ID) {
	s, at := l.sheets[slot/sheetRows], slot%sheetRows
	s.columns[0].set(at, id.Cookie)
	s.columns[1].set(at, id.Serial)
}

// room makes room for a connection in slot, to which those that share its sheet are
// likely to be alike.
func (l *ledger) room(slot uint32, c *conn.Conn) {
	n := int(slot / sheetRows)
	for len(l.sheets) <= n {
		l.sheets = append(l.sheets, nil)
	}
	if l.sheets[n] != nil {
		return
	}
	s := &sheet{columns: make([]packed, ledgerColumns)}
	for m := range connMembers {
		s.columns[m].base = connMembers[m].get(c)
	}
	l.sheets[n] = s
}

// keep says that slot, which has room, holds a connection.
func (l *ledger) keep(slot uint32) {
	l.sheets[slot/sheetRows].live[slot%sheetRows/64] |= 1 << (slot % 64)
}

// drop forgets the connection in slot, if there is one.
func (l *ledger) drop(slot uint32) {
	if s := l.sheet(slot); s != nil {
		s.live[slot%sheetRows/64] &^= 1 << (slot % 64)
	}
}

// number is that of a column in slot. It means nothing where no connection is.
func (l *ledger) number(column int, slot uint32) uint64 {
	if s := l.sheet(slot); s != nil {
		return s.columns[column].at(slot % sheetRows)
	}
	return 0
}

// run are neighbours of a list of slots, from one up to another, that share a sheet; nil is
// where nobody was ever.
type run struct {
	*sheet
	from, to int
}

// runs appends those of slots.
func (l *ledger) runs(dst []run, slots []uint32) []run {
	for i := 0; i < len(slots); {
		from, n := i, slots[i]/sheetRows
		for i < len(slots) && slots[i]/sheetRows == n {
			i++
		}
		dst = append(dst, run{l.sheet(slots[from]), from, i})
	}
	return dst
}

// read fills v with the numbers of a column.
func (l *ledger) read(column int, runs []run, slots []uint32, v []uint64) {
	for _, r := range runs {
		if r.sheet == nil {
			clear(v[r.from:r.to])
			continue
		}
		p := &r.columns[column]
		for i := r.from; i < r.to; i++ {
			v[i] = p.at(slots[i] % sheetRows)
		}
	}
}

// uniform is the number that all have in a column, where that is plain to see.
func (l *ledger) uniform(column int, runs []run) (v uint64, ok bool) {
	for i, r := range runs {
		if r.sheet == nil {
			return 0, false
		}
		p := &r.columns[column]
		if p.width != 0 || i > 0 && p.base != v {
			return 0, false
		}
		v = p.base
	}
	return v, true
}

// write keeps the numbers of a column.
func (l *ledger) write(column int, runs []run, slots []uint32, v []uint64) {
	for _, r := range runs {
		p := &r.columns[column]
		for i := r.from; i < r.to; i++ {
			if at := slots[i] % sheetRows; p.at(at) != v[i] {
				p.set(at, v[i])
			}
		}
	}
}

// fill keeps the same number for all.
func (l *ledger) fill(column int, runs []run, slots []uint32, v uint64) {
	for _, r := range runs {
		p := &r.columns[column]
		if p.width == 0 && p.base == v {
			continue
		}
		for i := r.from; i < r.to; i++ {
			if at := slots[i] % sheetRows; p.at(at) != v {
				p.set(at, v)
			}
		}
	}
}

// conn is the connection in slot, without what it points to.
func (l *ledger) conn(slot uint32) (c conn.Conn) {
	for m := range connMembers {
		if v := l.number(m, slot); v != 0 {
			connMembers[m].set(&c, v)
		}
	}
	return c
}
