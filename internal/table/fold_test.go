package table_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

func TestOpen(t *testing.T) {
	tab := table.New(table.Config{})
	tab.Apply(at(0))
	want(t, tab, at(2, opened(tcp(1, 100, 200), 1.5), opened(tcp(2, 100, 200), -5), tcp(3, 100, 200)),
		line{1, conn.EventOpen, conn.Established, true, 100, 200, 50, 100},
		line{2, conn.EventSample, conn.Established, false, 100, 200, 0, 0},
		line{3, conn.EventSample, conn.Established, false, 100, 200, 0, 0})
	want(t, tab, at(3, tcp(3, 110, 200)),
		line{1, conn.EventSample, conn.Established, false, 100, 200, 0, 0},
		line{2, conn.EventSample, conn.Established, false, 100, 200, 0, 0},
		line{3, conn.EventSample, conn.Established, true, 110, 200, 10, 0})
}

// A connection that opened just before a tick may be sampled only in the next one.
func TestOpenComesATickLate(t *testing.T) {
	tab := table.New(table.Config{})
	tab.Apply(at(0))
	tab.Apply(at(1))
	tab.Apply(at(2))
	want(t, tab, closing(at(3, opened(tcp(1, 100, 200), 1.999), opened(tcp(2, 100, 200), 0.5)), opened(tcp(3, 10, 20), 1.999)),
		line{3, conn.EventClose, conn.Established, true, 10, 20, 10, 20},
		line{1, conn.EventOpen, conn.Established, true, 100, 200, 100, 200},
		line{2, conn.EventSample, conn.Established, false, 100, 200, 0, 0})
}

func TestClose(t *testing.T) {
	tab := table.New(table.Config{})
	tab.Apply(at(0, tcp(1, 100, 100)))
	final := tcp(1, 150, 100)
	final.State = 0
	want(t, tab, closing(at(1), final), line{1, conn.EventClose, conn.Closed, true, 150, 100, 50, 0})
	want(t, tab, at(2))
}

func TestCloseWithinATick(t *testing.T) {
	tab := table.New(table.Config{})
	tab.Apply(at(0))
	final := opened(tcp(1, 100, 200), 1)
	final.State = conn.LastAck
	want(t, tab, closing(at(2), final), line{1, conn.EventClose, conn.LastAck, true, 100, 200, 50, 100})
	want(t, tab, at(3))
}

func TestCloseOfAnUnknownOldConnectionHasNoRate(t *testing.T) {
	tab := table.New(table.Config{})
	tab.Apply(at(0))
	want(t, tab, closing(at(2), tcp(1, 100, 200)), line{1, conn.EventClose, conn.Established, true, 100, 200, 0, 0})
}

func TestCloseWinsOverConns(t *testing.T) {
	tab := table.New(table.Config{})
	tab.Apply(at(0, tcp(1, 100, 0)))
	seen := tcp(1, 110, 0)
	seen.Owner.PID = 42
	snap := want(t, tab, closing(at(1, seen), tcp(1, 120, 0)), line{1, conn.EventClose, conn.Established, true, 120, 0, 20, 0})
	if pid := rows(snap)[0].Owner.PID; pid != 42 {
		t.Errorf("owner = %d, want the one of the sample's other row", pid)
	}
	tab.Apply(at(2))
	want(t, tab, closing(at(3, opened(tcp(2, 5, 0), 2.5)), opened(tcp(2, 9, 0), 2.5)),
		line{2, conn.EventClose, conn.Established, true, 9, 0, 9, 0})
}

func TestCloseCountsWhatWasCarried(t *testing.T) {
	tab := table.New(table.Config{})
	tab.Apply(at(0, tcp(1, 0, 0)))
	tab.Apply(at(0, tcp(1, 100, 0)))
	want(t, tab, closing(at(1), tcp(1, 130, 0)), line{1, conn.EventClose, conn.Established, true, 130, 0, 130, 0})
}

func TestFailedConnect(t *testing.T) {
	tab := table.New(table.Config{})
	syn := tcp(1, 0, 0)
	syn.State = conn.SynSent
	tab.Apply(at(0, syn))
	final := tcp(1, 0, 0)
	final.State, final.Reason = conn.Closed, conn.Refused
	want(t, tab, closing(at(1), final), line{1, conn.EventFail, conn.Closed, true, 0, 0, 0, 0})
	timeout := opened(tcp(2, 0, 0), 1.5)
	timeout.State, timeout.Reason = conn.SynSent, conn.Timeout
	want(t, tab, closing(at(2), timeout), line{2, conn.EventFail, conn.SynSent, true, 0, 0, 0, 0})
}

func TestCloseAndReopenOfTheSameTuple(t *testing.T) {
	tab := table.New(table.Config{})
	tab.Apply(at(0, tcp(1, 100, 0)))
	want(t, tab, closing(at(1, opened(tcp(2, 30, 0), 0.5)), tcp(1, 120, 0)),
		line{1, conn.EventClose, conn.Established, true, 120, 0, 20, 0},
		line{2, conn.EventOpen, conn.Established, true, 30, 0, 30, 0})
	want(t, tab, at(2), line{2, conn.EventSample, conn.Established, false, 30, 0, 0, 0})
}

func TestReconnectedSocketIsAnotherConnection(t *testing.T) {
	tab := table.New(table.Config{})
	tab.Apply(at(0, tcp(1, 100, 0)))
	again := opened(tcp(1, 7, 0), 0.5)
	again.ID.Serial = 1
	want(t, tab, closing(at(1, again), tcp(1, 100, 0)),
		line{1, conn.EventClose, conn.Established, true, 100, 0, 0, 0},
		line{1, conn.EventOpen, conn.Established, true, 7, 0, 7, 0})
}

func TestTupleReuseAcrossNamespaces(t *testing.T) {
	tab := table.New(table.Config{})
	a, b := tcp(1, 10, 0), tcp(2, 20, 0)
	a.NetNS, b.NetNS = 4026531840, 4026532000
	tab.Apply(at(0, a, b))
	b.RxBytes = 25
	want(t, tab, at(1, b),
		line{1, conn.EventSample, conn.Established, false, 10, 0, 0, 0},
		line{2, conn.EventSample, conn.Established, true, 25, 0, 5, 0})
}

func TestGone(t *testing.T) {
	tab := table.New(table.Config{})
	tab.Apply(at(0, tcp(1, 10, 0), tcp(2, 20, 0)))
	s := closing(at(1), tcp(2, 20, 0))
	s.Gone = []conn.ID{{Cookie: 1}, {Cookie: 2}, {Cookie: 99}}
	want(t, tab, s, line{2, conn.EventClose, conn.Established, true, 20, 0, 0, 0})
	want(t, tab, at(2))
}

func TestShadowsMakeNoEvents(t *testing.T) {
	tab := table.New(table.Config{})
	tab.Apply(at(0))
	wait, syn := opened(tcp(1, 0, 0), 0.5), opened(tcp(2, 0, 0), 0.5)
	wait.State, wait.Has = conn.TimeWait, 0
	syn.State, syn.Has = conn.SynRecv, 0
	want(t, tab, at(1, wait, syn),
		line{1, conn.EventSample, conn.TimeWait, false, 0, 0, 0, 0},
		line{2, conn.EventSample, conn.SynRecv, false, 0, 0, 0, 0})
	want(t, tab, closing(at(2, opened(tcp(2, 50, 0), 1.5)), wait),
		line{2, conn.EventOpen, conn.Established, true, 50, 0, 50, 0})
	wait.ID.Cookie = 3
	want(t, tab, closing(at(3), wait), line{2, conn.EventSample, conn.Established, false, 50, 0, 0, 0})
}

func TestOwnerIsInherited(t *testing.T) {
	known := tcp(1, 0, 0)
	known.Has |= conn.HasUID | conn.HasCgroup | conn.HasPackets
	known.Owner = conn.Owner{PID: 7, Start: 8, Comm: conn.MakeName("nginx"), Source: conn.OwnerConnect}
	known.Dir, known.Opened, known.ConnectTime, known.UID, known.Cgroup = conn.In, 5, 6, 33, 44
	known.RxPackets = 3
	known.Place, known.Process = &conn.Place{Unit: "nginx.service"}, &conn.Process{Exe: "/usr/sbin/nginx"}

	bare := tcp(1, 10, 10)
	merged := known
	merged.RxBytes, merged.TxBytes, merged.Sampled = 10, 10, start+second
	for name, s := range map[string]*conn.Sample{"moved": at(1, bare), "closed": closing(at(1), bare)} {
		tab := table.New(table.Config{})
		tab.Apply(at(0, known))
		tab.Apply(s)
		if diff := cmp.Diff(merged, rows(tab.Snapshot())[0].Conn); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestNewOwnerReplacesTheOld(t *testing.T) {
	tab := table.New(table.Config{})
	c := tcp(1, 0, 0)
	c.Owner.PID = 7
	tab.Apply(at(0, c))
	c.Owner.PID = 8
	want(t, tab, at(1, c), line{1, conn.EventSample, conn.Established, false, 0, 0, 0, 0})
	c.Owner = conn.Owner{Kernel: true}
	tab.Apply(at(2, c))
	if got := rows(tab.Snapshot())[0].Owner; got != c.Owner {
		t.Errorf("owner = %+v, want the kernel", got)
	}
}

// TestBrief has connections end that came within the tick, that were there unseen, and that had a row.
func TestBrief(t *testing.T) {
	tab := table.New(table.Config{})
	tab.Apply(at(0))
	known := tcp(3, 0, 0)
	tab.Apply(at(1, known))
	tab.Apply(closing(at(2), opened(tcp(1, 5, 5), 1.5), tcp(2, 5, 5), known))
	snap := tab.Snapshot()
	for r := range snap.Rows() {
		if r.Event != conn.EventClose || r.Brief != (r.ID.Cookie == 1) {
			t.Errorf("%v: event %v, brief %v", r.ID, r.Event, r.Brief)
		}
	}
	if snap.Len() != 3 {
		t.Errorf("%d rows, want 3", snap.Len())
	}
}
