package conn

// Seats keep a T of each connection, found by its Seat without a search. A seat that
// another connection had before still has that one's T: whoever reads it compares. The
// zero value is empty.
type Seats[T any] struct {
	pages []*[seatsPage]T
}

const seatsPage = 1 << 10

// At is the T of a seat, the zero value where nothing was put there. It is good until
// Clear.
func (s *Seats[T]) At(seat uint32) *T {
	page := int(seat / seatsPage)
	if page >= len(s.pages) || s.pages[page] == nil {
		s.grow(page)
	}
	return &s.pages[page][seat%seatsPage]
}

func (s *Seats[T]) grow(page int) {
	if page >= len(s.pages) {
		s.pages = append(s.pages, make([]*[seatsPage]T, page+1-len(s.pages))...)
	}
	s.pages[page] = new([seatsPage]T)
}

// Clear empties them.
func (s *Seats[T]) Clear() { s.pages = nil }
