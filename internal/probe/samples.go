package probe

import (
	"context"
	"iter"
	"slices"
	"sync/atomic"
	"time"

	"tcptop/internal/conn"
)

// flowGrace is how much longer than the timeout an idle flow keeps its place in
// the kernel: what comes back soon goes on with its old counters.
const flowGrace = 2 * time.Second

// sampler takes one sample after the other; its slices are used again each time.
type sampler struct {
	*Probe
	out     conn.Sample
	tick    uint64
	conns   room              // of out.Conns
	closed  room              // of out.Closed and the ring's queue, which change hands
	unowned map[uint32]orphan // live connections without an owner, by slot
	rest    time.Duration     // how long those that stand still wait for the next search
	again   int64             // monotonic ns of that search
	count   int64             // monotonic ns at which the kernel's statistics are asked for again
	lost    []string          // hooks that were found detached then
	began   bool              // a sample was taken
}

// orphan is a connection without an owner, and the tick that named it last.
type orphan struct{ cookie, named uint64 }

// statsEvery is how often they are, a call per program.
const statsEvery = int64(time.Second)

// maxRest is how rarely the owner of a connection is looked for that stands still
// and that nobody was found to hold, such as the kernel's own: as rarely as owners are
// looked over at least, so that it costs nothing more.
const maxRest = time.Duration(longestOwners)

// Samples is the conn.Source: the first sample at once, with all that was there
// before, then one per interval.
func (p *Probe) Samples(ctx context.Context) iter.Seq2[*conn.Sample, error] {
	return func(yield func(*conn.Sample, error) bool) {
		s := &sampler{Probe: p, unowned: map[uint32]orphan{}}
		s.out.Host, s.out.Origin = p.cfg.Host, conn.FromBPF
		s.fault(ownersPass.what, s.first())
		s.Run(ctx, &s.out, s.take)(yield)
	}
}

// first takes stock of what was there before the hooks.
func (s *sampler) first() error {
	if s.cfg.UDP {
		s.files.udp = udpHolders{}
	}
	err := s.files.run(s.slots)
	for cookie := range s.files.udp {
		s.flows.older[cookie] = struct{}{}
	}
	return err
}

// takeInventory looks for what no hook tells, as often as its cost allows.
func (s *sampler) takeInventory(now int64) {
	if !s.sockets.due(now) {
		return
	}
	var err error
	nameless := s.sockets.slotless.nameless
	s.out.Conns, s.out.Gone, err = s.sockets.run(s.slots.size, s.out.Conns, s.out.Gone)
	if s.sockets.slotless.nameless > nameless {
		s.rest, s.again = 0, 0 // as for one with a slot
	}
	s.sockets.restUntil(now, s.Interval())
	s.fault(tcpPass.what, err)
}

func (s *sampler) take() error {
	now := time.Now()
	mono := monotonic()
	s.tick++
	s.out.Time, s.out.Mono = now.UTC(), mono
	s.out.Conns, s.out.Closed, s.out.Gone = s.conns.next(s.out.Conns), s.closed.next(s.out.Closed), s.out.Gone[:0]
	if s.began {
		s.out.Faults = s.out.Faults[:0] // the first has those of its preparation
	}
	if s.cfg.TCP {
		if err := s.takeTCP(mono); err != nil {
			return err
		}
	} else {
		s.fault("new cgroups", s.ring.empty())
	}
	s.out.Cgroups = s.ring.takeCgroups(s.out.Cgroups[:0])
	if s.cfg.UDP {
		if !s.cfg.TCP && s.files.checkDue(mono) { // else it was done with TCP's
			s.fault(ownersPass.what, s.files.run(s.slots))
		}
		from, fromClosed := len(s.out.Conns), len(s.out.Closed)
		used := atomic.LoadUint64(&s.slots.counters.FlowsUsed)
		s.fault(ageFlows.what, s.flows.age(used))
		var err error
		s.out.Conns, s.out.Closed, err = s.flows.read(used, mono, s.cfg.UDPTimeout+flowGrace, s.out.Conns, s.out.Closed)
		s.fault(ageFlows.what, err)
		s.out.Conns, s.out.Closed, err = s.socks.take(s.files.n, s.out.Conns, s.out.Closed)
		s.fault("datagrams that UDP sockets dropped", err)
		s.files.udp.tell(s.out.Conns[from:])
		s.files.udp.tell(s.out.Closed[fromClosed:])
	}
	var err error
	s.out.DNS, s.out.Loss.DNSFull, err = s.dns.take()
	s.fault("the names that this host asks the DNS for", err)
	s.loss()
	s.began = true
	return nil
}

// takeTCP fails where the first sweep does, without which there is nothing.
func (s *sampler) takeTCP(now int64) error {
	if s.sockets.round == 0 { // the first sweep reads what it finds
		s.takeInventory(now)
	}
	changed, err := s.slots.sweep()
	if err != nil && !s.began {
		return err
	}
	s.fault(tcpTier.hooks[0].what, err)
	s.listens.stir(s.slots, changed)
	spaces := s.listens.look(s.sockets.spaces)
	searched := s.files.it == nil // nobody will be found
	if s.files.due(now) && (s.ownersWanted(changed, now) || s.files.checkDue(now)) {
		s.fault(ownersPass.what, s.files.run(s.slots))
		searched = true
		s.rest = min(max(2*s.rest, s.Interval()), maxRest)
		s.again = now + int64(s.rest)
	}
	s.out.Conns = slices.Grow(s.out.Conns, len(changed))
	for _, slot := range changed {
		s.takeSlot(slot, searched)
	}
	if searched {
		s.takeFound()
	}
	for _, slot := range s.listens.unnamed(spaces) {
		s.takeSlot(slot, searched)
	}
	var full uint64
	s.out.Closed, full, err = s.ring.take(s.out.Closed)
	s.fault("connections that ended", err)
	s.out.Loss.QueueFull = full
	s.out.Transitions, s.out.Loss.TransitionsFull, err = s.states.take() // after the ends: so all of each are there
	s.fault("changes of state", err)
	s.listens.closed(s.out.Closed)
	s.fault("how long connections wait at some listeners", s.listens.full())
	for i := range s.out.Closed {
		s.sockets.leave(&s.out.Closed[i], s.slots.size)
		s.sockets.slotless.left(s.out.Closed[i].ID.Cookie)
	}
	s.takeInventory(now) // after the closed rows, whose owners time-wait sockets inherit
	return nil
}

// ownersWanted reports whether a connection waits for its owner: one that moved, or
// after a rest one that stands still.
func (s *sampler) ownersWanted(changed []uint32, now int64) bool {
	for _, slot := range changed {
		if !s.slots.owned(slot) {
			s.rest = 0
			return true
		}
	}
	return (len(s.unowned) > 0 || s.sockets.slotless.nameless > 0) && now >= s.again
}

// takeSlot adds a slot that moved to the sample. A closed one without an owner
// waits until its owner was searched for.
func (s *sampler) takeSlot(slot uint32, searched bool) {
	switch s.slots.phase(slot) {
	case phaseOpen:
		s.out.Conns = append(s.out.Conns, conn.Conn{})
		c := &s.out.Conns[len(s.out.Conns)-1]
		if !s.slots.read(slot, c) {
			s.out.Conns = s.out.Conns[:len(s.out.Conns)-1]
			return
		}
		s.sockets.grown(c.ID)
		s.sockets.slotless.left(c.ID.Cookie)
		if c.State == conn.Listen {
			s.listens.fill(slot, c)
			s.sockets.ask(c)
		}
		if s.slots.owned(slot) {
			delete(s.unowned, slot)
		} else {
			if _, known := s.unowned[slot]; !known && !searched {
				s.rest, s.again = 0, 0 // it may stand still from now on: look for its owner as soon as that is due
			}
			s.unowned[slot] = orphan{c.ID.Cookie, s.tick}
		}
	case phasePending:
		if !searched && !s.slots.owned(slot) {
			return
		}
		s.out.Closed = append(s.out.Closed, conn.Conn{})
		if !s.slots.settle(slot, &s.out.Closed[len(s.out.Closed)-1]) {
			s.out.Closed = s.out.Closed[:len(s.out.Closed)-1]
		}
		delete(s.unowned, slot)
	}
}

// takeFound adds the connections that stood still but now have an owner.
func (s *sampler) takeFound() {
	for slot, of := range s.unowned {
		if of.named == s.tick {
			continue // a hook may have told since: once is enough
		}
		s.out.Conns = append(s.out.Conns, conn.Conn{})
		c := &s.out.Conns[len(s.out.Conns)-1]
		live := s.slots.read(slot, c) && c.ID.Cookie == of.cookie && s.slots.phase(slot) == phaseOpen
		found := live && s.slots.owned(slot)
		switch {
		case !found:
			s.out.Conns = s.out.Conns[:len(s.out.Conns)-1]
		case c.State == conn.Listen:
			s.listens.fill(slot, c)
		}
		if found || !live {
			delete(s.unowned, slot)
		}
	}
}

// loss brings the counters of what was not seen up to date.
func (s *sampler) loss() {
	n := s.slots.counters
	l := &s.out.Loss
	l.TableFull = atomic.LoadUint64(&n.TableFull)
	l.RingFull = atomic.LoadUint64(&n.RingFull)
	l.FlowsFull = atomic.LoadUint64(&n.FlowsFull)
	l.TransitionsFull += atomic.LoadUint64(&n.TransitionsFull)
	l.DNSFull += atomic.LoadUint64(&n.DnsFull)
	l.TotalsFull = atomic.LoadUint64(&n.TotalsFull)
	l.Stale = s.slots.stale
	if s.out.Mono >= s.count || s.out.Last {
		s.count = s.out.Mono + statsEvery
		s.out.Cost.ReadProcess(s.out.Mono)
		programs, skipped, err := s.meter.read(&s.out.Cost)
		s.out.Programs, l.Skipped = programs, max(l.Skipped, skipped)
		s.fault("events that found no hook", err)
		s.lost = s.lost[:0]
		for _, set := range s.sets {
			s.lost = append(s.lost, set.lost()...)
		}
	}
	s.out.Faults = append(s.out.Faults, s.lost...)
	s.sockets.missed(l)
	s.out.Totals = s.sockets.slotless.totals.Append(s.out.Totals[:0])
	if l.QueueFull > 0 {
		s.out.Totals = s.ring.ownTotals(s.out.Totals)
	}
	if l.RingFull > 0 || l.FlowsFull > 0 {
		var err error
		s.out.Totals, err = s.totals.append(s.out.Totals)
		s.fault("sums by owner and remote of what found no room", err)
	}
}
