package kernel

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
	"tcptop/internal/table"
	"tcptop/internal/testkit"
)

// TestTransitions follows connections through every state: each change is an event, in
// order and once, with the time that the state before it lasted.
func TestTransitions(t *testing.T) {
	ns := testkit.NetNS(t)
	older := listen(t, ns, 0, 8)
	oldClient := dial(t, ns, 0, older)
	oldServer := older.accept()
	w := watch(t, conn.Config{TCP: true, Transitions: true})
	l := listen(t, ns, 0, 8)

	// A whole life, with a time in each state that is known from both sides.
	var at [6]time.Time
	at[0] = time.Now()
	c := dial(t, ns, 0, l)
	s := l.accept()
	at[1] = time.Now()
	client, server := c.id(), s.id()
	w.pass(2)
	at[2] = time.Now()
	c.must("shutdown", unix.Shutdown(c.fd, unix.SHUT_WR))
	at[3] = time.Now()
	w.pass(2)
	at[4] = time.Now()
	s.close()
	c.close()
	at[5] = time.Now()
	w.tells(client, "open closed syn-sent", "state syn-sent established", "state established fin-wait-1", "state fin-wait-1 fin-wait-2", "close fin-wait-2 closed")
	w.tells(server, "open syn-recv established", "state established close-wait", "state close-wait last-ack", "close last-ack closed")
	w.lasted(client, conn.SynSent, 0, at[1].Sub(at[0]))
	w.lasted(client, conn.Established, at[2].Sub(at[1]), at[3].Sub(at[0]))
	w.lasted(server, conn.Established, at[2].Sub(at[1]), patience)
	w.lasted(server, conn.CloseWait, at[4].Sub(at[3]), at[5].Sub(at[2]))

	// A connect that fails, one that is reset, and a socket that connects again.
	again := newSocket(t, ns)
	if err := again.tryConnect(9); !errors.Is(err, unix.ECONNREFUSED) {
		t.Fatalf("connect: %v", err)
	}
	refused := again.id()
	w.tells(refused, "open closed syn-sent", "fail syn-sent closed")
	again.must("connect", again.tryConnect(l.port()))
	l.accept()
	again.abort()
	reset := conn.ID{Cookie: refused.Cookie, Serial: 1}
	w.tells(reset, "open closed syn-sent", "state syn-sent established", "close established closed")

	// Of a connection that is older how long it was established is not known.
	old, listener := oldServer.id(), l.id()
	oldServer.close()
	oldClient.close()
	w.tells(old, "state established fin-wait-1", "state fin-wait-1 fin-wait-2", "close fin-wait-2 closed")
	w.lasted(old, conn.Established, 0, 0)
	l.close()
	w.tells(listener, "open closed listen", "close listen closed")
	if err := noLoss(w.stop()); err != nil {
		t.Error(err)
	}
}

// pass waits for n more ticks.
func (w *watcher) pass(n int) {
	w.t.Helper()
	from := w.ticks()
	w.until(patience, func(s *seen) error {
		if s.ticks < from+n {
			return fmt.Errorf("%d ticks yet", s.ticks-from)
		}
		return nil
	})
}

// tells waits for exactly these events of a connection.
func (w *watcher) tells(id conn.ID, want ...string) {
	w.t.Helper()
	w.until(patience, func(s *seen) error {
		var got []string
		for _, r := range eventsOf(s, id) {
			got = append(got, fmt.Sprintf("%v %v %v", r.Event, r.OldState, r.State))
		}
		if !slices.Equal(got, want) {
			return fmt.Errorf("%v: %q, not %q", id, got, want)
		}
		return nil
	})
}

// lasted requires the time for which a connection was in a state to be within bounds.
func (w *watcher) lasted(id conn.ID, state conn.State, least, most time.Duration) {
	w.t.Helper()
	w.until(patience, func(s *seen) error {
		for _, r := range eventsOf(s, id) {
			if took := time.Duration(r.OldStateTime); r.OldState == state && (took < least || took > most) {
				return fmt.Errorf("%v was %v for %v, not for %v to %v", id, state, took, least, most)
			}
		}
		return nil
	})
}

func eventsOf(s *seen, id conn.ID) []table.Row {
	return slices.DeleteFunc(slices.Clone(s.events), func(r table.Row) bool { return r.ID != id })
}
