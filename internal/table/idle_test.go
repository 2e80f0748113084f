package table_test

import (
	"testing"
	"time"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

func udp(cookie, rx uint64) conn.Conn {
	return conn.Conn{ID: conn.ID{Cookie: cookie, Serial: 1}, Has: conn.HasBytes, Proto: conn.UDP, RxBytes: rx}
}

func reasons(s *table.Snapshot) []conn.CloseReason {
	var all []conn.CloseReason
	for r := range s.Rows() {
		all = append(all, r.Reason)
	}
	return all
}

func TestUDPExpiryAndReturn(t *testing.T) {
	tab := table.New(table.Config{})
	tab.Apply(at(0))
	want(t, tab, at(1, opened(udp(1, 100), 0.5)), line{1, conn.EventOpen, 0, true, 100, 0, 100, 0})
	want(t, tab, at(2, udp(1, 150)), line{1, conn.EventSample, 0, true, 150, 0, 50, 0})
	want(t, tab, at(6.9), line{1, conn.EventSample, 0, false, 150, 0, 0, 0})
	snap := want(t, tab, at(7), line{1, conn.EventClose, 0, false, 150, 0, 0, 0})
	if got := reasons(snap); got[0] != conn.Idle {
		t.Errorf("reason = %v", got)
	}
	want(t, tab, at(8))
	want(t, tab, at(60))
	snap = want(t, tab, at(62, udp(1, 250)), line{1, conn.EventOpen, 0, true, 250, 0, 50, 0})
	if got := reasons(snap); got[0] != 0 {
		t.Errorf("reason = %v after the return", got)
	}
	want(t, tab, at(63), line{1, conn.EventSample, 0, false, 250, 0, 0, 0})
	want(t, tab, at(67), line{1, conn.EventClose, 0, false, 250, 0, 0, 0})
	want(t, tab, at(68))
}

func TestUDPReturnInTheTickAfterExpiry(t *testing.T) {
	tab := table.New(table.Config{UDPTimeout: 2 * time.Second})
	tab.Apply(at(0, udp(1, 0)))
	want(t, tab, at(2), line{1, conn.EventClose, 0, false, 0, 0, 0, 0})
	want(t, tab, at(3, udp(1, 10)), line{1, conn.EventOpen, 0, true, 10, 0, 10, 0})
}

func TestUDPLastActiveIsTheLastMovement(t *testing.T) {
	tab := table.New(table.Config{})
	tab.Apply(at(0))
	c := opened(udp(1, 100), 0.2)
	c.LastActive = start + second/2
	tab.Apply(at(1, c))
	want(t, tab, at(5.4), line{1, conn.EventSample, 0, false, 100, 0, 0, 0})
	want(t, tab, at(5.5), line{1, conn.EventClose, 0, false, 100, 0, 0, 0})
}

func TestUDPHiddenRowsEndSilently(t *testing.T) {
	hidden := func() *table.Table {
		tab := table.New(table.Config{})
		tab.Apply(at(0, udp(1, 100)))
		tab.Apply(at(5))
		want(t, tab, at(6))
		return tab
	}
	tab := hidden()
	want(t, tab, closing(at(7), udp(1, 100)))
	want(t, tab, at(8, udp(1, 100)), line{1, conn.EventSample, 0, false, 100, 0, 0, 0})

	tab = hidden()
	s := at(7)
	s.Gone = []conn.ID{udp(1, 0).ID}
	want(t, tab, s)

	tab = hidden()
	want(t, tab, closing(at(7), udp(1, 130)), line{1, conn.EventClose, 0, true, 130, 0, 30, 0})
	want(t, tab, at(8))
}

func TestUDPHiddenRowNamedWithoutTrafficStaysHidden(t *testing.T) {
	tab := table.New(table.Config{})
	tab.Apply(at(0, udp(1, 100)))
	tab.Apply(at(5))
	want(t, tab, at(6, udp(1, 100)))
	want(t, tab, at(7, udp(1, 110)), line{1, conn.EventOpen, 0, true, 110, 0, 10, 0})
}

func TestUDPClosedBySourceIsNotIdle(t *testing.T) {
	tab := table.New(table.Config{})
	tab.Apply(at(0, udp(1, 100)))
	snap := want(t, tab, closing(at(5), udp(1, 100)), line{1, conn.EventClose, 0, true, 100, 0, 0, 0})
	if got := reasons(snap); got[0] != 0 {
		t.Errorf("reason = %v", got)
	}
	want(t, tab, at(6))
}

func TestUDPFlowFoundIdleIsShownOnce(t *testing.T) {
	tab := table.New(table.Config{})
	c := udp(1, 100)
	c.LastActive = start - 100*second
	want(t, tab, at(0, c), line{1, conn.EventSample, 0, false, 100, 0, 0, 0})
	want(t, tab, at(1), line{1, conn.EventClose, 0, false, 100, 0, 0, 0})
	want(t, tab, at(2))
}

func TestUDPIntervalLongerThanTheTimeout(t *testing.T) {
	tab := table.New(table.Config{})
	tab.Apply(at(0))
	c := opened(udp(1, 100), 1)
	c.LastActive = start + 2*second
	want(t, tab, at(10, c), line{1, conn.EventClose, 0, true, 100, 0, 10, 0})
	want(t, tab, at(20))
}

func TestUDPSocketsWithoutCountersStay(t *testing.T) {
	tab := table.New(table.Config{})
	bare, listener := udp(1, 0), udp(2, 0)
	bare.Has, listener.Dir = 0, conn.DirListen
	tab.Apply(at(0, bare, listener))
	want(t, tab, at(100),
		line{1, conn.EventSample, 0, false, 0, 0, 0, 0},
		line{2, conn.EventSample, 0, false, 0, 0, 0, 0})
}

func TestUDPManyFlowsExpireInTheirOwnTime(t *testing.T) {
	tab := table.New(table.Config{})
	tab.Apply(at(0))
	const flows = 100
	for n := range 20 {
		s := at(float64(n + 1))
		for i := range uint64(flows) {
			if i%20 >= uint64(n) { // flow i moves until second i%20 + 1
				s.Conns = append(s.Conns, udp(i+1, uint64(n)))
			}
		}
		tab.Apply(s)
		for r := range tab.Snapshot().Rows() {
			last := int(r.ID.Cookie-1)%20 + 1
			if idle := n + 1 - last; idle > 5 || (idle == 5) != (r.Event == conn.EventClose) {
				t.Fatalf("second %d: flow that moved until %d is shown with event %v", n+1, last, r.Event)
			}
		}
	}
}
