package table

import "tcptop/internal/conn"

// lossPercent is from how many of the segments of a tick on being sent again is what
// holds a sender back.
const lossPercent = 1

// lossHolds is for how many ns after a loss the small congestion window that it left is
// still called a loss.
const lossHolds = 1e9

// period is two samples of a connection, elapsed µs apart.
type period struct {
	was, now *conn.Conn
	elapsed  uint64
	lossy    bool // it has lost something lately
}

// spent is how the time of a tick went, in µs, by what the connection waited for; zero
// is what this end cannot know.
type spent [conn.LimitIdle + 1]uint64

// judge says what held a row back since the tick before, and brings up to date what
// its window was. next is the row's new measurement.
func (t *Table) judge(s slot, next *conn.Conn) {
	was := s.Conn
	run(&was, t.tick.before-was.Sampled)
	from := max(was.Sampled, t.tick.before)
	if lossy(&was, next) {
		s.Lossy = t.tick.now
	}
	if next.Sampled > from {
		p := period{&was, next, uint64(next.Sampled-from) / 1000, t.lossy(s)}
		s.Limit, s.Share = p.limit()
	} else { // named for something else
		s.Limit, s.Share = t.standing(s)
	}
	if shut(&s.Conn) {
		until := t.tick.before
		if shut(next) {
			until = next.Sampled
		}
		s.ZeroWindow = s.ShutFor(until)
	}
}

// lossy reports whether the row lost something lately.
func (t *Table) lossy(s slot) bool { return s.Lossy != 0 && t.tick.before-s.Lossy < lossHolds }

// run lets the chronograph that runs go on for ns.
func run(c *conn.Conn, ns int64) {
	if c.Chrono == 0 || ns <= 0 {
		return
	}
	us := uint64(ns) / 1000
	c.Busy += us
	switch c.Chrono {
	case conn.ChronoRwnd:
		c.RwndLimited += us
	case conn.ChronoSndbuf:
		c.SndbufLimited += us
	}
}

// standing is what holds a row back for as long as nothing moves.
func (t *Table) standing(s slot) (conn.Limit, uint8) {
	const tick = 1e6
	next := s.Conn
	run(&next, tick*1000)
	p := period{&s.Conn, &next, tick, t.lossy(s)}
	return p.limit()
}

// limit says what held a connection back for most of the time between two samples
// and for how much of it in percent. Zero is not known at this end,
// or no connection. docs/limit.md has the rule.
func (p *period) limit() (conn.Limit, uint8) {
	was, now, elapsed := p.was, p.now, p.elapsed
	const measured = conn.HasPath | conn.HasQueues
	if now.Has&measured != measured || now.State == conn.SynSent || now.State == conn.Closed || elapsed == 0 {
		return 0, 0
	}
	var w spent
	busy := min(since(was.Busy, now.Busy), elapsed)
	w[conn.LimitPeerWindow] = min(since(was.RwndLimited, now.RwndLimited), busy)
	w[conn.LimitSendBuffer] = min(since(was.SndbufLimited, now.SndbufLimited), busy-w[conn.LimitPeerWindow])
	w[p.underWay(w[conn.LimitPeerWindow]*4 >= busy)] += busy - w[conn.LimitPeerWindow] - w[conn.LimitSendBuffer]
	w[p.quiet()] += elapsed - busy
	if unread := p.unread(); unread > 0 {
		w[conn.LimitReader] = unread
		w[conn.LimitApp] -= min(unread, w[conn.LimitApp]) // who does not read is not asked to send
		w[conn.LimitIdle], w[0] = 0, w[0]-min(unread, w[0])
	}
	most := conn.LimitReader // wins a draw: the cause that is nearest
	for l := conn.LimitApp; l <= conn.LimitIdle; l++ {
		if w[l] > w[most] {
			most = l
		}
	}
	if w[0] > w[most] {
		return 0, 0
	}
	return most, uint8((w[most]*100 + elapsed/2) / elapsed)
}

// underWay is what data that was written and not acknowledged yet waited for, besides
// what the chronographs tell. Of the congestion window, the peer's and the send buffer
// the smallest holds back; shut is whether the peer's often did.
func (p *period) underWay(shut bool) conn.Limit {
	was, now := p.was, p.now
	cwnd, queue, peer := uint64(now.Cwnd)*uint64(now.MSS), uint64(now.SendQueue), uint64(now.SndWnd)
	waits := now.Unsent > 0 || was.Unsent > 0 || now.CwndLimited && !now.AppLimited
	switch {
	case lossy(was, now):
		return conn.LimitLoss
	case now.SndbufFull && queue < min(cwnd, peer):
		return conn.LimitSendBuffer
	case waits && shut && peer < cwnd:
		return conn.LimitPeerWindow
	case waits && p.lossy:
		return conn.LimitLoss
	case waits:
		return conn.LimitCwnd
	}
	return conn.LimitApp
}

// lossy reports whether the sender is repairing a loss, or sent again lossPercent of
// the segments that it sent.
func lossy(was, now *conn.Conn) bool {
	again := uint64(now.RetransPackets - min(was.RetransPackets, now.RetransPackets))
	return now.CAState >= conn.CARecovery || again > 0 && again*100 >= since(was.TxPackets, now.TxPackets)*lossPercent
}

// quiet is what holds a connection back while all that it sent is acknowledged: its
// own program if most of the traffic is its to send, else the other end.
func (p *period) quiet() conn.Limit {
	tx, rx := since(p.was.TxBytes, p.now.TxBytes), since(p.was.RxBytes, p.now.RxBytes)
	switch {
	case tx == 0 && rx == 0:
		return conn.LimitIdle
	case tx >= rx:
		return conn.LimitApp
	}
	return 0
}

// unread is for how many µs received data waited to be read.
func (p *period) unread() uint64 {
	was, now := p.was, p.now
	before, after := uint64(was.RecvQueue), uint64(now.RecvQueue)
	if before == 0 || after == 0 {
		return 0
	}
	read := since(was.RxBytes-min(before, was.RxBytes), now.RxBytes-min(after, now.RxBytes))
	full := now.Has&was.Has&conn.HasRcvWnd != 0 && was.RecvQueue >= was.RcvWnd && now.RecvQueue >= now.RcvWnd
	if read < before || full {
		return p.elapsed // not even what waited at the start has all been read: something waited all the time
	}
	return p.elapsed * min(before, after) / read // how long what waits takes, at the pace of the tick
}

// Chronographs are the times in µs for which the sender was busy, held back by the
// peer's window and by its send buffer, up to mono.
func (r *Row) Chronographs(mono int64) (busy, rwnd, sndbuf uint64) {
	c := conn.Conn{Chrono: r.Chrono, Busy: r.Busy, RwndLimited: r.RwndLimited, SndbufLimited: r.SndbufLimited}
	run(&c, mono-r.Sampled)
	return c.Busy, c.RwndLimited, c.SndbufLimited
}

// ShutFor is the time in µs up to mono for which our window was shut, between samples
// that both found it so.
func (r *Row) ShutFor(mono int64) uint64 {
	if !shut(&r.Conn) || r.Event == conn.EventClose || mono <= r.Sampled {
		return r.ZeroWindow
	}
	return r.ZeroWindow + uint64(mono-r.Sampled)/1000
}

// shut reports whether our own window was shut when c was sampled.
func shut(c *conn.Conn) bool {
	return c.Has&conn.HasRcvWnd != 0 && c.RcvWnd == 0 && c.State != conn.SynSent
}

// since is by how much a counter grew.
func since(was, now uint64) uint64 { return now - min(was, now) }
