package kernel

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tcptop/internal/conn"
	"tcptop/internal/diag"
	"tcptop/internal/enrich"
	"tcptop/internal/table"
	"tcptop/internal/testkit"
)

// openDiag opens the sock_diag collector until the test ends. TCP and UDP are both
// measured unless cfg says which; no interval is the shortest.
func openDiag(t testing.TB, cfg conn.Config) *diag.Diag {
	t.Helper()
	if !cfg.TCP && !cfg.UDP {
		cfg.TCP, cfg.UDP = true, true
	}
	if cfg.Interval == 0 {
		cfg.Interval = tick
	}
	d, err := diag.Open(cfg)
	if err != nil {
		t.Fatalf("open sock_diag: %v", err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("close sock_diag: %v", err)
		}
	})
	return d
}

// watchDiag is watch for the sock_diag collector.
func watchDiag(t testing.TB, cfg conn.Config) *watcher {
	t.Helper()
	d := openDiag(t, cfg)
	w := watchSource(t, d.Samples, cfg, enrich.Config{})
	w.holders = d.Holders
	return w
}

// TestDiagBulk watches 200 connections of all kinds and families that live longer than
// a tick, from before they open until after they close: exact at both ends, and whose.
func TestDiagBulk(t *testing.T) {
	testkit.Root(t)
	w := watchDiag(t, conn.Config{TCP: true})
	load := testkit.Start(t, testkit.NetNS(t), "bulk", "-n", fmt.Sprint(testkit.Scaled(200)), "-hold")
	truths := load.Ready()
	w.until(patience, func(s *seen) error { return allAgree(bySocket(s.live), truths) })
	load.Finish()
	w.until(patience, func(s *seen) error { return allClosed(s, truths) })
	if err := noLoss(w.stop()); err != nil {
		t.Error(err)
	}
	for _, r := range truths {
		row := bySocket(w.seen.last)[r.Cookie]
		if row.Owner.Source != conn.OwnerProc || row.Owner.Start == 0 || row.Partial {
			t.Errorf("row of socket %s: owner %+v, partial %v", r.Cookie, row.Owner, row.Partial)
		}
	}
}

// TestDiagBefore starts when all bytes have moved already: the first tick has to know
// all of them, and whose they are.
func TestDiagBefore(t *testing.T) {
	testkit.Root(t)
	load := testkit.Start(t, testkit.NetNS(t), "bulk", "-n", fmt.Sprint(testkit.Scaled(200)), "-hold")
	truths := load.Ready()
	w := watchDiag(t, conn.Config{TCP: true})
	w.until(patience, func(s *seen) error {
		if err := allAgree(bySocket(s.start), asSeen(bySocket(s.start), truths)); err != nil {
			return err
		}
		for _, r := range s.start {
			if r.Event != conn.EventSample || r.Opened != 0 || r.RxRate+r.TxRate != 0 {
				return fmt.Errorf("%v: event %v, opened %d, rates %d and %d", r.ID, r.Event, r.Opened, r.RxRate, r.TxRate)
			}
		}
		return nil
	})
	load.Finish()
	w.until(patience, func(s *seen) error { return allClosed(s, asSeen(bySocket(s.start), truths)) })
}

// TestDiagLikeProbe compares the rows of both collectors field by field: what sock_diag
// measures is the same, under the same id.
func TestDiagLikeProbe(t *testing.T) {
	ns := testkit.NetNS(t)
	ns.Nft(dropData)
	load := testkit.Start(t, ns, "bulk", "-n", "48", "-par", "8", "-max", "2097152", "-hold")
	load.Ready()
	l := listen(t, ns, 0, 8)
	c := dial(t, ns, 0, l)
	clog(t, c)
	l.accept()
	bpf, dump := watch(t, conn.Config{TCP: true}), watchDiag(t, conn.Config{TCP: true})
	// When a packet last came, sock_diag knows to the kernel's tick, and not of an
	// acknowledgement that was sent late (tcp_delack_max, 200 ms), nor of the probes of a
	// window that is shut here (tcp_validate_incoming).
	unlike := cmp.Options{
		cmpopts.IgnoreFields(conn.Conn{}, "LastActive", "Sampled", "Place", "Seat"),
		// Which chronograph runs, and whether the congestion window was full when something
		// was last sent, tcp_info does not say: the verdicts have to agree all the same.
		cmpopts.IgnoreFields(conn.Conn{}, "Busy", "RwndLimited", "SndbufLimited", "Chrono", "CwndLimited"),
		cmpopts.IgnoreFields(conn.Conn{}, "Holders", "AcceptTime", "Accepts", "AcceptP50", "AcceptP99", "SYNQueue", "SYNFlood", "ListenOverflows", "ListenDrops", "CookiesSent"),
		cmpopts.IgnoreFields(conn.Owner{}, "Source"),
		cmpopts.EquateEmpty(),
	}
	dump.until(patience, func(s *seen) error {
		got := conns(in(ns, s.live))
		var want map[conn.ID]conn.Conn
		var other map[conn.ID]table.Row
		var otherTime int64
		_ = bpf.look(func(s *seen) error {
			want, other, otherTime = conns(in(ns, s.live)), s.live, s.mono
			return nil
		})
		for _, rows := range []map[conn.ID]conn.Conn{want, got} { // only hooks tell of listeners; holders are counted now and then
			for id, c := range rows {
				c.Has &^= conn.HasHolders | conn.HasAccepts | conn.HasListens
				rows[id] = c
			}
		}
		for id, c := range want { // tcp_info has it since 6.2
			if got[id].Has&conn.HasRcvWnd == 0 {
				c.Has, c.RcvWnd = c.Has&^conn.HasRcvWnd, 0
				want[id] = c
			}
		}
		if diff := cmp.Diff(want, got, unlike); diff != "" || len(got) < 2*48+3 {
			return fmt.Errorf("%d rows (-bpf +diag):\n%.4000s", len(got), diff)
		}
		for id, w := range want {
			if d := got[id].LastActive - w.LastActive; w.LastActive != 0 && w.RecvQueue == 0 && (d < -int64(testkit.Patience(220*time.Millisecond)) || d > int64(testkit.Patience(20*time.Millisecond))) {
				return fmt.Errorf("%v: last active %d ns apart", id, d)
			}
			if err := sameVerdict(s.live[id], s.mono, other[id], otherTime); err != nil {
				return err
			}
		}
		return nil
	})
}

// sameVerdict compares what holds a connection back, and its times, which run on
// between the ticks of two sources.
func sameVerdict(a table.Row, at int64, b table.Row, bt int64) error {
	if a.Limit != b.Limit || max(a.Share, b.Share)-min(a.Share, b.Share) > 20 {
		return fmt.Errorf("%v is held back by %v (%d %%) and %v (%d %%)", a.ID, a.Limit, a.Share, b.Limit, b.Share)
	}
	busyA, rwndA, sndbufA := a.Chronographs(at)
	busyB, rwndB, sndbufB := b.Chronographs(bt)
	apart := max(at-bt, bt-at)/1000 + 50e3
	for _, d := range [][2]uint64{{busyA, busyB}, {rwndA, rwndB}, {sndbufA, sndbufB}} {
		if d := int64(d[0] - d[1]); d < -apart || d > apart {
			return fmt.Errorf("%v: chronographs %d µs apart", a.ID, d)
		}
	}
	return nil
}

func conns(rows []table.Row) map[conn.ID]conn.Conn {
	by := map[conn.ID]conn.Conn{}
	for i := range rows {
		by[rows[i].ID] = rows[i].Conn
	}
	return by
}
