// Package filter is the filter language, the same in the command line, after / on
// the screen and in replay: docs/filter.md describes it for users.
//
// A source is parsed once against the list of fields, checked for types, and
// becomes predicates that allocate nothing per row. Source length, nesting, and
// the size of regular expressions (RE2, so linear in time) are bounded.
package filter

import (
	"strings"

	"tcptop/internal/column"
	"tcptop/internal/table"
)

// Bounds on a filter's source.
const (
	MaxSource = 4096 // bytes
	MaxDepth  = 64   // of parentheses and not
)

// Filter is a parsed filter. It never changes and may be used by several
// goroutines. The nil Filter and the zero Filter match every row.
type Filter struct {
	root node // nil matches all
	runs bool
}

// Parse reads a filter; an empty one matches every row. The error is an *Error.
func Parse(src string, cols *column.List) (*Filter, error) {
	p := &parser{lexer: lexer{src: src}, cols: cols}
	if len(src) > MaxSource {
		return nil, tooLong(src)
	}
	if p.space(); p.atEnd() {
		return &Filter{}, nil
	}
	root, err := p.or(0)
	if err != nil {
		return nil, err
	}
	if !p.atEnd() {
		return nil, p.errorAt(p.pos, 1, `")" without its "("`)
	}
	return &Filter{root: root, runs: p.runs}, nil
}

// And returns the filter that matches where all of fs do.
func And(fs ...*Filter) *Filter {
	var all and
	runs := false
	for _, f := range fs {
		if f != nil && f.root != nil {
			all, runs = append(all, f.root), runs || f.runs
		}
	}
	switch len(all) {
	case 0:
		return &Filter{}
	case 1:
		return &Filter{root: all[0], runs: runs}
	}
	return &Filter{root: all, runs: runs}
}

// Or returns the filter that matches where any of fs does.
func Or(fs ...*Filter) *Filter {
	var either or
	runs := false
	for _, f := range fs {
		if f == nil || f.root == nil {
			return &Filter{}
		}
		either, runs = append(either, f.root), runs || f.runs
	}
	switch len(either) {
	case 0:
		return &Filter{}
	case 1:
		return &Filter{root: either[0], runs: runs}
	}
	return &Filter{root: either, runs: runs}
}

// Match returns the filter as a predicate on rows of s. Each of its comparisons holds of a
// row with both ends of a connection if it does of either; one with != or !~ if it does of
// both. The predicate allocates only while its buffer grows, and is not for use by several
// goroutines at once.
func (f *Filter) Match(s *table.Snapshot) func(*table.Row) bool { return f.predicate(s, false) }

// MatchEnd is Match where a row is one end alone.
func (f *Filter) MatchEnd(s *table.Snapshot) func(*table.Row) bool { return f.predicate(s, true) }

func (f *Filter) predicate(s *table.Snapshot, alone bool) func(*table.Row) bool {
	if f == nil || f.root == nil {
		return func(*table.Row) bool { return true }
	}
	m := &matcher{snap: s, buf: make([]byte, 0, 128), alone: alone}
	return func(r *table.Row) bool { return f.root.match(m, r) }
}

// Empty reports whether the filter matches every row because it says nothing.
func (f *Filter) Empty() bool { return f == nil || f.root == nil }

// Runs reports whether a row may come to match, or no longer, though it does not change:
// a field goes on with time.
func (f *Filter) Runs() bool { return f != nil && f.runs }

// String returns the filter in its canonical form, which parses to an equal one.
func (f *Filter) String() string {
	if f.Empty() {
		return ""
	}
	var b strings.Builder
	f.root.write(&b)
	return b.String()
}
