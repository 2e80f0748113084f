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

// mini says when a small socket was first and last seen, in which state, and whether its
// owner is known.
type mini struct {
	id    conn.ID
	since int64 // monotonic ns
	round uint64
	netns uint32
	state conn.State
	owned bool
}

// minis are those that the last pass saw. They come and go by tens of thousands a second: a
// map grew from 12 to 33 MB in ten minutes of it, with 131,000 in it all the time.
type minis struct {
	rows  []mini // in no order
	index conn.Index
}

func newMinis() *minis {
	m := &minis{}
	m.index = conn.NewIndex(0, m.id)
	return m
}

func (m *minis) id(at uint32) conn.ID { return m.rows[at].id }

// find returns the small socket of that id until the next one comes or goes, or nil.
func (m *minis) find(id conn.ID) *mini {
	if at, known := m.index.Find(id); known {
		return &m.rows[at]
	}
	return nil
}

func (m *minis) add(s mini) {
	m.rows = append(m.rows, s)
	m.index.Put(s.id, uint32(len(m.rows)-1))
}

func (m *minis) remove(id conn.ID) {
	if at, known := m.index.Find(id); known {
		m.drop(int(at))
	}
}

// drop takes out the one at a place, where the last one takes its place.
func (m *minis) drop(at int) {
	m.index.Remove(m.rows[at].id)
	last := len(m.rows) - 1
	if at != last {
		m.index.Move(m.rows[last].id, uint32(at))
		m.rows[at] = m.rows[last]
	}
	m.rows = m.rows[:last]
}

// keep drops those that a pass has not seen and appends their ids to gone. The memory of a
// storm that is over goes back.
func (m *minis) keep(round uint64, gone []conn.ID) []conn.ID {
	for at := len(m.rows) - 1; at >= 0; at-- { // so that the one that takes its place was looked at
		if s := &m.rows[at]; s.round != round {
			gone = append(gone, s.id)
			m.drop(at)
		}
	}
	if cap(m.rows) > roomLeast && len(m.rows) < cap(m.rows)/8 {
		rows := m.rows
		m.rows, m.index = make([]mini, 0, 2*len(rows)), conn.NewIndex(2*len(rows), m.id)
		for _, s := range rows {
			m.add(s)
		}
	}
	return gone
}

func (p *socketPass) addMini(m *tcptopMini, limit int, conns []conn.Conn) []conn.Conn {
	if m.Slotless != 0 {
		p.slotless.add(m)
		return conns
	}
	var c conn.Conn
	decodeMini(&c, m)
	seen := p.minis.find(c.ID)
	if seen == nil && len(p.minis.rows) >= limit {
		return conns
	}
	if seen == nil || !seen.owned || seen.state != c.State { // else it is only counted as there
		p.inherit(&c)
	}
	owned := c.Owner.PID != 0
	if seen == nil {
		p.minis.add(mini{c.ID, p.began, p.round, c.NetNS, c.State, owned})
	} else {
		news := seen.state != c.State || owned && !seen.owned
		seen.round, seen.netns, seen.state, seen.owned = p.round, c.NetNS, c.State, owned || seen.owned
		if !news {
			return conns
		}
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
	p.minis.remove(id)
}
