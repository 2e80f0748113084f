package column

import (
	"bytes"
	"cmp"
	"strings"

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
		if n := cmp.Compare(a.ID.Host, b.ID.Host); n != 0 {
			return n
		}
		if n := cmp.Compare(a.ID.Cookie, b.ID.Cookie); n != 0 {
			return n
		}
		return cmp.Compare(a.ID.Serial, b.ID.Serial)
	}
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
