package table_test

import (
	"testing"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// sender is an established connection of which everything is measured; each test
// changes what the tick is about.
func sender(changes ...func(*conn.Conn)) conn.Conn {
	c := tcp(1, 1000, 1000)
	c.Has |= conn.HasPackets | conn.HasPath | conn.HasQueues | conn.HasRcvWnd
	c.RxPackets, c.TxPackets, c.RcvWnd, c.SndWnd = 10, 10, 64000, 64000
	c.Cwnd, c.MSS = 10, 1000
	c.Busy, c.RwndLimited, c.SndbufLimited = 900e3, 500e3, 100e3
	for _, change := range changes {
		change(&c)
	}
	return c
}

// sent moves n bytes in n/1000 segments, busy for so many ms.
func sent(n uint64, busy uint64) func(*conn.Conn) {
	return func(c *conn.Conn) { c.TxBytes += n; c.TxPackets += n / 1000; c.Busy += busy * 1000 }
}

func received(n uint64) func(*conn.Conn) {
	return func(c *conn.Conn) { c.RxBytes += n; c.RxPackets += n / 1000 }
}

func unread(n uint32) func(*conn.Conn) { return func(c *conn.Conn) { c.RecvQueue = n } }

func rwnd(ms uint64) func(*conn.Conn) { return func(c *conn.Conn) { c.RwndLimited += ms * 1000 } }

func sndbuf(ms uint64) func(*conn.Conn) { return func(c *conn.Conn) { c.SndbufLimited += ms * 1000 } }

// TestLimit has the rule of docs/limit.md case by case, over a tick of one second.
func TestLimit(t *testing.T) {
	const none = conn.Limit(0)
	full := func(c *conn.Conn) { c.SndbufFull = true }
	waits := func(c *conn.Conn) { c.SendQueue, c.Unsent = 15000, 5000 }
	cwnd := func(c *conn.Conn) { c.CwndLimited = true }
	narrow := func(c *conn.Conn) { c.SndWnd = 8000 }
	appLimited := func(c *conn.Conn) { c.AppLimited = true }
	recovery := func(c *conn.Conn) { c.CAState = conn.CARecovery }
	again := func(n uint32) func(*conn.Conn) { return func(c *conn.Conn) { c.RetransPackets += n } }
	for _, tc := range []struct {
		name     string
		was, now []func(*conn.Conn)
		want     conn.Limit
		share    uint8
	}{
		{"nothing moved", nil, nil, conn.LimitIdle, 100},
		{"a keepalive is no traffic", nil, []func(*conn.Conn){func(c *conn.Conn) { c.RxPackets++; c.TxPackets++ }}, conn.LimitIdle, 100},
		{"the program sends now and then", nil, []func(*conn.Conn){sent(50e3, 120)}, conn.LimitApp, 100},
		{"an answer for each request", nil, []func(*conn.Conn){sent(50e3, 400), received(20e3), appLimited, cwnd}, conn.LimitApp, 100},
		{"a download read at once", nil, []func(*conn.Conn){sent(100, 4), received(5e6)}, none, 0},
		{"the peer's window", nil, []func(*conn.Conn){sent(50e3, 900), rwnd(830), waits}, conn.LimitPeerWindow, 83},
		{"the send buffer's chronograph", nil, []func(*conn.Conn){sent(50e3, 900), sndbuf(700), rwnd(100)}, conn.LimitSendBuffer, 70},
		{"the send buffer is full of data under way", nil, []func(*conn.Conn){sent(50e3, 950), sndbuf(100), full}, conn.LimitSendBuffer, 95},
		{"the send buffer is full of less than either window", nil, []func(*conn.Conn){sent(50e3, 950), full, waits, func(c *conn.Conn) { c.SendQueue = 9999 }}, conn.LimitSendBuffer, 95},
		{"paced into a window that is often shut", nil, []func(*conn.Conn){sent(50e3, 1000), rwnd(250), waits, narrow}, conn.LimitPeerWindow, 100},
		{"paced into a window that is rarely shut", nil, []func(*conn.Conn){sent(50e3, 1000), rwnd(249), waits, narrow}, conn.LimitCwnd, 75},
		{"shut often, but the congestion window is smaller", nil, []func(*conn.Conn){sent(50e3, 1000), rwnd(300), waits}, conn.LimitCwnd, 70},
		{"full, but of more than the congestion window", nil, []func(*conn.Conn){sent(5e6, 950), full, waits}, conn.LimitCwnd, 95},
		{"data waits to be sent", nil, []func(*conn.Conn){sent(5e6, 1000), waits}, conn.LimitCwnd, 100},
		{"data waited at the start", []func(*conn.Conn){waits}, []func(*conn.Conn){sent(5e6, 600)}, conn.LimitCwnd, 60},
		{"a full congestion window", nil, []func(*conn.Conn){sent(5e6, 1000), cwnd}, conn.LimitCwnd, 100},
		{"in recovery", nil, []func(*conn.Conn){sent(5e6, 1000), cwnd, recovery}, conn.LimitLoss, 100},
		{"one segment in a hundred again", nil, []func(*conn.Conn){sent(500e3, 1000), waits, again(5)}, conn.LimitLoss, 100},
		{"less than one in a hundred again", nil, []func(*conn.Conn){sent(500e3, 1000), waits, again(4)}, conn.LimitCwnd, 100},
		{"nothing read", []func(*conn.Conn){unread(1000)}, []func(*conn.Conn){received(3000), unread(4000)}, conn.LimitReader, 100},
		{"nothing came and nothing was read", []func(*conn.Conn){unread(500)}, []func(*conn.Conn){unread(500)}, conn.LimitReader, 100},
		{"less read than waited", []func(*conn.Conn){unread(900)}, []func(*conn.Conn){received(500), unread(600)}, conn.LimitReader, 100},
		{"a fifth of what was read waits", []func(*conn.Conn){unread(1000)}, []func(*conn.Conn){received(5000), unread(1000)}, none, 0},
		{"most of what was read waits", []func(*conn.Conn){unread(1000)}, []func(*conn.Conn){received(1500), unread(1000)}, conn.LimitReader, 67},
		{"the queue is as large as the window", []func(*conn.Conn){unread(64000)}, []func(*conn.Conn){received(900e3), unread(64000)}, conn.LimitReader, 100},
		{"all was read in between", []func(*conn.Conn){unread(1000)}, []func(*conn.Conn){received(5000), unread(0)}, none, 0},
		{"the end waits to be read", []func(*conn.Conn){unread(1)}, []func(*conn.Conn){unread(1), func(c *conn.Conn) { c.State = conn.CloseWait }}, conn.LimitReader, 100},
		{"neither reads nor is read", []func(*conn.Conn){unread(500)}, []func(*conn.Conn){sent(0, 1000), rwnd(1000), unread(500)}, conn.LimitReader, 100},
		{"half the peer's, half the program's", nil, []func(*conn.Conn){sent(50e3, 500), rwnd(500)}, conn.LimitApp, 50},
		{"a chronograph runs ahead of the tick", nil, []func(*conn.Conn){sent(50e3, 1010), rwnd(1010)}, conn.LimitPeerWindow, 100},
		{"a chronograph seems to run backwards", nil, []func(*conn.Conn){func(c *conn.Conn) { c.Busy, c.RwndLimited = 0, 0 }}, conn.LimitIdle, 100},
		{"not established", nil, []func(*conn.Conn){func(c *conn.Conn) { c.State = conn.SynSent }}, none, 0},
		{"not measured", nil, []func(*conn.Conn){func(c *conn.Conn) { c.Has &^= conn.HasPath }}, none, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tab := table.New(table.Config{})
			before := sender(tc.was...)
			tab.Apply(at(0, before))
			after := before
			for _, change := range tc.now {
				change(&after)
			}
			tab.Apply(at(1, after))
			if r := rows(tab.Snapshot())[0]; r.Limit != tc.want || r.Share != tc.share {
				t.Errorf("%v %d %%, want %v %d %%", r.Limit, r.Share, tc.want, tc.share)
			}
		})
	}
}

// limits are a row's verdicts at each of the samples.
func limits(tab *table.Table, samples ...*conn.Sample) (all []conn.Limit) {
	for _, s := range samples {
		tab.Apply(s)
		for _, r := range rows(tab.Snapshot()) {
			all = append(all, r.Limit)
		}
	}
	return all
}

// TestLimitStandsStill has ticks in which no source names the row: its chronograph runs
// on, and when the row moves again only the last tick counts.
func TestLimitStandsStill(t *testing.T) {
	const peer, app, idle = conn.LimitPeerWindow, conn.LimitApp, conn.LimitIdle
	stuck := sender(func(c *conn.Conn) { c.Chrono, c.SendQueue, c.Unsent = conn.ChronoRwnd, 5000, 5000 })
	freed := stuck
	freed.Chrono, freed.SendQueue, freed.Unsent = 0, 0, 0
	freed.TxBytes += 5000
	freed.Busy += 3100e3 // three ticks that were not named, a tenth of the fourth
	freed.RwndLimited += 3100e3
	tab := table.New(table.Config{})
	got := limits(tab, at(0, stuck), at(1), at(2), at(3), at(4, freed), at(5), at(6))
	want := []conn.Limit{peer, peer, peer, peer, app, idle, idle}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("limits %v, want %v", got, want)
		}
	}
	r := rows(tab.Snapshot())[0]
	if busy, rwnd, _ := r.Chronographs(start + 9*second); busy != freed.Busy || rwnd != freed.RwndLimited {
		t.Errorf("chronographs at rest have %d and %d µs, want %d and %d", busy, rwnd, freed.Busy, freed.RwndLimited)
	}
}

func TestChronographsRunOn(t *testing.T) {
	tab := table.New(table.Config{})
	tab.Apply(at(0, sender(func(c *conn.Conn) { c.Chrono = conn.ChronoSndbuf })))
	tab.Apply(at(2))
	r := rows(tab.Snapshot())[0]
	if busy, rwnd, sndbuf := r.Chronographs(start + 2*second); busy != 2900e3 || rwnd != 500e3 || sndbuf != 2100e3 {
		t.Errorf("busy %d, rwnd %d, sndbuf %d µs", busy, rwnd, sndbuf)
	}
	if r.Moved {
		t.Error("time alone has moved the row")
	}
}

// TestZeroWindow counts the ticks that begin and end with our window shut.
func TestZeroWindow(t *testing.T) {
	shut := sender(func(c *conn.Conn) { c.RcvWnd = 0 })
	open := sender(received(1000))
	again := open
	again.RcvWnd, again.RxPackets = 0, 12
	tab := table.New(table.Config{})
	for i, want := range []uint64{0, 1e6, 2e6, 2e6, 2e6, 3e6} {
		tab.Apply([]*conn.Sample{at(0, shut), at(1), at(2), at(3, open), at(4, again), at(5)}[i])
		r := rows(tab.Snapshot())[0]
		if got := r.ShutFor(start + int64(i)*second); got != want {
			t.Errorf("tick %d: shut for %d µs, want %d", i, got, want)
		}
	}
}

// TestLimitAfterLoss has a loss whose small congestion window holds back for a second
// more, or for the next tick where those are longer.
func TestLimitAfterLoss(t *testing.T) {
	for every, want := range map[float64]int{0.25: 5, 1: 2, 5: 2} {
		c := sender(func(c *conn.Conn) { c.SendQueue, c.Unsent = 15000, 5000 })
		tab := table.New(table.Config{})
		tab.Apply(at(0, c))
		lost := 0
		for i := 1; i < 10; i++ {
			sent(100e3, uint64(every*1000))(&c)
			if i == 1 {
				c.RetransPackets += 5
			}
			tab.Apply(at(float64(i)*every, c))
			switch r := rows(tab.Snapshot())[0]; r.Limit {
			case conn.LimitLoss:
				lost++
			case conn.LimitCwnd:
			default:
				t.Errorf("ticks of %v s: %v", every, r.Limit)
			}
		}
		if lost != want {
			t.Errorf("ticks of %v s: %d of loss, want %d", every, lost, want)
		}
	}
}

// TestLimitOfNew has a connection that opened within the tick: only its own life counts.
func TestLimitOfNew(t *testing.T) {
	tab := table.New(table.Config{})
	tab.Apply(at(0))
	c := opened(sender(), 0.5)
	c.Busy, c.RwndLimited, c.SndbufLimited = 450e3, 400e3, 0
	tab.Apply(at(1, c))
	if r := rows(tab.Snapshot())[0]; r.Limit != conn.LimitPeerWindow || r.Share != 80 {
		t.Errorf("%v %d %%", r.Limit, r.Share)
	}
	tab.Apply(closing(at(2), c))
	if r := rows(tab.Snapshot())[0]; r.Limit != 0 {
		t.Errorf("an ended connection is held back by %v", r.Limit)
	}
}
