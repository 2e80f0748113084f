package kernel

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
)

// takes reads the socket's error over and over, so that it is most likely gone, for
// reading it takes it away, before the kernel gets from setting it to the end.
func (s *socket) takes(want unix.Errno) {
	s.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		got, err := unix.GetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_ERROR)
		s.must("socket error", err)
		if unix.Errno(got) == want {
			return
		}
	}
	s.t.Errorf("no %v within %v", want, patience)
}

// TestEndsTaken has the program take its socket's error away before the connection's end is
// noted. That comes about most of the times, not always.
func TestEndsTaken(t *testing.T) { makeEnds(t, (*socket).takes, endsWithError()) }

// endsWithError are those that come of themselves and leave an error in the socket.
func endsWithError() []ending {
	reset, left := resetRemote(), leftBehind()
	return []ending{
		{"reset by a firewall", func(p *pair) {
			c, s := p.open()
			p.reject("tcp reset")
			c.send(3)
			p.told(c, unix.ECONNRESET)
			p.heal()
			s.close()
		}, map[conn.Dir]fate{conn.Out: reset, conn.In: left}},
		{"keepalive", func(p *pair) {
			c, s := p.open()
			p.lose()
			c.set(unix.TCP_KEEPIDLE, 1)
			c.set(unix.TCP_KEEPINTVL, 1)
			c.set(unix.TCP_KEEPCNT, 1)
			c.must("keepalive", unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1))
			p.told(c, unix.ETIMEDOUT)
			p.heal()
			s.close()
		}, map[conn.Dir]fate{conn.Out: closes(conn.Timeout, conn.Keepalive, unix.ETIMEDOUT), conn.In: left}},
		{"segments unanswered", func(p *pair) {
			c, s := p.open()
			p.lose()
			c.set(unix.TCP_USER_TIMEOUT, 500)
			c.send(3)
			p.told(c, unix.ETIMEDOUT)
			p.heal()
			s.close()
		}, map[conn.Dir]fate{conn.Out: closes(conn.Timeout, conn.Retransmits, unix.ETIMEDOUT), conn.In: left}},
		{"window probes unanswered", func(p *pair) {
			c, s := p.open()
			c.must("non-blocking", unix.SetNonblock(c.fd, true))
			c.fill()
			p.lose()
			c.set(unix.TCP_USER_TIMEOUT, 500)
			p.told(c, unix.ETIMEDOUT)
			p.heal()
			s.close()
		}, map[conn.Dir]fate{conn.Out: closes(conn.Timeout, conn.WindowProbes, unix.ETIMEDOUT), conn.In: closes(conn.ResetLocal, conn.Unread, 0)}},
		{"a window shut for too long", func(p *pair) {
			c, s := p.open()
			c.must("non-blocking", unix.SetNonblock(c.fd, true))
			c.fill()
			c.set(unix.TCP_USER_TIMEOUT, 2000) // the last probe is answered: two in half a second are not (tcp_invalid_ratelimit)
			p.told(c, unix.ETIMEDOUT)
			s.close()
		}, map[conn.Dir]fate{conn.Out: closes(conn.Timeout, conn.WindowProbes, unix.ETIMEDOUT), conn.In: closes(conn.ResetLocal, conn.Unread, 0)}},
		{"reset after the peer's FIN", func(p *pair) {
			c, s := p.open()
			s.must("shutdown", unix.Shutdown(s.fd, unix.SHUT_WR))
			s.reaches(conn.FinWait2) // its FIN is acknowledged
			p.reject("tcp reset")
			c.send(3)
			p.told(c, unix.EPIPE)
			p.heal()
			s.close()
		}, map[conn.Dir]fate{conn.Out: closes(conn.ResetRemote, 0, unix.EPIPE), conn.In: closes(conn.FinLocal, 0, 0)}},
		{"reset after its own FIN", func(p *pair) {
			c, s := p.open()
			c.must("shutdown", unix.Shutdown(c.fd, unix.SHUT_WR))
			s.abort()
			p.told(c, unix.ECONNRESET)
		}, map[conn.Dir]fate{conn.Out: reset, conn.In: closes(conn.ResetLocal, conn.Linger, 0)}},
		{"refused later", func(p *pair) {
			p.lose() // the first answer would come while connect() has the socket locked
			c := p.begin(9)
			p.heal()
			p.told(c, unix.ECONNREFUSED)
		}, map[conn.Dir]fate{conn.Out: fails(conn.Refused, 0, unix.ECONNREFUSED, 1)}},
		{"SYNs unanswered, not waited for", func(p *pair) {
			p.sysctl("tcp_syn_retries", "1")
			p.sysctl("tcp_syn_linear_timeouts", "0")
			p.lose()
			p.told(p.begin(p.l.port()), unix.ETIMEDOUT)
		}, map[conn.Dir]fate{conn.Out: fails(conn.Timeout, 0, unix.ETIMEDOUT, 1)}},
	}
}
