package kernel

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
	"tcptop/internal/table"
	"tcptop/internal/testkit"
)

// flowRow is what a test of a flow's life looks at.
type flowRow struct {
	Event   conn.Event
	Reason  conn.CloseReason
	Partial bool
	Moved   moved
}

func asFlowRow(r *table.Row) flowRow { return flowRow{r.Event, r.Reason, r.Partial, movedBy(r)} }

// ended returns the closing rows of a socket.
func ended(s *seen, e *udpEnd) (rows []flowRow) {
	for _, r := range s.closed {
		if flowOf(&r).cookie == e.cookie {
			rows = append(rows, asFlowRow(&r))
		}
	}
	return rows
}

// endedOnce waits until a socket's flow has gone for the nth time.
func endedOnce(t *testing.T, w *watcher, e *udpEnd, want ...flowRow) {
	t.Helper()
	w.until(patience, func(s *seen) error {
		if n := len(ended(s, e)); n < len(want) {
			return fmt.Errorf("%d closing rows, not %d", n, len(want))
		}
		return nil
	})
	w.settle()
	_ = w.look(func(s *seen) error {
		if diff := cmp.Diff(want, ended(s, e)); diff != "" {
			t.Errorf("closing rows (-want +got):\n%s", diff)
		}
		for _, r := range s.live {
			if flowOf(&r).cookie == e.cookie {
				t.Errorf("a flow that is gone has a row: %+v", asFlowRow(&r))
			}
		}
		return nil
	})
}

// TestUDPIdle lets a flow fall silent: it goes with one closing row and comes back
// with its old counters while the kernel still keeps it, afterwards as another flow.
func TestUDPIdle(t *testing.T) {
	w := watchUDP(t, conn.Config{UDPTimeout: time.Second})
	ends := openUDPs(t, testkit.NetNS(t), 2)
	a, b := ends[0], ends[1]
	must(t, a.connect(b.addr), a.write(b.addr, 100))
	once := flowRow{conn.EventClose, conn.Idle, false, moved{TxBytes: 100, TxPackets: 1}}
	endedOnce(t, w, a, once)
	first := onlyFlow(t, w, a)

	must(t, a.write(b.addr, 10))
	twice := flowRow{conn.EventClose, conn.Idle, false, moved{TxBytes: 110, TxPackets: 2}}
	w.until(patience, func(s *seen) error { return shown(s, first, conn.EventOpen) })
	endedOnce(t, w, a, once, twice)

	w.until(patience, func(s *seen) error { return forgotten(s, first) })
	must(t, a.write(b.addr, 7))
	thrice := flowRow{conn.EventClose, conn.Idle, false, moved{TxBytes: 7, TxPackets: 1}}
	endedOnce(t, w, a, once, twice, thrice)
	if again := onlyFlow(t, w, a); again == first {
		t.Errorf("the flow that came back after it was forgotten is still %v", first)
	}
}

// onlyFlow is the newest flow of a socket.
func onlyFlow(t *testing.T, w *watcher, e *udpEnd) (id conn.ID) {
	t.Helper()
	_ = w.look(func(s *seen) error {
		for _, r := range s.last {
			if flowOf(&r).cookie == e.cookie && r.ID.Serial > id.Serial {
				id = r.ID
			}
		}
		return nil
	})
	return id
}

// shown requires that a flow's row has come back with an event.
func shown(s *seen, id conn.ID, event conn.Event) error {
	r, live := s.live[id]
	if !live || r.Event != event {
		return fmt.Errorf("%v: there %v, event %v", id, live, r.Event)
	}
	return nil
}

// forgotten requires that the kernel gave a silent flow's place away: it does two
// seconds after the timeout, in steps of a tick.
func forgotten(s *seen, id conn.ID) error {
	const grace = 2*time.Second + 5*tick
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return err
	}
	if silent := time.Duration(now.Nano() - s.last[id].LastActive); silent < time.Second+grace {
		return fmt.Errorf("silent for %v", silent)
	}
	return nil
}

// TestUDPKeptAlive has a flow that moves now and then, but in time.
func TestUDPKeptAlive(t *testing.T) {
	w := watchUDP(t, conn.Config{UDPTimeout: time.Second})
	ends := openUDPs(t, testkit.NetNS(t), 2)
	a, b := ends[0], ends[1]
	for range 6 {
		must(t, a.send(b.addr, 10), b.read(0))
		for range 2 {
			w.settle()
		}
	}
	for _, e := range ends {
		if rows := ended(w.stop(), e); len(rows) > 0 {
			t.Errorf("a flow that moved every half second ended: %+v", rows)
		}
	}
}
