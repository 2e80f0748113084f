package kernel

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"tcptop/internal/conn"
	"tcptop/internal/table"
	"tcptop/internal/testkit"
)

// TestReconnect lets one socket connect twice: two connections, each with its own
// id and counters, whether or not a tick came between them.
func TestReconnect(t *testing.T) {
	for _, slow := range []bool{true, false} {
		t.Run(fmt.Sprintf("tick between=%v", slow), func(t *testing.T) {
			ns := testkit.NetNS(t)
			w := watch(t, conn.Config{TCP: true})
			l := listen(t, ns, 0, 8)
			c := dial(t, ns, 0, l)
			first := l.accept()
			c.pass(first, 1000)
			id := c.id()
			if slow {
				w.until(patience, func(s *seen) error { return carried(s.live[id], 1000, 0) })
			}
			c.disconnect()
			c.connect(l.port())
			second := l.accept()
			c.pass(second, 20)
			second.pass(c, 3)
			again := conn.ID{Cookie: id.Cookie, Serial: 1}
			w.until(patience, func(s *seen) error { return carried(s.live[again], 20, 3) })
			c.close()
			w.until(patience, func(s *seen) error { return endedTwice(s, ns, id, again) })
		})
	}
}

func carried(r table.Row, tx, rx uint64) error {
	if r.TxBytes != tx || r.RxBytes != rx || r.Owner.PID != ownPID() || r.Dir != conn.Out || r.Partial {
		return fmt.Errorf("row %v of pid %d has tx %d rx %d dir %v partial %v; it sent %d and received %d",
			r.ID, r.Owner.PID, r.TxBytes, r.RxBytes, r.Dir, r.Partial, tx, rx)
	}
	return nil
}

// endedTwice requires one closed row of each connection of a client that reset the
// first and closed the second.
func endedTwice(s *seen, ns *testkit.NS, first, second conn.ID) error {
	var rows []table.Row
	for _, r := range s.closed {
		if uint64(r.NetNS) == ns.Inode() && r.Dir == conn.Out {
			rows = append(rows, r)
		}
	}
	slices.SortFunc(rows, func(a, b table.Row) int { return int(a.ID.Serial) - int(b.ID.Serial) })
	if len(rows) != 2 || rows[0].ID != first || rows[1].ID != second {
		return fmt.Errorf("closed rows: %v", rows)
	}
	if rows[0].Reason != conn.ResetLocal {
		return fmt.Errorf("reason of the first end: %v", rows[0].Reason)
	}
	if err := carried(rows[0], 1000, 0); err != nil {
		return err
	}
	return carried(rows[1], 20, 3)
}

// TestSameTuple opens, resets and opens again the same addresses and ports within
// one tick.
func TestSameTuple(t *testing.T) {
	ns := testkit.NetNS(t)
	w := watch(t, conn.Config{TCP: true, Interval: 2 * time.Second})
	l := listen(t, ns, 5000, 8)
	var truths []testkit.Truth
	for _, n := range []int{700, 90, 1} {
		c := dial(t, ns, 6000, l)
		s := l.accept()
		c.pass(s, n)
		s.pass(c, 2*n)
		truths = append(truths, c.truth(ns, "out", n, 2*n), s.truth(ns, "in", 2*n, n))
		c.abort()
		s.close()
	}
	w.until(patience, func(s *seen) error { return allClosed(s, truths) })
	if s := w.stop(); len(in(ns, s.last)) != 7 { // and the listener
		t.Errorf("%d rows of 6 connections and a listener", len(in(ns, s.last)))
	}
}
