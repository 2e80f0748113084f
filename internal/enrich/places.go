package enrich

import (
	"tcptop/internal/conn"
	"tcptop/internal/place"
)

// spot is one cgroup. A path of "" is not known yet, or never will be.
type spot struct {
	path string
	loc  place.Location
	box  conn.Container // as its runtime has it, as far as that is known
}

// placeKey is all that a Place follows from. The process counts only on hosts with
// cgroup v1 hierarchies, and only where the v2 one names no container.
type placeKey struct {
	cgroup     uint64
	process    process
	uid, netns uint32
	link       uint32    // index of the network device
	laddr      conn.Addr // in whose place counts until that can be known
	has        conn.Has  // of placeHas
}

const placeHas = conn.HasUID | conn.HasCgroup

// entry is the newest Place of a key; nil where nothing can be known.
type entry struct {
	key     placeKey
	place   *conn.Place
	cgroup  *spot // nil is none
	legacy  *spot // of the process, in a v1 hierarchy; nil is none, or nothing
	retry   int64 // when to ask again for the user's name; 0 is never
	through bool  // the process has to be asked: this entry is for those that are not known
}

// space is a network namespace: its name by ip-netns(8), and who alone is in it.
type space struct {
	name   string
	holder *spot
	shared bool // by containers that are not of one pod
	links  *links
	looked int64 // monotonic ns of when its devices were asked for
}

// known is what a connection was named by when it was last named.
type known struct {
	place *entry
	facts *facts
}

// fill gives c its Place and its Process.
func (e *Enricher) fill(c *conn.Conn, now int64) {
	var k *known
	if c.Seat != 0 {
		k = e.known.At(c.Seat)
	} else {
		k = &e.last
	}
	if c.Place == nil {
		if c.Ifindex == 0 {
			c.Ifindex = e.linkOf(c)
		}
		if k.place == nil || !k.place.isOf(c) {
			k.place = e.find(c, now)
		}
		if k.place.retry != 0 && now >= k.place.retry {
			e.build(k.place, now)
		}
		c.Place = k.place.place
	}
	if c.Process == nil && c.Owner.PID != 0 {
		k.facts = e.owners.fill(c, k.facts, now)
	}
}

// find looks up the entry of c.
func (e *Enricher) find(c *conn.Conn, now int64) *entry {
	key := placeKey{uid: c.UID, cgroup: c.Cgroup, netns: c.NetNS, link: c.Ifindex, has: c.Has & placeHas}
	if of := e.spaces[c.NetNS]; c.Ifindex == 0 && (of == nil || of.links == nil) {
		key.laddr = c.Laddr
	}
	found := e.entry(key, now)
	if found.through && c.Owner.PID != 0 {
		key.process = process{c.Owner.PID, c.Owner.Start}
		found = e.entry(key, now)
	}
	return found
}

// isOf reports whether e is what find would find for c.
func (e *entry) isOf(c *conn.Conn) bool {
	k := &e.key
	if k.cgroup != c.Cgroup || k.uid != c.UID || k.netns != c.NetNS || k.link != c.Ifindex || k.has != c.Has&placeHas {
		return false
	}
	if k.laddr != (conn.Addr{}) && k.laddr != c.Laddr {
		return false
	}
	if k.process == (process{}) {
		return !e.through || c.Owner.PID == 0
	}
	return k.process == process{c.Owner.PID, c.Owner.Start}
}

func (e *Enricher) entry(key placeKey, now int64) *entry {
	if found, ok := e.places[key]; ok {
		return found
	}
	if len(e.places) >= maxPlaces {
		e.forget()
	}
	found := &entry{key: key}
	e.places[key] = found
	if key.has&conn.HasCgroup != 0 {
		found.cgroup = e.spot(key.cgroup)
	}
	found.through = e.cgroups.v1 && key.process == (process{}) && (found.cgroup == nil || !found.cgroup.loc.HasContainer())
	if key.process != (process{}) {
		e.clerk.wantProcess(key.process)
	}
	e.meet(key.netns, found.best())
	e.build(found, now)
	return found
}

// forget empties the caches. Rows keep the places that they have.
func (e *Enricher) forget() {
	clear(e.places)
	clear(e.spots)
	clear(e.spaces)
	clear(e.changed)
	e.forgetKnown()
}

func (e *Enricher) forgetKnown() {
	e.known.Clear()
	e.last = known{}
}

// spot is the cgroup of an id. Its path is there at once if the kernel gives it.
func (e *Enricher) spot(id uint64) *spot {
	s, ok := e.spots[id]
	if ok {
		return s
	}
	s = &spot{}
	e.spots[id] = s
	if e.asked++; e.asked <= maxAsked {
		if path, gone := e.cgroups.byID(id); path != "" || gone {
			e.settle(s, path)
			return s
		}
	}
	e.clerk.wantPath(id)
	return s
}

// maxAsked bounds what one tick asks the kernel for itself: 4 ms.
const maxAsked = 512

// settle makes the path of a spot known.
func (e *Enricher) settle(s *spot, path string) {
	s.path, s.loc = path, place.Parse(path)
	e.name(s)
}

// name puts down what the runtimes say of a spot's container.
func (e *Enricher) name(s *spot) {
	s.box = conn.Container{}
	if c := e.boxes.find(s); c != nil {
		s.box = *c
	} else if s.loc.ID != "" && s.loc.Name == "" {
		e.want()
	}
}

// best is the spot that says most; nil is none.
func (e *entry) best() *spot {
	if e.legacy != nil && (e.cgroup == nil || e.legacy.loc.SaysMore(&e.cgroup.loc)) {
		return e.legacy
	}
	return e.cgroup
}

// build brings the Place of an entry up to date and tells of it if it had another one.
func (e *Enricher) build(of *entry, now int64) {
	key := &of.key
	p := conn.Place{NetNS: e.spaceName(key.netns), Iface: e.linkName(key, now)}
	of.retry = 0
	if key.has&conn.HasUID != 0 {
		if p.User = e.user(key.uid, now); p.User == "" {
			of.retry = e.users[key.uid].at + retryAfter
		}
	}
	s := of.best()
	if s != nil {
		p.Cgroup, p.Unit, p.Slice, p.Session = s.path, s.loc.Unit, s.loc.Slice, s.loc.Session
		p.ContainerID, p.Container = s.loc.ID, s.loc.Name
		s.addBox(&p)
	}
	switch was := of.place; {
	case was != nil && *was == p:
	case was != nil:
		of.place = &p
		e.news = append(e.news, conn.PlaceChange{Was: was, Is: of.place})
	case p != (conn.Place{}) || s != nil || key.netns != 0:
		of.place = &p // one that says nothing yet, so that it can be replaced
	}
}

// addBox adds what the runtime says of the spot's container.
func (s *spot) addBox(p *conn.Place) {
	b := &s.box
	p.Image, p.Pod, p.Namespace = b.Image, b.Pod, b.Namespace
	if b.ID != "" {
		p.ContainerID = b.ID
	}
	if b.Name != "" {
		p.Container = b.Name
	}
}

// meet notes that a cgroup has sockets in a network namespace.
func (e *Enricher) meet(netns uint32, s *spot) {
	if netns == 0 {
		return
	}
	of := e.spaces[netns]
	if of == nil {
		of = &space{name: e.runNames[netns]}
		e.spaces[netns] = of
		e.strange = e.strange || of.name == ""
		e.clerk.wantLinks(netns)
	}
	if s == nil || e.own[netns] || s.box.ID == "" && s.loc.ID == "" || of.holder == s {
		return
	}
	if of.holder != nil {
		shared := of.shared || of.holder.pod() == "" || of.holder.pod() != s.pod()
		if shared == of.shared {
			return
		}
		of.shared = shared
	} else {
		of.holder = s
	}
	e.changed[netns] = struct{}{}
}

// linkOf is the device of a connection that no source has told the device of.
func (e *Enricher) linkOf(c *conn.Conn) uint32 {
	of := e.spaces[c.NetNS]
	switch {
	case c.Laddr.Netip().IsLoopback():
		return loopback
	case of == nil || of.links == nil:
		return 0
	}
	return of.links.of(c.Laddr, c.Raddr)
}

// linkName is the name of a device; if there is none by that index, or had been none, its
// namespace is looked at again.
func (e *Enricher) linkName(key *placeKey, now int64) string {
	of := e.spaces[key.netns]
	if of == nil || of.links == nil {
		return ""
	}
	link := key.link
	if link == 0 {
		link = of.links.addrs[key.laddr]
	}
	name := of.links.names[link]
	if name == "" && link != 0 && now-of.looked >= linksAgain {
		of.looked = now
		e.clerk.wantLinks(key.netns)
	}
	return name
}

// lookAtLinks has the devices of all namespaces read again once in a while.
func (e *Enricher) lookAtLinks(now int64) {
	if now < e.linksAt {
		return
	}
	e.linksAt = now + linksEvery
	for netns, of := range e.spaces {
		of.looked = now
		e.clerk.wantLinks(netns)
	}
}

// pod tells the pods of two spots apart; "" is none.
func (s *spot) pod() string {
	if s.loc.PodUID != "" {
		return s.loc.PodUID
	}
	return s.box.PodUID
}

func (e *Enricher) spaceName(netns uint32) string {
	of := e.spaces[netns]
	switch {
	case of == nil:
		return ""
	case of.name != "" || of.holder == nil:
		return of.name
	case of.holder.box.Pod != "":
		return of.holder.box.Pod
	case of.shared:
		return ""
	case of.holder.box.Name != "":
		return of.holder.box.Name
	}
	return of.holder.loc.Name
}
