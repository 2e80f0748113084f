package filter

import (
	"strings"

	"tcptop/internal/table"
)

// node is one part of a filter.
type node interface {
	match(m *matcher, r *table.Row) bool
	write(b *strings.Builder)
}

// matcher is what one predicate needs while it looks at rows.
type matcher struct {
	snap  *table.Snapshot
	buf   []byte // scratch for text
	alone bool   // a row is one end, whatever its other one is
}

// either asks a row, and where it stands for both ends of a connection the other end, too.
func (m *matcher) either(t test, r *table.Row) bool {
	if t(m, r) {
		return true
	}
	if m.alone {
		return false
	}
	o := m.snap.Other(r)
	return o != nil && t(m, o)
}

type (
	and []node
	or  []node
	not struct{ of node }
)

func (n and) match(m *matcher, r *table.Row) bool {
	for _, of := range n {
		if !of.match(m, r) {
			return false
		}
	}
	return true
}

func (n or) match(m *matcher, r *table.Row) bool {
	for _, of := range n {
		if of.match(m, r) {
			return true
		}
	}
	return false
}

func (n not) match(m *matcher, r *table.Row) bool { return !n.of.match(m, r) }

func (n and) write(b *strings.Builder) {
	for i, of := range n {
		if i > 0 {
			b.WriteString(" and ")
		}
		_, isAnd := of.(and)
		_, isOr := of.(or)
		writeNested(b, of, isAnd || isOr)
	}
}

func (n or) write(b *strings.Builder) {
	for i, of := range n {
		if i > 0 {
			b.WriteString(" or ")
		}
		_, isOr := of.(or)
		writeNested(b, of, isOr)
	}
}

func (n not) write(b *strings.Builder) {
	b.WriteString("not ")
	_, isAnd := n.of.(and)
	_, isOr := n.of.(or)
	writeNested(b, n.of, isAnd || isOr)
}

func writeNested(b *strings.Builder, n node, parentheses bool) {
	if !parentheses {
		n.write(b)
		return
	}
	b.WriteByte('(')
	n.write(b)
	b.WriteByte(')')
}

// test is what a comparison or word asks of a row.
type test func(m *matcher, r *table.Row) bool

// comparison is a field, an operator and its values.
type comparison struct {
	name  string // the field's own name, or port or addr
	op    op
	items []item
	test  test // of the operator without its negation
}

// match takes != and !~ as the negation of = and ~, so a missing value, which
// equals nothing, is unequal to everything.
func (n *comparison) match(m *matcher, r *table.Row) bool {
	return m.either(n.test, r) != n.op.negated()
}

func (n *comparison) write(b *strings.Builder) {
	b.WriteString(n.name)
	if n.op == opIn {
		b.WriteString(" in ")
	} else {
		b.WriteString(string(n.op))
	}
	for i, it := range n.items {
		if i > 0 {
			b.WriteByte(',')
		}
		it.write(b)
	}
}

// word is text to look for anywhere in a row.
type word struct {
	item item
	test test
}

func (n *word) match(m *matcher, r *table.Row) bool { return m.either(n.test, r) }
func (n *word) write(b *strings.Builder)            { n.item.write(b) }
