package column

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// Order is a field to sort by.
type Order struct {
	Column *Column
	Desc   bool
}

// ParseSort reads a --sort value: a field, with a minus in front for descending,
// such as "-rate". The error is a *FieldError.
func (l *List) ParseSort(s string) (Order, error) {
	name, desc := strings.CutPrefix(s, "-")
	c, ok := l.Find(name)
	if !ok {
		return Order{}, l.unknown(name, 1+len(s)-len(name))
	}
	return Order{Column: c, Desc: desc}, nil
}

func (o Order) String() string {
	if o.Desc {
		return "-" + o.Column.Name
	}
	return o.Column.Name
}

// Compare returns a comparison of rows of s for sorting. Missing values come last
// in either direction; equal ones are ordered by connection, so that the order is
// total and rows do not trade places from tick to tick. The comparison allocates
// only while its buffers grow, and is not for use by several goroutines at once.
func (o Order) Compare(s *table.Snapshot) func(a, b *table.Row) int {
	value := o.values(s)
	return func(a, b *table.Row) int {
		if n := value(a, b); n != 0 {
			return n
		}
		return compareIDs(a.ID, b.ID)
	}
}

// keyed is a row and what it is sorted by: rows are many and far apart, so that looking at
// each for every comparison costs more than all else.
type keyed struct {
	missing bool
	value   int64
	row     *table.Row
	id      conn.ID
}

// Sort brings rows of s into the order of Compare.
func (o Order) Sort(s *table.Snapshot, rows []*table.Row) {
	if o.Column.Text != nil || o.Column.Addr != nil {
		slices.SortFunc(rows, o.Compare(s))
		return
	}
	all := make([]keyed, len(rows))
	for i, r := range rows {
		value, known := o.Column.Num(s, r)
		switch {
		case !known:
			value = 0
		case o.Desc:
			value = ^value // the other way round, the least one too
		}
		all[i] = keyed{!known, value, r, r.ID}
	}
	slices.SortFunc(all, func(a, b keyed) int {
		switch {
		case a.missing != b.missing:
			if a.missing {
				return 1
			}
			return -1
		case a.value != b.value:
			return cmp.Compare(a.value, b.value)
		}
		return compareIDs(a.id, b.id)
	})
	for i := range all {
		rows[i] = all[i].row
	}
}

func compareIDs(a, b conn.ID) int {
	if n := cmp.Compare(a.Host, b.Host); n != 0 {
		return n
	}
	if n := cmp.Compare(a.Cookie, b.Cookie); n != 0 {
		return n
	}
	return cmp.Compare(a.Serial, b.Serial)
}

func (o Order) values(s *table.Snapshot) func(a, b *table.Row) int {
	c := o.Column
	switch {
	case c.Text != nil:
		var x, y []byte
		return func(a, b *table.Row) int {
			var hasX, hasY bool
			x, hasX = c.Text(x[:0], s, a)
			y, hasY = c.Text(y[:0], s, b)
			return o.decide(hasX, hasY, bytes.Compare(x, y))
		}
	case c.Addr != nil:
		return func(a, b *table.Row) int {
			x, hasX := c.Addr(a)
			y, hasY := c.Addr(b)
			return o.decide(hasX, hasY, x.Compare(y))
		}
	}
	return func(a, b *table.Row) int {
		x, hasX := c.Num(s, a)
		y, hasY := c.Num(s, b)
		return o.decide(hasX, hasY, cmp.Compare(x, y))
	}
}

func (o Order) decide(hasX, hasY bool, n int) int {
	switch {
	case !hasX && !hasY:
		return 0
	case !hasX:
		return 1
	case !hasY:
		return -1
	case o.Desc:
		return -n
	}
	return n
}
