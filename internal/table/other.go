package table

import (
	"iter"
	"math/bits"

	"tcptop/internal/conn"
)

// Other is the other end of the connection that r is one end of, as its own host
// measures it; nil where that is not known.
func (s *Snapshot) Other(r *Row) *Row {
	if s.others == nil {
		return s.kept[r.ID]
	}
	if int(r.Pos) >= len(s.others) || s.others[r.Pos] <= 0 || s.row(r.Pos).ID != r.ID {
		return nil
	}
	return s.row(s.others[r.Pos] - 1)
}

func (s *Snapshot) row(pos int32) *Row { return &s.pages[pos/pageRows].rows[pos%pageRows] }

// Keep has s, which has no rows of its own, know the other end of r in of.
func (s *Snapshot) Keep(of *Snapshot, r *Row) {
	o := of.Other(r)
	if o == nil {
		return
	}
	if s.kept == nil {
		s.kept = make(map[conn.ID]*Row)
	}
	end := *o
	s.kept[r.ID] = &end
}

// Ends yields every row that Rows does, and the ends that have none: those that are
// Other to one, and those whose connection's end was told before. shown tells them apart.
func (s *Snapshot) Ends() iter.Seq2[*Row, bool] {
	return func(yield func(r *Row, shown bool) bool) {
		for _, p := range s.Pages() {
			for r, shown := range p.Ends() {
				if !yield(r, shown) {
					return
				}
			}
		}
	}
}

// Ends is Snapshot.Ends of the page.
func (p Page) Ends() iter.Seq2[*Row, bool] {
	return func(yield func(r *Row, shown bool) bool) {
		for set := p.ends(); set != 0; set &= set - 1 {
			i := bits.TrailingZeros32(set)
			if !yield(&p.p.rows[i], p.p.shown&(1<<i) != 0) {
				return
			}
		}
	}
}

func (p Page) ends() uint32 {
	if p.both {
		return p.p.used
	}
	return p.p.shown
}
