package diag

import (
	"time"

	"tcptop/internal/conn"
)

// maxRest is how rarely the owner of a socket is looked for that stands still and that
// nobody was found to hold, such as another user's.
const maxRest = 30 * time.Second

// owners says when /proc is searched for the processes that hold sockets.
type owners struct {
	next   int64            // monotonic ns before which the cost forbids it
	due    bool             // a socket without an owner moved since the last search
	rest   time.Duration    // how long those that stand still wait for the next search
	again  int64            // monotonic ns of that search
	wanted map[uint32]place // by inode: sockets without an owner, during a search
}

// findOwners looks for the processes of sockets that have none: at once as far as the
// cost allows where such a socket moved, after a rest where all stand still.
func (s *sampler) findOwners() {
	o := &s.owners
	o.due = o.due || s.unownedMoved()
	if s.now < o.next || !o.due && s.now < o.again {
		return
	}
	if o.due {
		o.due, o.rest = false, 0
	}
	if o.wanted == nil {
		o.wanted = map[uint32]place{}
	}
	clear(o.wanted)
	cost := costOf(func() {
		s.wantOwners()
		if len(o.wanted) > 0 {
			holders(o.wanted, s.give)
		}
	})
	o.next = monotonic() + min(costShare*cost, pause)
	o.rest = min(max(2*o.rest, s.Interval()), maxRest)
	o.again = s.now + int64(o.rest)
}

func (s *sampler) unownedMoved() bool {
	for _, p := range s.moved {
		if p.row().unowned() {
			return true
		}
	}
	return false
}

func (s *sampler) wantOwners() {
	for _, sp := range s.spaces.all {
		for i := range sp.rows {
			if r := &sp.rows[i]; r.unowned() {
				s.owners.wanted[r.inode] = place{sp, int32(i)}
			}
		}
	}
}

// give makes a process the owner of a row.
func (s *sampler) give(p place, owner conn.Owner) {
	p.row().Owner = owner
	s.name(p.sp, p.pos)
}
