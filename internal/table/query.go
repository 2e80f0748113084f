package table

import (
	"cmp"
	"container/heap"
	"slices"

	"tcptop/internal/conn"
)

// Query returns the rows that match, in the order of compare, at most limit of
// them. A nil match is every row, a nil compare the order of Rows, limit 0 no
// limit. Rows that compare equal are ordered by ID.
func (s *Snapshot) Query(match func(*Row) bool, compare func(a, b *Row) int, limit int) []*Row {
	if limit <= 0 || limit > s.len {
		limit = s.len
	}
	if limit == 0 {
		return nil
	}
	best := selection{compare: compare}
	if match == nil || limit < s.len {
		best.rows = make([]*Row, 0, limit)
	}
	for r := range s.Rows() {
		if match != nil && !match(r) {
			continue
		}
		if !best.take(r, limit) {
			break
		}
	}
	if compare != nil {
		slices.SortFunc(best.rows, best.order)
	}
	return best.rows
}

// selection holds the best rows seen so far. Once it is full it is a heap with
// the worst of them on top, so that most rows cost one comparison.
type selection struct {
	rows    []*Row
	compare func(a, b *Row) int
	ordered bool // rows is a heap
}

// take offers r; it returns false when no later row can be better.
func (h *selection) take(r *Row, limit int) bool {
	switch {
	case len(h.rows) < limit:
		h.rows = append(h.rows, r)
		return true
	case h.compare == nil:
		return false
	case !h.ordered:
		heap.Init(h)
		h.ordered = true
	}
	if h.order(r, h.rows[0]) < 0 {
		h.rows[0] = r
		heap.Fix(h, 0)
	}
	return true
}

func (h *selection) order(a, b *Row) int {
	if c := h.compare(a, b); c != 0 {
		return c
	}
	return compareID(a.ID, b.ID)
}

func compareID(a, b conn.ID) int {
	return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Cookie, b.Cookie), cmp.Compare(a.Serial, b.Serial))
}

func (h *selection) Len() int           { return len(h.rows) }
func (h *selection) Less(i, j int) bool { return h.order(h.rows[i], h.rows[j]) > 0 }
func (h *selection) Swap(i, j int)      { h.rows[i], h.rows[j] = h.rows[j], h.rows[i] }
func (h *selection) Push(any)           {} // rows are appended before the heap is made
func (h *selection) Pop() any           { return nil }
