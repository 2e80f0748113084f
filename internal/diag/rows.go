package diag

import (
	"tcptop/internal/conn"
)

// row is a socket as of the last dump that had it.
type row struct {
	conn.Conn
	round    uint32 // of that dump
	named    uint32 // round of the last sample that names it
	inode    uint32
	family   uint8
	small    bool
	left     bool // its time-wait socket has been seen: our side closed it
	doubted  bool // RxBytes may have the FIN in it (settle)
	sent     uint64
	received uint64
}

// unowned reports whether a process may yet be found that holds the socket.
func (r *row) unowned() bool { return r.Owner.PID == 0 && r.inode != 0 && !r.small }

// mayBeSkipped reports whether a dump may have passed over the socket though it is
// there. The kernel notes where a datagram of a dump ends as a number within a hash
// bucket (inet_diag_dump_icsk, net/ipv4/inet_diag.c), so that one is skipped when
// another before it goes. A listener's bucket hardly changes; a UDP socket or a small
// one can't be asked for reliably.
func (r *row) mayBeSkipped() bool {
	return r.Proto == conn.TCP && !r.small && !r.left && r.Dir != conn.DirListen
}

// key is where a socket is in the index: its cookie, and a time-wait socket apart from
// the connection that it was.
func key(id conn.ID) uint64 { return id.Cookie | id.Serial&conn.TimeWaitSerial }

// fold takes one socket of a dump in, which was read at a moment in monotonic ns.
func (s *sampler) fold(sp *space, proto conn.Proto, msg []byte, at int64) {
	r := &s.spaces.reading
	if !r.decode(msg, proto, uint32(sp.inode)) {
		s.out.Loss.Stale++
		return
	}
	if proto == conn.TCP && r.State == conn.Closed {
		return // it ended just now, and the counters may have the FIN or not
	}
	r.Sampled = at
	sp.note(r, s.round)
	if r.idle != noIdle {
		r.LastActive = max(s.now-int64(r.idle)*1e6, 0)
	}
	pos, known := sp.index[key(r.ID)]
	if known && sp.rows[pos].replacedBy(r) {
		s.replace(sp, pos, r)
		return
	}
	if !known {
		s.add(sp, r, s.openedNow(sp))
		return
	}
	if r.mayHaveFIN(sp.rows[pos].received) {
		sp.doubt(pos)
	}
	if sp.rows[pos].update(r, s) {
		s.name(sp, pos)
	}
}

// openedNow is the tick's time if a socket that is new to a namespace has come since
// the last tick, or 0 where that is not known.
func (s *sampler) openedNow(sp *space) int64 {
	if sp.whole != 0 && sp.whole == s.round-1 && s.full[1] == 0 {
		return s.now
	}
	return 0
}

func (s *sampler) add(sp *space, r *reading, opened int64) {
	if *s.count(r.small) >= s.cfg.MaxConns {
		s.full[0]++
		t := s.unseen.At(s.unseen.Place(conn.TotalOf(&r.Conn)))
		t.Open++
		t.OpenRx += r.RxBytes
		t.OpenTx += r.TxBytes
		return
	}
	*s.count(r.small)++
	pos := sp.place()
	e := &sp.rows[pos]
	*e = row{Conn: r.Conn, round: s.round, inode: r.inode, family: r.family, small: r.small, sent: r.sent, received: r.received}
	e.Opened = opened
	if e.small {
		e.Opened = 0
		sp.inherit(e)
	}
	sp.index[key(e.ID)] = pos
	s.name(sp, pos)
	if r.mayHaveFIN(0) {
		sp.doubt(pos)
	}
}

// count is how many rows there are of a kind. Each has a bound of its own, so that
// time-wait sockets crowd out no connection.
func (s *sampler) count(small bool) *int {
	if small {
		return &s.kept[1]
	}
	return &s.kept[0]
}

// replacedBy reports whether the socket has gone on to another connection or remote.
func (e *row) replacedBy(r *reading) bool {
	switch {
	case e.small || r.small:
		return false
	case e.Raddr != r.Raddr, e.Rport != r.Rport, e.Lport != r.Lport, (e.State == conn.Listen) != (r.State == conn.Listen):
		return true
	case e.Proto == conn.UDP:
		return false
	}
	return r.received < e.received || r.sent < e.sent || r.State == conn.SynSent && e.State != conn.SynSent
}

// replace ends a row and begins the next one of the same socket. Serial counts TCP's
// connections, for UDP it is when the remote was first seen (conn.ID).
func (s *sampler) replace(sp *space, pos int32, r *reading) {
	serial := sp.rows[pos].ID.Serial + 1
	if r.Proto == conn.UDP {
		serial = uint64(s.now)
	}
	s.end(sp, pos)
	r.ID.Serial = serial
	s.add(sp, r, s.now)
}

// update takes over what was read and reports whether anything moved, the chronographs
// included.
func (e *row) update(r *reading, s *sampler) bool {
	opened := e.Opened
	if e.small && !r.small {
		// A handshake became a connection, under the same cookie (inet_csk_clone_lock).
		opened = s.now
		*s.count(true)--
		*s.count(false)++
	}
	lastActive := r.LastActive
	r.ID, r.Opened, r.Owner, r.LastActive = e.ID, opened, e.Owner, e.LastActive
	if !e.small {
		r.Holders, r.Has = e.Holders, r.Has|e.Has&conn.HasHolders
	}
	if r.Dir == 0 || e.Dir != 0 && !e.small {
		r.Dir = e.Dir
	}
	if r.small { // what it inherited
		r.UID, r.Has = e.UID, e.Has
	}
	r.RxPackets, r.TxPackets = extend(e.RxPackets, r.RxPackets), extend(e.TxPackets, r.TxPackets)
	ran := r.Busy != e.Busy
	was := e.Conn
	was.Sampled, was.Busy, was.RwndLimited, was.SndbufLimited = r.Sampled, r.Busy, r.RwndLimited, r.SndbufLimited
	moved := r.Conn != was
	if moved || ran {
		e.Conn = r.Conn
	}
	if moved {
		e.LastActive = lastActive
	}
	e.round, e.inode, e.family, e.small = s.round, r.inode, r.family, r.small
	e.sent, e.received = r.sent, r.received
	return moved || ran
}

// extend counts on from a 64-bit counter with the kernel's 32-bit one.
func extend(known, n uint64) uint64 { return known + uint64(uint32(n)-uint32(known)) }

// end takes a row out and says so.
func (s *sampler) end(sp *space, pos int32) {
	e := &sp.rows[pos]
	if e.small {
		s.out.Gone = append(s.out.Gone, e.ID)
	} else {
		s.out.Closed = append(s.out.Closed, e.ended())
	}
	*s.count(e.small)--
	delete(sp.index, key(e.ID))
	*e = row{}
	sp.vacant = append(sp.vacant, pos)
}

// ended is the row's last line: its counters as they were last seen, and why it ended
// as far as its last state tells.
func (e *row) ended() conn.Conn {
	c := e.Conn
	if c.Proto == conn.UDP {
		return c
	}
	last := c.State
	c.State = conn.Closed
	switch {
	case e.left || last == conn.FinWait1 || last == conn.FinWait2 || last == conn.Closing:
		c.Reason = conn.FinLocal
	case last == conn.LastAck:
		c.Reason = conn.FinRemote
	case last == conn.SynSent && c.RetransPackets > 0:
		// Nobody answered for a second at least: never established. Otherwise it may
		// have come and gone within the tick.
		c.State = last
	}
	return c
}
