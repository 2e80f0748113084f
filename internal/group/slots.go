package group

import (
	"cmp"
	"slices"
	"time"
)

// slots are the groups that are told by name.
//
// A byte is counted once, when it comes, for its group's slot or for other, and stays
// there, so every counter only grows. A group that loses its place takes its sum along
// into retired. One that is new is shown at zero and counted in other until somebody has
// read that zero: a series whose first value is not zero has an increase that nobody sees.
type slots struct {
	cfg       Config
	named     map[Key]*slot
	other     slot
	retired   Traffic
	folded    Traffic // of other, what had no slot
	evictions uint64
	changes   []int64 // monotonic ns of the evictions of the last hour
	waiting   candidates
	wins      map[Key]int // windows in a row that a candidate has won
	window    int64       // monotonic ns when it began
}

// slot is one group's sums.
type slot struct {
	key    Key
	since  int64  // monotonic ns when it got its place
	read   bool   // somebody has read it
	score  uint64 // bytes per window, lately
	bytes  uint64 // in this window
	moved  Traffic
	opened uint64
	conns  uint64
	rtt    uint32
}

// candidatesPer is how many groups without a slot are told apart for each that has one.
const candidatesPer = 8

func newSlots(cfg Config) slots {
	return slots{cfg: cfg, named: make(map[Key]*slot), other: slot{key: Other, read: true}, waiting: newCandidates(cfg.Top * candidatesPer)}
}

func (s *slots) begin(now int64) { s.window = now }

// expose says that v may have been read.
func (s *slots) expose(v *View) {
	if v == nil || !v.read.Load() {
		return
	}
	for i := range v.Groups {
		if g := s.named[v.Groups[i].Key]; g != nil && g.since == v.Groups[i].since {
			g.read = true
		}
	}
}

// rest takes off what is true of a tick alone.
func (s *slots) rest() {
	for _, g := range s.named {
		g.conns, g.rtt = 0, 0
	}
	s.other.conns, s.other.rtt = 0, 0
}

// add counts what a group did in this tick.
func (s *slots) add(m *member) {
	bytes := m.moved.RxBytes + m.moved.TxBytes
	g := s.named[m.key]
	if g == nil {
		s.folded.Add(&m.moved)
		s.waiting.offer(m.key, bytes)
		s.other.count(m)
		s.other.show(m)
		return
	}
	g.bytes += bytes
	g.show(m)
	if g.read {
		g.count(m)
	} else {
		s.other.count(m)
	}
}

func (g *slot) count(m *member) {
	g.moved.Add(&m.moved)
	g.opened += m.opened
}

func (g *slot) show(m *member) {
	g.conns += m.conns
	g.rtt = max(g.rtt, m.rtt)
}

// compete gives away places: half of the free ones to those that moved most so far, and
// at the end of a window those of the weakest to whom beat them often enough.
func (s *slots) compete(now int64) {
	end := now-s.window >= int64(s.cfg.Window)
	free := s.cfg.Top - len(s.named)
	if !end && free == 0 {
		return
	}
	best := s.waiting.best()
	for n := (free + 1) / 2; n > 0 && len(best) > 0; n-- {
		s.admit(best[0], now)
		best = best[1:]
	}
	if !end {
		return
	}
	for _, g := range s.named {
		g.score, g.bytes = (g.score+g.bytes)/2, 0
	}
	s.challenge(best, now)
	s.waiting.clear()
	s.window = now
}

// challenge lets the candidates, the strongest first, win over the weakest slot.
func (s *slots) challenge(best []*candidate, now int64) {
	wins := make(map[Key]int)
	weak := s.weakest(now)
	for _, c := range best {
		if len(weak) == 0 || c.sure() <= weak[0].score {
			break
		}
		n := s.wins[c.key] + 1
		if n < s.cfg.Rounds || !s.mayChange(now) {
			wins[c.key] = n
			continue
		}
		s.evict(weak[0], now)
		weak = weak[1:]
		s.admit(c, now)
	}
	s.wins = wins
}

// weakest are the slots that have been there long enough to go, the weakest first.
func (s *slots) weakest(now int64) (all []*slot) {
	for _, g := range s.named {
		if now-g.since >= int64(s.cfg.Residency) {
			all = append(all, g)
		}
	}
	slices.SortFunc(all, func(a, b *slot) int {
		return cmp.Or(cmp.Compare(a.score, b.score), cmp.Compare(b.since, a.since), compareKeys(a.key, b.key))
	})
	return all
}

func (s *slots) mayChange(now int64) bool {
	s.changes = slices.DeleteFunc(s.changes, func(at int64) bool { return now-at >= int64(time.Hour) })
	return len(s.changes) < s.cfg.Replacements
}

func (s *slots) admit(c *candidate, now int64) {
	s.named[c.key] = &slot{key: c.key, since: now, score: c.sure()}
	s.waiting.drop(c.key)
}

func (s *slots) evict(g *slot, now int64) {
	s.retired.Add(&g.moved)
	delete(s.named, g.key)
	s.evictions++
	s.changes = append(s.changes, now)
}

func compareKeys(a, b Key) int {
	return cmp.Or(cmp.Compare(a.Process, b.Process), cmp.Compare(a.Workload, b.Workload), cmp.Compare(a.Peer, b.Peer),
		cmp.Compare(a.Port, b.Port), cmp.Compare(a.Proto, b.Proto), cmp.Compare(a.Role, b.Role))
}
