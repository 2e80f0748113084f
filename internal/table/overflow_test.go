package table_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

func owned(c conn.Conn, pid uint32) conn.Conn {
	c.Owner.PID, c.Owner.Comm = pid, conn.MakeName("proc")
	return c
}

func TestOverflow(t *testing.T) {
	tab := table.New(table.Config{MaxRows: 2})
	snap := want(t, tab, at(0, tcp(1, 1, 0), tcp(2, 2, 0), owned(tcp(3, 3, 0), 9), owned(tcp(4, 4, 0), 9)),
		line{1, conn.EventSample, conn.Established, false, 1, 0, 0, 0},
		line{2, conn.EventSample, conn.Established, false, 2, 0, 0, 0})
	if snap.Loss.RowsFull != 2 || snap.Lost.RowsFull != 2 || snap.NotShown() != 2 {
		t.Errorf("Loss %+v Lost %+v Totals %v", snap.Loss, snap.Lost, snap.Totals)
	}

	open := []conn.OwnerTotal{{PID: 9, Comm: conn.MakeName("proc"), Proto: conn.TCP, Open: 2, OpenRx: 7}}
	if diff := cmp.Diff(open, snap.Totals); diff != "" || snap.Ended != nil {
		t.Errorf("totals (-want +got):\n%s ended %v", diff, snap.Ended)
	}

	s := closing(at(1, owned(tcp(4, 40, 4), 9)), owned(tcp(3, 30, 3), 9), owned(tcp(5, 50, 5), 9))
	s.Totals = []conn.OwnerTotal{
		{PID: 1, Comm: conn.MakeName("init"), Conns: 1, RxBytes: 1},
		{PID: 9, Comm: conn.MakeName("proc"), Proto: conn.TCP, Conns: 10, RxBytes: 1000, TxBytes: 100},
	}
	tab.Apply(s)
	snap = tab.Snapshot()
	if snap.Loss.RowsFull != 3 || snap.Lost.RowsFull != 1 {
		t.Errorf("Loss %+v Lost %+v", snap.Loss, snap.Lost)
	}
	totals := []conn.OwnerTotal{s.Totals[0], {PID: 9, Comm: conn.MakeName("proc"), Proto: conn.TCP, Conns: 12, RxBytes: 1080, TxBytes: 108, Open: 1, OpenRx: 40, OpenTx: 4}}
	if diff := cmp.Diff(totals, snap.Totals); diff != "" {
		t.Errorf("totals (-want +got):\n%s", diff)
	}
	totals[1].Open, totals[1].OpenRx, totals[1].OpenTx = 0, 0, 0
	if diff := cmp.Diff(totals, snap.Ended); diff != "" || snap.NotShown() != 1 {
		t.Errorf("%d not shown; ended (-want +got):\n%s", snap.NotShown(), diff)
	}

	s = at(2)
	s.Gone = []conn.ID{{Cookie: 4}}
	tab.Apply(s)
	if snap = tab.Snapshot(); snap.NotShown() != 0 || snap.Ended != nil {
		t.Errorf("%d not shown after the last has gone, ended %v", snap.NotShown(), snap.Ended)
	}
}

// TestOverflowByRemote has connections without a row move to another owner and remote's sum
// when more is known of them.
func TestOverflowByRemote(t *testing.T) {
	to := func(c conn.Conn, last byte) conn.Conn {
		c.Raddr, c.Has = conn.Addr{15: last}, c.Has|conn.HasRaddr
		return c
	}
	tab := table.New(table.Config{MaxRows: 3})
	tab.Apply(at(0, tcp(1, 0, 0), tcp(5, 0, 0), tcp(6, 0, 0), to(tcp(2, 20, 2), 7), to(tcp(3, 30, 3), 7), to(owned(tcp(4, 40, 4), 9), 8)))
	tab.Apply(closing(at(1, to(owned(tcp(2, 25, 2), 9), 7)), to(tcp(3, 35, 3), 7)))
	snap := tab.Snapshot()
	remotes := []conn.OwnerTotal{
		{Raddr: conn.Addr{15: 7}, Conns: 1, RxBytes: 35, TxBytes: 3, Open: 1, OpenRx: 25, OpenTx: 2},
		{Raddr: conn.Addr{15: 8}, Open: 1, OpenRx: 40, OpenTx: 4},
	}
	if diff := cmp.Diff(remotes, conn.ByRemote(snap.Totals)); diff != "" {
		t.Errorf("by remote (-want +got):\n%s", diff)
	}
	owners := []conn.OwnerTotal{
		{PID: 9, Comm: conn.MakeName("proc"), Open: 2, OpenRx: 65, OpenTx: 6},
		{Conns: 1, RxBytes: 35, TxBytes: 3},
	}
	if diff := cmp.Diff(owners, conn.ByOwner(snap.Totals)); diff != "" {
		t.Errorf("by owner (-want +got):\n%s", diff)
	}
}

func TestOverflowEndsWhenThereIsRoom(t *testing.T) {
	tab := table.New(table.Config{MaxRows: 1})
	tab.Apply(at(0, tcp(1, 1, 0), tcp(2, 2, 0)))
	tab.Apply(closing(at(1), tcp(1, 1, 0)))
	snap := want(t, tab, at(2, tcp(2, 20, 0)), line{2, conn.EventSample, conn.Established, false, 20, 0, 0, 0})
	if snap.Loss.RowsFull != 1 || snap.Lost.RowsFull != 0 {
		t.Errorf("Loss %+v Lost %+v", snap.Loss, snap.Lost)
	}
	snap = want(t, tab, closing(at(3), tcp(2, 25, 0)), line{2, conn.EventClose, conn.Established, true, 25, 0, 5, 0})
	if snap.Totals != nil {
		t.Errorf("a connection with a row is in the totals: %v", snap.Totals)
	}
}

func TestOverflowCountsHiddenRows(t *testing.T) {
	tab := table.New(table.Config{MaxRows: 1})
	tab.Apply(at(0, udp(1, 100)))
	tab.Apply(at(5))
	snap := want(t, tab, at(6, udp(2, 100)))
	if snap.Loss.RowsFull != 1 {
		t.Errorf("Loss %+v", snap.Loss)
	}
}

func TestLossIsTheSourcesAndOurs(t *testing.T) {
	tab := table.New(table.Config{MaxRows: 1})
	s := at(0, tcp(1, 0, 0))
	s.Loss = conn.Loss{TableFull: 5, RingFull: 1, RowsFull: 10}
	tab.Apply(s)
	s = at(1, tcp(2, 0, 0))
	s.Loss = conn.Loss{TableFull: 7, RingFull: 0, Stale: 3, RowsFull: 10}
	tab.Apply(s)
	snap := tab.Snapshot()
	if diff := cmp.Diff(conn.Loss{TableFull: 7, Stale: 3, RowsFull: 11}, snap.Loss); diff != "" {
		t.Errorf("Loss (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(conn.Loss{TableFull: 2, Stale: 3, RowsFull: 1}, snap.Lost); diff != "" {
		t.Errorf("Lost (-want +got):\n%s", diff)
	}
}

// TestOverflowMany has many times more open connections than rows: all of them are in the sums.
func TestOverflowMany(t *testing.T) {
	tab := table.New(table.Config{MaxRows: 10})
	for tick := range uint64(2) {
		s := at(float64(tick))
		for i := range uint64(5000) {
			s.Conns = append(s.Conns, tcp(i+1, 10*tick, tick))
		}
		tab.Apply(s)
		snap := tab.Snapshot()
		want := conn.OwnerTotal{Open: 4990, OpenRx: 49900 * tick, OpenTx: 4990 * tick}
		if all := conn.ByOwner(snap.Totals); len(all) != 1 || all[0] != want {
			t.Errorf("tick %d: %+v, want %+v", tick, all, want)
		}
	}
}

// TestDatagrams has datagrams without a row, of which a tick tells those that it had, and how fast
// they went.
func TestDatagrams(t *testing.T) {
	tab := table.New(table.Config{})
	sums := func(datagrams, rx, tx, tcp uint64) []conn.OwnerTotal {
		return []conn.OwnerTotal{{PID: 1, Proto: conn.UDP, Datagrams: datagrams, RxBytes: rx, TxBytes: tx}, {PID: 1, Proto: conn.TCP, Conns: tcp, RxBytes: tcp}}
	}
	for i, c := range []struct{ sums, ended []conn.OwnerTotal }{
		{sums(5, 500, 50, 1), nil},
		{sums(7, 700, 51, 1), sums(2, 200, 1, 0)[:1]},
		{sums(7, 700, 51, 3), sums(0, 0, 0, 2)[1:]},
		{sums(8, 700, 51, 3), sums(1, 0, 0, 0)[:1]}, // an empty one
	} {
		s := at(float64(2 * i))
		s.Totals = c.sums
		tab.Apply(s)
		snap := tab.Snapshot()
		if diff := cmp.Diff(c.ended, snap.Ended); diff != "" {
			t.Errorf("%d: (-want +got):\n%s", i, diff)
		}
		for j := range snap.Ended {
			e := &snap.Ended[j]
			rx, tx, known := snap.DatagramRates(e)
			if want := e.Proto == conn.UDP; known != want || want && (rx != e.RxBytes/2 || tx != (e.TxBytes+1)/2) {
				t.Errorf("%d: %d and %d bytes per second, known %v, of %+v", i, rx, tx, known, e)
			}
		}
	}
}
