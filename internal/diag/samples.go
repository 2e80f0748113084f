package diag

import (
	"context"
	"iter"
	"time"

	"tcptop/internal/conn"
)

// sampler takes one sample after the other; its slices are used again each time.
type sampler struct {
	*Diag
	out    conn.Sample
	now    int64  // monotonic ns of the tick
	round  uint32 // of the tick; the first is 1
	spaces *spaces
	owners owners
	moved  []place     // of rows that this sample names
	second reading     // of a socket that was asked for again
	kept   [2]int      // rows in all spaces: of sockets with counters and of small ones
	full   [2]int      // sockets that found no room: in this tick and in the one before
	unseen conn.Totals // those of this tick
}

// place is where a row is, until its namespace's rows change.
type place struct {
	sp  *space
	pos int32
}

func (p place) row() *row { return &p.sp.rows[p.pos] }

// Samples is the conn.Source: the first sample at once, with all that was there
// before, then one per interval.
func (d *Diag) Samples(ctx context.Context) iter.Seq2[*conn.Sample, error] {
	return func(yield func(*conn.Sample, error) bool) {
		s := &sampler{Diag: d, spaces: newSpaces()}
		s.out.Host, s.out.Origin = d.cfg.Host, conn.FromDiag
		d.taking.Lock()
		d.sampler = s
		d.taking.Unlock()
		s.Run(ctx, &s.out, s.take)(yield)
	}
}

func (s *sampler) take() error {
	s.taking.Lock()
	defer s.taking.Unlock()
	s.begin(monotonic(), time.Now())
	for _, sp := range s.spaces.find(s.roams, s.now) {
		s.drop(sp)
	}
	for _, sp := range s.spaces.all {
		if err := s.visit(sp); err != nil {
			return err
		}
	}
	s.findOwners()
	s.finish()
	if s.now >= s.out.Cost.Mono+int64(time.Second) || s.out.Last {
		s.out.Cost.ReadProcess(s.now)
	}
	return nil
}

func (s *sampler) begin(mono int64, at time.Time) {
	s.now = mono
	s.round++
	s.out.Time, s.out.Mono = at.UTC(), mono
	s.out.Conns, s.out.Closed, s.out.Gone = s.out.Conns[:0], s.out.Closed[:0], s.out.Gone[:0]
	s.moved, s.out.Faults = s.moved[:0], s.out.Faults[:0]
	s.full = [2]int{0, s.full[0]}
	s.unseen.Clear()
}

// finish copies the rows that moved, once their owners are known.
func (s *sampler) finish() {
	for _, p := range s.moved {
		if r := p.row(); r.named == s.round {
			s.out.Conns = append(s.out.Conns, r.Conn)
		}
	}
	s.out.Totals = s.unseen.Append(s.out.Totals[:0])
	s.out.Loss.RowsFull += uint64(max(s.full[0]-s.full[1], 0))
}

// name puts a row into this sample, once.
func (s *sampler) name(sp *space, pos int32) {
	r := &sp.rows[pos]
	if r.named != s.round {
		r.named = s.round
		s.moved = append(s.moved, place{sp, pos})
	}
}
