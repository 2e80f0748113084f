package diag

import (
	"time"

	"tcptop/internal/conn"
)

// maxRest is how rarely the owner of a socket is looked for that stands still and that
// nobody was found to hold, such as another user's.
const maxRest = 30 * time.Second

// checkPause is how often, where nobody looks for an owner, what is known of owners is
// looked over, if the cost allows.
const checkPause = int64(5 * time.Second)

// owners says when /proc is searched for the processes that hold sockets.
type owners struct {
	next  int64         // monotonic ns before which the cost forbids it
	due   bool          // a socket without an owner moved since the last search
	rest  time.Duration // how long those that stand still wait for the next search
	again int64         // monotonic ns of that search
	check int64         // monotonic ns at which owners are looked over
	held  held
}

// findOwners searches /proc: at once as far as the cost allows where a socket without an
// owner moved, after a rest where all such stand still, and now and then to look over
// what is believed (docs/owners.md).
func (s *sampler) findOwners() {
	o := &s.owners
	o.due = o.due || s.unownedMoved()
	wanted := o.due || s.now >= o.again && s.anyUnowned()
	if s.now < o.next || !wanted && s.now < o.check {
		return
	}
	if o.due {
		o.due, o.rest = false, 0
	}
	cost := costOf(func() {
		s.listHeld()
		o.held.search()
		for i := range o.held.list {
			s.settleOwner(&o.held.list[i])
		}
	})
	now := monotonic()
	o.next = now + min(costShare*cost, pause)
	o.check = now + max(costShare*cost, checkPause)
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

func (s *sampler) anyUnowned() bool {
	for _, sp := range s.spaces.all {
		for i := range sp.rows {
			if sp.rows[i].unowned() {
				return true
			}
		}
	}
	return false
}

// listHeld begins a search for the holders of all sockets.
func (s *sampler) listHeld() {
	s.owners.held.reset()
	for _, sp := range s.spaces.all {
		for i := range sp.rows {
			if r := &sp.rows[i]; r.inode != 0 && !r.small {
				s.owners.held.want(r.inode, holding{place: place{sp, int32(i)}, owner: r.Owner})
			}
		}
	}
}

// settleOwner gives a row the owner that a search found, and names it if that is news.
func (s *sampler) settleOwner(h *holding) {
	r := h.row()
	was, holders, has := r.Owner, r.Holders, r.Has
	if o := h.best(); o.PID != 0 {
		r.Owner = o
	}
	if s.seesAll {
		r.Holders, r.Has = h.n, r.Has|conn.HasHolders
	}
	if r.Owner != was || r.Holders != holders || r.Has != has {
		s.name(h.sp, h.pos)
	}
}

// Holders lists the processes that hold a socket now, as far as they may be looked into.
// It may be called while samples are taken.
func (d *Diag) Holders(id conn.ID) ([]conn.Owner, error) {
	inode := d.inodeOf(id)
	if inode == 0 {
		return nil, nil
	}
	var found []conn.Owner
	eachHolder(func(i uint32) bool { return i == inode }, func(_ uint32, o conn.Owner) {
		if len(found) == 0 || found[len(found)-1].PID != o.PID {
			found = append(found, o)
		}
	})
	return found, nil
}

func (d *Diag) inodeOf(id conn.ID) uint32 {
	d.taking.Lock()
	defer d.taking.Unlock()
	if d.sampler == nil {
		return 0
	}
	for _, sp := range d.sampler.spaces.all {
		if pos, ok := sp.index[key(id)]; ok && sp.rows[pos].ID == id {
			return sp.rows[pos].inode
		}
	}
	return 0
}
