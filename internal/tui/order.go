package tui

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"

	"tcptop/internal/column"
	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// candidate is a row or a group that may be visible. It carries what it is ordered
// by, so that ordering many of them does not read their rows again.
type candidate struct {
	class uint32     // place while the order is frozen, or one of the classes
	at    int32      // of a group or of a row kept after it closed; -1 is neither
	key   [2]uint64  // the value or, of a long text, its start
	tie   [2]uint64  // what decides between equal values
	row   *table.Row // the row, or the first one of the group
}

// The classes of candidates, which order them before their keys do. The places of
// frozen rows are below.
const (
	usual     uint32 = 1<<30 + iota
	wide             // an IPv6 address, after those of IPv4
	valueless        // the last in either direction
)

// keyText is how much of a text fits a key. One byte more tells how long the text
// is, longText where it goes on.
const (
	keyText  = 15
	longText = keyText + 1
)

// ordering compares candidates by a field: those without a value come last in either
// direction, equal ones are ordered by what they are.
type ordering struct {
	column.Order
	at     *table.Snapshot
	frozen places
	x, y   []byte
}

// places is where rows had their place when the order was frozen, by position.
type places []frozenPlace

type frozenPlace struct {
	mark uint32 // the connection's, which had the position then
	next uint32 // the place, counted from 1; 0 is none
}

func (p places) of(r *table.Row) (uint32, bool) {
	if int(r.Pos) >= len(p) || p[r.Pos].next == 0 || p[r.Pos].mark != mark(r.ID) {
		return 0, false
	}
	return p[r.Pos].next - 1, true
}

// in is p, which is of old, for the positions of s.
func (p places) in(old, s *table.Snapshot) places {
	was := make(map[conn.ID]uint32, len(p))
	for r := range old.Rows() {
		if place, ok := p.of(r); ok {
			was[r.ID] = place + 1
		}
	}
	var all places
	for r := range s.Rows() {
		if place, ok := was[r.ID]; ok {
			all = append(all, make(places, int(r.Pos)+1-len(all))...)
			all[r.Pos] = frozenPlace{mark(r.ID), place}
		}
	}
	return slices.Clip(all)
}

// row is the candidate for r.
func (o *ordering) row(r *table.Row) candidate {
	c := candidate{at: -1, tie: [2]uint64{r.ID.Cookie, r.ID.Serial ^ uint64(r.ID.Host)<<48}, row: r}
	if place, ok := o.frozen.of(r); ok {
		c.class = place
		return c
	}
	o.value(&c, r)
	return c
}

// value gives c the class and the key of the field's value in r.
func (o *ordering) value(c *candidate, r *table.Row) {
	known := false
	switch f := o.Column; {
	case f.Text != nil:
		o.x, known = f.Text(o.x[:0], o.at, r)
		c.class, c.key = usual, textKey(o.x)
	case f.Addr != nil:
		var a netip.Addr
		a, known = f.Addr(r)
		c.class, c.key = usual, addrKey(a)
		if known && a.Is6() {
			c.class = wide
		}
	default:
		n, ok := f.Num(o.at, r)
		o.number(c, n, ok)
		return
	}
	o.direct(c, known)
}

// number gives c a class and a key for n.
func (o *ordering) number(c *candidate, n int64, known bool) {
	c.class, c.key = usual, [2]uint64{0, uint64(n) ^ 1<<63}
	o.direct(c, known)
}

// direct turns the key of c around where the order is descending.
func (o *ordering) direct(c *candidate, known bool) {
	switch {
	case !known:
		c.class, c.key = valueless, [2]uint64{}
	case o.Desc:
		c.class, c.key = usual+wide-c.class, [2]uint64{^c.key[0], ^c.key[1]}
	}
}

func addrKey(a netip.Addr) [2]uint64 {
	b := a.As16()
	return [2]uint64{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

func textKey(s []byte) [2]uint64 {
	var b [longText]byte
	copy(b[:keyText], s)
	b[keyText] = byte(min(len(s), longText))
	return [2]uint64{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// compare is the order of a and b.
func (o *ordering) compare(a, b *candidate) int {
	switch {
	case a.class != b.class:
		return cmp.Compare(a.class, b.class)
	case a.key[0] != b.key[0]:
		return cmp.Compare(a.key[0], b.key[0])
	case a.key[1] != b.key[1]:
		return cmp.Compare(a.key[1], b.key[1])
	}
	if o.cut(a) {
		if n := o.compareTexts(a.row, b.row); n != 0 {
			return n
		}
	}
	return cmp.Or(cmp.Compare(a.tie[0], b.tie[0]), cmp.Compare(a.tie[1], b.tie[1]))
}

// cut reports whether the key of c is not all of its text.
func (o *ordering) cut(c *candidate) bool {
	if o.Column.Text == nil || c.class < usual || c.class == valueless {
		return false
	}
	end := byte(c.key[1])
	if o.Desc {
		end = ^end
	}
	return end == longText
}

// compareTexts compares whole texts. Where all rows of a group share one it is
// the first row's.
func (o *ordering) compareTexts(a, b *table.Row) int {
	o.x, _ = o.Column.Text(o.x[:0], o.at, a)
	o.y, _ = o.Column.Text(o.y[:0], o.at, b)
	n := bytes.Compare(o.x, o.y)
	if o.Desc {
		n = -n
	}
	return n
}
