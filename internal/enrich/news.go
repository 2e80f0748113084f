package enrich

import (
	"time"

	"tcptop/internal/conn"
)

// learn takes the paths of new cgroups, which may be gone by now.
func (e *Enricher) learn(made []conn.Cgroup) {
	for _, c := range made {
		s, met := e.spots[c.ID]
		if !met {
			if len(e.spots) >= maxPlaces {
				e.forget()
			}
			s = &spot{}
			e.spots[c.ID] = s
		}
		if s.path == "" {
			e.settle(s, c.Path)
			e.dirty = e.dirty || met
		}
	}
}

// lookForSpaces has the names of network namespaces read when there are new ones.
func (e *Enricher) lookForSpaces(now int64) {
	due := now >= e.lookAt
	if !due && !e.strange {
		return
	}
	stamp := stampOf(e.netns)
	if due {
		e.lookAt = now + spacesEvery
	}
	if stamp == e.stamp && (!e.strange || !due) {
		return
	}
	e.stamp, e.strange = stamp, false
	e.clerk.wantSpaces()
}

// catchUp takes in what the clerk and the runtimes have found.
func (e *Enricher) catchUp(s *conn.Sample) {
	f, refused := e.clerk.take()
	s.Loss.Unnamed = refused
	if f.none() {
		return
	}
	e.dirty = true
	for id, path := range f.paths {
		if s := e.spots[id]; s != nil && s.path == "" && path != "" {
			e.settle(s, path)
		}
	}
	for i := range f.boxes {
		e.boxes.add(&f.boxes[i])
	}
	if len(f.boxes) > 0 {
		e.nameAll()
	}
	for key, of := range e.places {
		if legacy, ok := f.procs[key.process]; ok && legacy != nil {
			e.name(legacy)
			of.legacy = legacy
			e.meet(key.netns, of.best())
		}
	}
	for netns, l := range f.links {
		if of := e.spaces[netns]; of != nil {
			of.links = l
		}
	}
	if f.spaces != nil {
		e.runNames = f.spaces
		for inode, of := range e.spaces {
			of.name = f.spaces[inode]
		}
	}
}

// nameAll asks for the containers of all cgroups again.
func (e *Enricher) nameAll() {
	for _, s := range e.spots {
		e.name(s)
	}
	for _, of := range e.places {
		if of.legacy != nil {
			e.name(of.legacy)
		}
	}
}

// rebuild brings every Place up to date that may have changed.
func (e *Enricher) rebuild(now int64) {
	if e.dirty { // a cgroup may have turned out to be a container's
		for key, of := range e.places {
			e.meet(key.netns, of.best())
		}
	}
	for key, of := range e.places {
		if _, changed := e.changed[key.netns]; changed || e.dirty {
			e.build(of, now)
		}
	}
	clear(e.changed)
	e.dirty = false
}

// awaitFirst waits a moment for what was there before.
func (e *Enricher) awaitFirst() {
	limit := time.NewTimer(firstWait)
	defer limit.Stop()
	select {
	case <-e.listed:
	case <-limit.C:
		return
	}
	e.clerk.await(limit.C)
}
