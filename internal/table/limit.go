package table

import "tcptop/internal/conn"

// lossPercent is from how many of the segments of a tick on being sent again is what
// holds a sender back.
const lossPercent = 1

// spent is how the time of a tick went, in µs, by what the connection waited for; zero
// is what this end cannot know.
type spent [conn.LimitIdle + 1]uint64

// judge says what held a row back since the tick before, and brings up to date what
// its window was. next is the row's new measurement.
func (t *Table) judge(s slot, next *conn.Conn) {
	was := s.Conn
	run(&was, t.tick.before-s.Sampled)
	s.Limit, s.Share = limitOf(&was, next, t.tick.elapsed/1000)
	if shut(&s.Conn) {
		until := t.tick.before
		if shut(next) {
			until = t.tick.now
		}
		s.ZeroWindow = s.ShutFor(until)
	}
	s.Sampled = t.tick.now
}

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

// standing is what holds a connection back for as long as nothing moves.
func standing(c *conn.Conn) (conn.Limit, uint8) {
	const tick = 1e6
	next := *c
	run(&next, tick*1000)
	return limitOf(c, &next, tick)
}

// limitOf says what held a connection back for most of the time between two samples,
// elapsed µs apart, and for how much of it in percent. Zero is not known at this end,
// or no connection. docs/limit.md has the rule.
func limitOf(was, now *conn.Conn, elapsed uint64) (conn.Limit, uint8) {
	const measured = conn.HasPath | conn.HasQueues
	if now.Has&measured != measured || now.State == conn.SynSent || now.State == conn.Closed || elapsed == 0 {
		return 0, 0
	}
	var w spent
	busy := min(since(was.Busy, now.Busy), elapsed)
	w[conn.LimitPeerWindow] = min(since(was.RwndLimited, now.RwndLimited), busy)
	w[conn.LimitSendBuffer] = min(since(was.SndbufLimited, now.SndbufLimited), busy-w[conn.LimitPeerWindow])
	w[underWay(was, now)] += busy - w[conn.LimitPeerWindow] - w[conn.LimitSendBuffer]
	w[quiet(was, now)] += elapsed - busy
	if unread := unread(was, now, elapsed); unread > 0 {
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

// underWay is what data that was sent and not acknowledged yet waited for.
func underWay(was, now *conn.Conn) conn.Limit {
	again := uint64(now.RetransPackets - min(was.RetransPackets, now.RetransPackets))
	switch {
	case now.CAState >= conn.CARecovery, again > 0 && again*100 >= since(was.TxPackets, now.TxPackets)*lossPercent:
		return conn.LimitLoss
	case now.SndbufFull && now.Unsent == 0:
		return conn.LimitSendBuffer
	case now.Unsent > 0, was.Unsent > 0, now.CwndLimited && !now.AppLimited:
		return conn.LimitCwnd
	}
	return conn.LimitApp
}

// quiet is what holds a connection back while all that it sent is acknowledged: its
// own program if most of the traffic is its to send, else the other end.
func quiet(was, now *conn.Conn) conn.Limit {
	tx, rx := since(was.TxBytes, now.TxBytes), since(was.RxBytes, now.RxBytes)
	switch {
	case tx == 0 && rx == 0:
		return conn.LimitIdle
	case tx >= rx:
		return conn.LimitApp
	}
	return 0
}

// unread is for how long of elapsed µs received data waited to be read.
func unread(was, now *conn.Conn, elapsed uint64) uint64 {
	before, after := uint64(was.RecvQueue), uint64(now.RecvQueue)
	if before == 0 || after == 0 {
		return 0
	}
	read := since(was.RxBytes-min(before, was.RxBytes), now.RxBytes-min(after, now.RxBytes))
	full := now.Has&was.Has&conn.HasRcvWnd != 0 && was.RecvQueue >= was.RcvWnd && now.RecvQueue >= now.RcvWnd
	if read < before || full {
		return elapsed // not even what waited at the start has all been read: something waited all the time
	}
	return elapsed * min(before, after) / read // how long what waits takes, at the pace of the tick
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
