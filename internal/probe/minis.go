package probe

import (
	"slices"

	"tcptop/internal/conn"
)

// Minis are time-wait and syn-recv sockets: they have no counters, and no hook tells of them.

// heir is what a time-wait socket keeps of its connection.
type heir struct {
	owner  conn.Owner
	uid    uint32
	dir    conn.Dir
	cgroup uint64
}

// sighting says when a small socket was first and last seen, in which state, and whether
// its owner is known.
type sighting struct {
	since int64 // monotonic ns
	round uint64
	netns uint32
	state conn.State
	owned bool
}

func (p *socketPass) addMini(m *tcptopMini, limit int, conns []conn.Conn) []conn.Conn {
	if m.Slotless != 0 {
		p.slotless.add(m)
		return conns
	}
	var c conn.Conn
	decodeMini(&c, m)
	seen, known := p.minis[c.ID]
	if !known && len(p.minis) >= limit {
		return conns
	}
	if !seen.owned || seen.state != c.State { // else it is only counted as there
		p.inherit(&c)
	}
	news := !known || seen.state != c.State || !seen.owned && c.Owner.PID != 0
	if !known {
		seen.since = p.began
	}
	p.minis[c.ID] = sighting{seen.since, p.round, c.NetNS, c.State, seen.owned || c.Owner.PID != 0}
	if !news {
		return conns
	}
	if len(conns) == cap(conns) { // they may be many at once: append alone would copy each four times
		conns = slices.Grow(conns, len(conns)+1)
	}
	return append(conns, c)
}

// inherit gives a time-wait socket the owner that its connection had.
func (p *socketPass) inherit(c *conn.Conn) {
	if c.ID.Serial != conn.TimeWaitSerial {
		return
	}
	h, ok := p.left[c.ID.Cookie]
	if !ok {
		h, ok = p.leftBefore[c.ID.Cookie]
	}
	if ok {
		c.Owner, c.UID, c.Dir, c.Cgroup = h.owner, h.uid, h.dir, h.cgroup
		c.Has |= conn.HasUID | conn.HasCgroup
	}
}

// leave notes whose a connection was that may go on as a time-wait socket, until
// the next pass has looked.
func (p *socketPass) leave(c *conn.Conn, limit int) {
	if c.Proto == conn.TCP && c.Reason == conn.FinLocal && len(p.left) < limit {
		p.left[c.ID.Cookie] = heir{c.Owner, c.UID, c.Dir, c.Cgroup}
		p.want(c.NetNS)
	}
}

// grown takes a syn-recv socket that became a connection off the list: it has a
// slot now, under the same cookie (inet_csk_clone_lock hands it on).
func (p *socketPass) grown(id conn.ID) {
	if len(p.minis) > 0 {
		delete(p.minis, id)
	}
}
