package diag

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tcptop/internal/conn"
)

// ids are the connections that a sample names, those that closed, and those that went.
type ids struct{ Conns, Closed, Gone []string }

func idsOf(s *conn.Sample) (n ids) {
	for i := range s.Conns {
		n.Conns = append(n.Conns, s.Conns[i].ID.String())
	}
	for i := range s.Closed {
		n.Closed = append(n.Closed, s.Closed[i].ID.String())
	}
	for _, id := range s.Gone {
		n.Gone = append(n.Gone, id.String())
	}
	slices.Sort(n.Conns)
	slices.Sort(n.Closed)
	return n
}

func (h *host) want(t *testing.T, s *conn.Sample, want ids) {
	t.Helper()
	if diff := cmp.Diff(want, idsOf(s)); diff != "" {
		t.Fatalf("tick %d (-want +got):\n%s", h.round, diff)
	}
}

// TestMoves names what is new or moved, and only that.
func TestMoves(t *testing.T) {
	h := newHost(100)
	a, b := connection(1), connection(2)
	s := h.tick(conn.TCP, a, b)
	h.want(t, s, ids{Conns: []string{"1", "2"}})
	if s.Conns[0].Opened != 0 {
		t.Errorf("older than tcptop, opened at %d", s.Conns[0].Opened)
	}
	if got, want := s.Conns[0].LastActive, h.now-20e6; got != want {
		t.Errorf("last active at %d, want %d", got, want)
	}
	set32(a.info, infoLastRecv, 400) // time passes and nothing else happens
	set32(a.info, infoLastAck, 400)
	h.want(t, h.tick(conn.TCP, a, b), ids{})
	set32(b.info, infoSegsIn, 31)
	c := connection(3)
	s = h.tick(conn.TCP, a, b, c, b) // a dump may have a socket twice
	h.want(t, s, ids{Conns: []string{"2", "3"}})
	for _, c := range s.Conns {
		if opened := c.Opened; (opened == h.now) != (c.ID.Cookie == 3) {
			t.Errorf("%v opened at %d, the tick is at %d", c.ID, opened, h.now)
		}
	}
	h.want(t, h.tick(conn.TCP, b), ids{Closed: []string{"1", "3"}})
	h.want(t, h.tick(conn.TCP), ids{Closed: []string{"2"}})
	if len(h.sp.index) != 0 || h.kept != [2]int{} || len(h.sp.rows) != 3 {
		t.Errorf("%d in the index, %d rows, %d places", len(h.sp.index), h.kept, len(h.sp.rows))
	}
}

// TestPacketsWrap has the kernel's 32-bit counters go round.
func TestPacketsWrap(t *testing.T) {
	h := newHost(100)
	a := connection(1)
	set32(a.info, infoSegsIn, 1<<32-5)
	h.tick(conn.TCP, a)
	set32(a.info, infoSegsIn, 10)
	s := h.tick(conn.TCP, a)
	h.want(t, s, ids{Conns: []string{"1"}})
	if n := s.Conns[0].RxPackets; n != 1<<32+10 {
		t.Errorf("%d packets", n)
	}
}

// TestEnds says why as far as the last state tells.
func TestEnds(t *testing.T) {
	retried := tcpInfo(info618, conn.SynSent)
	once := slices.Clone(retried)
	set32(once, infoRetrans, 0)
	for _, c := range []struct {
		info  []byte
		state conn.State
		want  conn.CloseReason
	}{
		{tcpInfo(info618, conn.Established), conn.Closed, 0},
		{tcpInfo(info618, conn.CloseWait), conn.Closed, 0},
		{tcpInfo(info618, conn.LastAck), conn.Closed, conn.FinRemote},
		{tcpInfo(info618, conn.FinWait1), conn.Closed, conn.FinLocal},
		{tcpInfo(info618, conn.FinWait2), conn.Closed, conn.FinLocal},
		{tcpInfo(info618, conn.Closing), conn.Closed, conn.FinLocal},
		{retried, conn.SynSent, 0},
		{once, conn.Closed, 0},
	} {
		h := newHost(100)
		a := connection(1)
		a.info = c.info
		before := h.tick(conn.TCP, a).Conns[0]
		s := h.tick(conn.TCP)
		h.want(t, s, ids{Closed: []string{"1"}})
		before.State, before.Reason = c.state, c.want
		if diff := cmp.Diff(before, s.Closed[0]); diff != "" {
			t.Errorf("last seen in %v (-want +got):\n%s", conn.State(c.info[0]), diff)
		}
	}
}

// TestTimeWait has a connection go on as a small socket with its owner, and go.
func TestTimeWait(t *testing.T) {
	h := newHost(100)
	h.tick(conn.TCP, connection(1))
	h.sp.rows[h.sp.index[1]].Owner = conn.Owner{PID: 42, Source: conn.OwnerProc}
	s := h.tick(conn.TCP, small(1, conn.TimeWait))
	h.want(t, s, ids{Conns: []string{"1-tw"}, Closed: []string{"1"}})
	if c := s.Conns[0]; c.Owner.PID != 42 || c.UID != 1000 || c.Has&conn.HasUID == 0 || c.Dir != conn.In || c.Opened != 0 {
		t.Errorf("%+v", c)
	}
	if r := s.Closed[0].Reason; r != conn.FinLocal {
		t.Errorf("reason %v", r)
	}
	h.want(t, h.tick(conn.TCP, small(1, conn.TimeWait)), ids{})
	h.want(t, h.tick(conn.TCP), ids{Gone: []string{"1-tw"}})
}

// TestHandshake has a syn-recv socket become a connection under the same cookie.
func TestHandshake(t *testing.T) {
	h := newHost(100)
	h.want(t, h.tick(conn.TCP, small(1, conn.SynRecv)), ids{Conns: []string{"1"}})
	h.want(t, h.tick(conn.TCP, small(1, conn.SynRecv), small(2, conn.SynRecv)), ids{Conns: []string{"2"}})
	s := h.tick(conn.TCP, connection(1))
	h.want(t, s, ids{Conns: []string{"1"}, Gone: []string{"2"}})
	if c := s.Conns[0]; c.Opened != h.now || c.State != conn.Established || c.Has&conn.HasBytes == 0 || c.UID != 1000 {
		t.Errorf("%+v", c)
	}
	if h.kept != [2]int{1, 0} {
		t.Errorf("%d rows", h.kept)
	}
	h.want(t, h.tick(conn.TCP), ids{Closed: []string{"1"}})
}

// TestReconnect has one socket serve several connections, each with counters of its own.
func TestReconnect(t *testing.T) {
	for what, change := range map[string]func(*fake){
		"another peer":   func(f *fake) { f.remote = "10.0.0.3:50000" },
		"another port":   func(f *fake) { f.local = "10.0.0.1:444" },
		"fewer bytes":    func(f *fake) { set64(f.info, infoReceived, 5) },
		"a new SYN":      func(f *fake) { f.info[0] = uint8(conn.SynSent) },
		"it now listens": func(f *fake) { f.state, f.info[0] = conn.Listen, uint8(conn.Listen) },
	} {
		h := newHost(100)
		a := connection(1)
		h.tick(conn.TCP, a)
		change(a)
		s := h.tick(conn.TCP, a)
		h.want(t, s, ids{Conns: []string{"1-1"}, Closed: []string{"1"}})
		if s.Conns[0].Opened != h.now {
			t.Errorf("%s: opened at %d", what, s.Conns[0].Opened)
		}
		h.want(t, h.tick(conn.TCP, a), ids{})
		h.want(t, h.tick(conn.TCP), ids{Closed: []string{"1-1"}})
	}
}

// TestUDPConnects has a UDP socket choose its remote: another flow.
func TestUDPConnects(t *testing.T) {
	h := newHost(100)
	a := connection(1)
	a.state, a.info, a.remote = conn.Closed, nil, ""
	h.want(t, h.tick(conn.UDP, a), ids{Conns: []string{"1"}})
	a.state, a.remote = conn.Established, "10.0.0.9:53"
	h.want(t, h.tick(conn.UDP, a), ids{Conns: []string{"1-77359400"}, Closed: []string{"1"}})
	s := h.tick(conn.UDP)
	h.want(t, s, ids{Closed: []string{"1-77359400"}})
	if c := s.Closed[0]; c.State != 0 || c.Reason != 0 || c.Has&(conn.HasBytes|conn.HasPackets) != 0 {
		t.Errorf("%+v", c)
	}
}

// TestSkipped has a dump that passes over a connection that is there.
func TestSkipped(t *testing.T) {
	h := newHost(100)
	h.tick(conn.TCP, connection(1), connection(2))
	h.skipped = map[uint64]bool{1: true}
	h.want(t, h.tick(conn.TCP), ids{Closed: []string{"2"}})
	h.skipped = nil
	h.want(t, h.tick(conn.TCP, connection(1)), ids{})
	h.want(t, h.tick(conn.TCP), ids{Closed: []string{"1"}})
}

// TestListenerTellsDirection takes a connection to a listener's port for accepted
// where its counters don't tell.
func TestListenerTellsDirection(t *testing.T) {
	h := newHost(100)
	l, a, b := connection(1), connection(2), connection(3)
	l.state, l.info, l.remote = conn.Listen, tcpInfo(info618, conn.Listen), ""
	b.local = "10.0.0.1:444"
	for _, f := range []*fake{a, b} {
		set64(f.info, infoAcked, 7)
	}
	for _, c := range h.tick(conn.TCP, l, a, b).Conns {
		want := map[uint64]conn.Dir{1: conn.DirListen, 2: conn.In, 3: 0}[c.ID.Cookie]
		if c.Dir != want {
			t.Errorf("%v: %v, want %v", c.ID, c.Dir, want)
		}
	}
}

// TestBound has more sockets than rows: what is left out is counted, once.
func TestBound(t *testing.T) {
	h := newHost(2)
	s := h.tick(conn.TCP, connection(1), connection(2), connection(3), connection(4))
	h.want(t, s, ids{Conns: []string{"1", "2"}})
	s = h.tick(conn.TCP, connection(1), connection(2), connection(3), connection(4))
	if s.Loss.RowsFull != 2 {
		t.Errorf("%d rows found no room, want 2", s.Loss.RowsFull)
	}
	if got := conn.ByRemote(s.Totals); len(got) != 1 || got[0].Open != 2 || got[0].Raddr == (conn.Addr{}) {
		t.Errorf("%+v are not shown, want 2", got)
	}
	if s = h.tick(conn.TCP, connection(2)); len(s.Totals) != 0 {
		t.Errorf("%+v are not shown, want none", s.Totals)
	}
	s = h.tick(conn.TCP, connection(2), connection(3), connection(4))
	h.want(t, s, ids{Conns: []string{"3"}})
	if s.Loss.RowsFull != 3 {
		t.Errorf("%d rows found no room, want 3", s.Loss.RowsFull)
	}
}

// TestSmallBound has time-wait sockets fill the room that there is for them, and none
// of the connections'.
func TestSmallBound(t *testing.T) {
	h := newHost(2)
	s := h.tick(conn.TCP, small(1, conn.TimeWait), small(2, conn.TimeWait), small(3, conn.TimeWait), connection(4), connection(5))
	h.want(t, s, ids{Conns: []string{"1-tw", "2-tw", "4", "5"}})
	if s.Loss.RowsFull != 1 {
		t.Errorf("%d rows found no room, want 1", s.Loss.RowsFull)
	}
}

// TestUnreadable counts what cannot be decoded and goes on.
func TestUnreadable(t *testing.T) {
	h := newHost(100)
	bad := connection(1)
	bad.attrs = []byte{1, 0, 0, 0}
	s := h.tick(conn.TCP, bad, connection(2))
	h.want(t, s, ids{Conns: []string{"2"}})
	if s.Loss.Stale != 1 {
		t.Errorf("stale %d", s.Loss.Stale)
	}
}

// TestNamespaceGone ends all that was in it.
func TestNamespaceGone(t *testing.T) {
	h := newHost(100)
	h.tick(conn.TCP, connection(1), small(2, conn.TimeWait))
	h.begin(h.now+1e9, h.out.Time)
	h.drop(h.sp)
	h.finish()
	h.want(t, &h.out, ids{Closed: []string{"1"}, Gone: []string{"2-tw"}})
	if h.kept != [2]int{} {
		t.Errorf("%d rows", h.kept)
	}
}

// TestSteady takes ticks in which nothing moves without allocating.
func TestSteady(t *testing.T) {
	h := newHost(100)
	msgs := [][]byte{connection(1).bytes(), connection(2).bytes(), small(3, conn.TimeWait).bytes()}
	tick := func() {
		h.begin(h.now+1e9, h.out.Time)
		for _, m := range msgs {
			h.fold(h.sp, conn.TCP, m, 0)
		}
		h.sweep(h.sp, nil)
		h.finish()
	}
	tick()
	if n := testing.AllocsPerRun(100, tick); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
