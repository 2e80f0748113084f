package kernel

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"tcptop/internal/conn"
	"tcptop/internal/table"
	"tcptop/internal/testkit"
)

// quietTicks is for how long nothing may be said of connections at rest.
const quietTicks = 10

// TestQuietSettles stops traffic: two ticks later every row is the truth, and soon
// nothing is listed as moved any more, unread bytes or not.
func TestQuietSettles(t *testing.T) {
	ns := testkit.NetNS(t)
	w := watch(t, conn.Config{TCP: true})
	for round := range 3 {
		load := testkit.Start(t, ns, "bulk", "-n", "48", "-par", "8", "-max", "1048576", "-hold", "-seed", fmt.Sprint(round))
		truths := load.Ready()
		settled := errors.New("not compared")
		stopped := w.ticks()
		w.until(patience, func(s *seen) error {
			if s.ticks < stopped+3 { // the first may have been under way
				return fmt.Errorf("tick %d", s.ticks)
			}
			settled = allAgree(bySocket(s.live), asOwned(bySocket(s.live), truths))
			return nil
		})
		if settled != nil {
			t.Errorf("after two ticks: %v", settled)
		}
		w.until(patience, func(s *seen) error { return allAgree(bySocket(s.live), truths) })
		w.quiet(ns)
		load.Finish()
		w.until(patience, func(s *seen) error { return allClosed(s, truths) })
	}
}

// asOwned drops the owners that rows don't have yet: a search for them takes turns
// with what else the processor has to do, and so has no deadline.
func asOwned(rows map[string]table.Row, truths []testkit.Truth) []testkit.Truth {
	known := slices.Clone(truths)
	for i := range known {
		if rows[known[i].Cookie].Owner.PID == 0 {
			known[i].PID, known[i].Comm = 0, ""
		}
	}
	return known
}

func (w *watcher) ticks() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen.ticks
}

// quiet waits for quietTicks in a row in which nothing of the namespace moved.
func (w *watcher) quiet(ns *testkit.NS) {
	w.t.Helper()
	still, last := 0, 0
	w.until(patience, func(s *seen) error {
		if s.ticks != last+1 {
			still = 0 // a tick that was not looked at
		}
		if s.ticks == last {
			return fmt.Errorf("still for %d ticks", still)
		}
		last = s.ticks
		for _, id := range s.named {
			if r := s.live[id]; uint64(r.NetNS) == ns.Inode() {
				still = 0
				return fmt.Errorf("named again: %v, moved %v", rowState(&r), r.Moved)
			}
		}
		for _, r := range in(ns, s.live) {
			if r.Moved || r.Event != conn.EventSample || r.Rate() != 0 {
				still = 0
				return fmt.Errorf("row of %v: moved %v, event %v, rate %d", rowState(&r), r.Moved, r.Event, r.Rate())
			}
		}
		if still++; still < quietTicks {
			return fmt.Errorf("still for %d ticks", still)
		}
		return nil
	})
}
