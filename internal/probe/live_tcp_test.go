package probe

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
)

// TestLiveTCP is what any kernel must do that is said to be supported: the truth of
// connections within this process, which needs no other program.
func TestLiveTCP(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(addr, func(t *testing.T) {
			server := listen(t, addr)
			older := connect(t, server)
			older.say(3000, 70000)
			l := watch(t)
			if l == nil {
				return
			}
			l.established(older)
			young := connect(t, server)
			young.say(12345, 1<<20)
			l.established(young)
			older.say(1, 2)
			l.established(older)
			l.until(func() error { return listening(l, endOf(t, server, server.Addr())) })
			l.closes(older, young)
			l.short(server)
			l.refused(addr)
		})
	}
}

func listening(l *live, at end) error {
	c := l.last[at.cookie]
	if c.State != conn.Listen || c.Lport != at.port || c.BacklogMax == 0 || int(c.Owner.PID) != os.Getpid() {
		return fmt.Errorf("listener: %+v", c)
	}
	return nil
}

// closes ends one connection in order and resets the other.
func (l *live) closes(a, b *pair) {
	must(l.t, a.client.Close())
	if _, err := a.server.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		l.t.Fatal(err)
	}
	must(l.t, a.server.Close())
	l.ended(a, conn.FinLocal, conn.FinRemote)
	must(l.t, b.client.SetLinger(0), b.client.Close())
	if _, err := b.server.Read(make([]byte, 1)); err == nil {
		l.t.Fatal("read from a connection that was reset")
	}
	l.ended(b, conn.ResetLocal, conn.ResetRemote)
}

// short are connections that live between two ticks.
func (l *live) short(server *net.TCPListener) {
	var pairs []*pair
	for i := range 50 {
		p := connect(l.t, server)
		p.say(100+i, 1000+i)
		must(l.t, p.server.Close())
		if _, err := p.client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			l.t.Fatal(err)
		}
		must(l.t, p.client.Close())
		pairs = append(pairs, p)
	}
	for _, p := range pairs {
		l.ended(p, conn.FinRemote, conn.FinLocal)
	}
}

// refused is a connection that nobody listens for.
func (l *live) refused(addr string) {
	gone := listen(l.t, addr)
	at := endOf(l.t, gone, gone.Addr())
	must(l.t, gone.Close())
	if _, err := net.DialTCP("tcp", nil, gone.Addr().(*net.TCPAddr)); !errors.Is(err, unix.ECONNREFUSED) {
		l.t.Fatal(err)
	}
	l.until(func() error {
		for _, c := range l.closed {
			if c.Rport == at.port && c.Reason == conn.Refused && c.State == conn.SynSent && int(c.Owner.PID) == os.Getpid() {
				return nil
			}
		}
		return fmt.Errorf("no row of the connection to port %d", at.port)
	})
}
