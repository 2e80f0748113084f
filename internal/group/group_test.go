package group_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tcptop/internal/conn"
	"tcptop/internal/group"
	"tcptop/internal/table"
	"tcptop/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

const (
	second = int64(time.Second)
	start  = 1000 * second // the monotonic clock of the first tick
)

// host feeds a table and a Folder with the same ticks.
type host struct {
	rows   *table.Table
	folder *group.Folder
	now    int64
}

func newHost(cfg group.Config) *host {
	return &host{rows: table.New(table.Config{}), folder: group.New(cfg), now: start}
}

// tick is the next second.
func (h *host) tick(s conn.Sample) *group.View {
	s.Time, s.Mono, s.Host, s.Origin = time.Unix(0, h.now).UTC(), h.now, "web-1", conn.FromBPF
	h.now += second
	h.rows.Apply(&s)
	snap := h.rows.Snapshot()
	defer snap.Release()
	return h.folder.Fold(snap)
}

// read is the next second, and somebody reads it.
func (h *host) read(s conn.Sample) *group.View {
	v := h.tick(s)
	v.Read()
	return v
}

// tcp is a connection to port 443 that is older than the agent.
func tcp(cookie, rx, tx uint64) conn.Conn {
	c := conn.Conn{ID: conn.ID{Cookie: cookie}, Has: conn.HasBytes | conn.HasPackets | conn.HasPath | conn.HasRaddr, Proto: conn.TCP, State: conn.Established,
		Dir: conn.Out, Lport: 40000, Rport: 443, NetNS: 1, RTT: 1500, RxBytes: rx, TxBytes: tx, RxPackets: rx / 10, TxPackets: tx / 10,
		Owner: conn.Owner{PID: 1, Comm: conn.MakeName("curl")}}
	c.Raddr[10], c.Raddr[11], c.Raddr[12], c.Raddr[15] = 0xff, 0xff, 10, 7
	return c
}

// young is one that opened since the tick before.
func (h *host) young(c conn.Conn) conn.Conn {
	c.Opened = h.now - 1
	return c
}

func (h *host) closed(c conn.Conn, why conn.CloseReason) conn.Sample {
	c.State, c.Reason = conn.Closed, why
	return conn.Sample{Closed: []conn.Conn{c}}
}

// groups is what a View tells of bytes by process.
func groups(v *group.View) map[string][2]uint64 {
	all := map[string][2]uint64{}
	for _, g := range v.Groups {
		name := g.Key.Labels()[0]
		all[name] = [2]uint64{all[name][0] + g.Moved.RxBytes, all[name][1] + g.Moved.TxBytes}
	}
	return all
}

func wantGroups(t *testing.T, v *group.View, want map[string][2]uint64) {
	t.Helper()
	if diff := cmp.Diff(want, groups(v)); diff != "" {
		t.Error(diff)
	}
	balanced(t, v)
}

// balanced fails unless groups and what is retired are the host's bytes.
func balanced(t *testing.T, v *group.View) {
	t.Helper()
	sum := v.Retired
	for _, g := range v.Groups {
		sum.Add(&g.Moved)
	}
	if got := v.Host.Sum(); got != sum {
		t.Fatalf("the groups and what is retired have %+v, the host %+v", sum, got)
	}
}

// What was moved before the first tick is nobody's; a new group is shown at zero before
// it counts, and the last row of a connection counts, too.
func TestFold(t *testing.T) {
	h := newHost(group.Config{})
	old := tcp(1, 1000, 2000)
	wantGroups(t, h.tick(conn.Sample{Conns: []conn.Conn{old}}), map[string][2]uint64{"other": {}})

	fresh := h.young(tcp(2, 50, 60))
	fresh.Owner.Comm = conn.MakeName("wget")
	v := h.tick(conn.Sample{Conns: []conn.Conn{tcp(1, 1001, 2000), fresh}})
	wantGroups(t, v, map[string][2]uint64{"curl": {}, "wget": {}, "other": {51, 60}})
	if v.Host.Opened[conn.TCP] != 1 || v.Host.States[conn.Established] != 2 {
		t.Errorf("opened %v, states %v", v.Host.Opened, v.Host.States)
	}
	// Nobody has read the zeros.
	v = h.read(conn.Sample{Conns: []conn.Conn{tcp(1, 1002, 2000)}})
	wantGroups(t, v, map[string][2]uint64{"curl": {}, "wget": {}, "other": {52, 60}})

	fresh.RxBytes, fresh.TxBytes = 55, 70
	v = h.tick(h.closed(fresh, conn.FinLocal))
	wantGroups(t, v, map[string][2]uint64{"curl": {}, "wget": {5, 10}, "other": {52, 60}})
	if v.Host.Closed[conn.TCP][conn.FinLocal] != 1 || v.Host.States[conn.Established] != 1 {
		t.Errorf("closed %v, states %v", v.Host.Closed, v.Host.States)
	}
	if v.Folded.RxBytes != 51 {
		t.Errorf("folded %+v", v.Folded)
	}
	v = h.tick(conn.Sample{Conns: []conn.Conn{tcp(1, 1003, 2100)}})
	wantGroups(t, v, map[string][2]uint64{"curl": {1, 100}, "wget": {5, 10}, "other": {52, 60}})
	want := group.Traffic{RxBytes: 58, TxBytes: 170, RxPackets: 0 + 5, TxPackets: 10 + 6}
	if got := v.Host.Sum(); got != want {
		t.Errorf("host %+v, want %+v", got, want)
	}
}

// A connection that comes and goes between two ticks is counted once and whole.
func TestShort(t *testing.T) {
	h := newHost(group.Config{})
	h.read(conn.Sample{})
	v := h.read(h.closed(h.young(tcp(1, 7, 8)), conn.ResetRemote))
	wantGroups(t, v, map[string][2]uint64{"curl": {}, "other": {7, 8}})
	v = h.read(h.closed(h.young(tcp(2, 7, 9)), conn.ResetRemote))
	wantGroups(t, v, map[string][2]uint64{"curl": {7, 9}, "other": {7, 8}})
	if v.Host.Opened[conn.TCP] != 2 || v.Host.Closed[conn.TCP][conn.ResetRemote] != 2 {
		t.Errorf("opened %v, closed %v", v.Host.Opened, v.Host.Closed)
	}
	for _, g := range v.Groups {
		if g.Key.Process == "curl" && (g.Opened != 1 || g.Conns != 0 || g.RTT != 0) {
			t.Errorf("%+v", g)
		}
	}
}

// A connection is counted, whole, when it is known whose it is, or when that takes long.
func TestOwnerless(t *testing.T) {
	h := newHost(group.Config{})
	h.read(conn.Sample{})
	named := h.young(tcp(1, 1, 0))
	h.read(conn.Sample{Conns: []conn.Conn{named}})
	known, never := h.young(tcp(2, 10, 0)), h.young(tcp(3, 100, 0))
	known.Owner, never.Owner = conn.Owner{}, conn.Owner{}
	v := h.read(conn.Sample{Conns: []conn.Conn{known, never}})
	wantGroups(t, v, map[string][2]uint64{"curl": {}, "other": {1, 0}})
	if v.Host.Opened[conn.TCP] != 1 || v.Host.States[conn.Established] != 3 {
		t.Errorf("opened %v, states %v", v.Host.Opened, v.Host.States)
	}
	known.Owner = named.Owner
	v = h.read(conn.Sample{Conns: []conn.Conn{known}})
	wantGroups(t, v, map[string][2]uint64{"curl": {10, 0}, "other": {1, 0}})
	for range 5 {
		v = h.read(conn.Sample{})
	}
	wantGroups(t, v, map[string][2]uint64{"curl": {10, 0}, "": {}, "other": {101, 0}})
	if v.Host.Opened[conn.TCP] != 3 {
		t.Errorf("opened %v", v.Host.Opened)
	}
}

// Connections that never had a row are the host's and nobody's.
func TestLost(t *testing.T) {
	h := newHost(group.Config{})
	totals := func(conns, rx, tx uint64) []conn.OwnerTotal {
		return []conn.OwnerTotal{{PID: 1, Conns: conns, RxBytes: rx, TxBytes: tx}, {PID: 2, Conns: 1}, {PID: 1, Proto: conn.UDP, Datagrams: conns, TxBytes: conns}}
	}
	h.tick(conn.Sample{Totals: totals(4, 400, 500)})
	v := h.tick(conn.Sample{Totals: totals(6, 410, 520)})
	wantGroups(t, v, map[string][2]uint64{"other": {10, 22}})
	if v.Host.Closed[0][0] != 2 || v.Host.Moved[0].RxBytes != 10 || v.Host.Moved[conn.UDP].TxBytes != 2 {
		t.Errorf("%+v", v.Host)
	}
}

// After a gap in what was seen the sums go on, and nothing is counted twice.
func TestReset(t *testing.T) {
	h := newHost(group.Config{})
	h.read(conn.Sample{Conns: []conn.Conn{tcp(1, 5, 5)}})
	h.read(conn.Sample{Conns: []conn.Conn{tcp(1, 6, 5)}})
	h.read(conn.Sample{Reset: true, Conns: []conn.Conn{tcp(1, 100, 5)}})
	wantGroups(t, h.read(conn.Sample{Conns: []conn.Conn{tcp(1, 103, 5)}}), map[string][2]uint64{"curl": {3, 0}, "other": {1, 0}})
}

// Listeners and what a connection leaves behind are in no group.
func TestNotGrouped(t *testing.T) {
	h := newHost(group.Config{})
	h.read(conn.Sample{})
	listener, left := h.young(tcp(1, 0, 0)), h.young(tcp(2, 0, 0))
	listener.State, listener.Dir, listener.Has = conn.Listen, conn.DirListen, 0
	left.State, left.Has, left.ID.Serial = conn.TimeWait, conn.HasRaddr, conn.TimeWaitSerial
	v := h.read(conn.Sample{Conns: []conn.Conn{listener, left}})
	if len(v.Groups) != 1 || v.Groups[0].Conns != 0 || v.Host.Opened[conn.TCP] != 0 {
		t.Errorf("%+v", v)
	}
	if v.Host.States[conn.Listen] != 1 || v.Host.States[conn.TimeWait] != 1 {
		t.Errorf("states %v", v.Host.States)
	}
}

// A group keeps its place for as long as it is promised, and then the one takes it that
// moves more in several windows in a row; at most so many in an hour.
func TestPlaces(t *testing.T) {
	h := newHost(group.Config{Top: 2, Window: 2 * time.Second, Rounds: 3, Residency: 20 * time.Second, Replacements: 2})
	h.read(conn.Sample{})
	names := []string{"a", "b", "c", "d", "e"}
	var sums [5]uint64
	step := func(rates [5]uint64) *group.View {
		var s conn.Sample
		for i, rate := range rates {
			sums[i] += rate
			c := tcp(uint64(i+1), sums[i], 0)
			c.Opened, c.Owner.Comm = start+1, conn.MakeName(names[i])
			s.Conns = append(s.Conns, c)
		}
		v := h.read(s)
		balanced(t, v)
		return v
	}
	until := func(rates [5]uint64, name string) (ticks int) {
		for ; ticks < 100; ticks++ {
			if _, there := groups(step(rates))[name]; there {
				return ticks
			}
		}
		t.Fatalf("%s never got a place", name)
		return 0
	}
	step([5]uint64{10, 9, 0, 0, 0})
	step([5]uint64{10, 9, 0, 0, 0})
	if n := until([5]uint64{10, 9, 100, 0, 0}, "c"); n < 15 || n > 24 {
		t.Errorf("c waited for %d s, of 20 that a and b have", n)
	}
	if n := until([5]uint64{10, 0, 100, 50, 0}, "d"); n < 4 || n > 20 {
		t.Errorf("d waited for %d s", n)
	}
	for range 60 { // the two of this hour have been
		step([5]uint64{0, 0, 100, 50, 5000})
	}
	v := step([5]uint64{})
	if all := groups(v); v.Evictions != 2 || len(all) != 3 || all["c"] == [2]uint64{} || all["d"] == [2]uint64{} {
		t.Errorf("%d evictions, %v", v.Evictions, all)
	}
	if v.Retired.RxBytes == 0 || v.Folded.RxBytes < 60*5000 {
		t.Errorf("retired %+v, folded %+v", v.Retired, v.Folded)
	}
}

// An attack with names and addresses makes no more groups than there are places, and the
// group that moves most has one.
func TestAttack(t *testing.T) {
	h := newHost(group.Config{Peer: group.PeerIP})
	h.read(conn.Sample{})
	backup := h.young(tcp(1, 0, 0))
	backup.Owner.Comm = conn.MakeName("backup")
	next := uint64(2)
	for n := range 60 {
		backup.TxBytes += 1e6
		s := conn.Sample{Conns: []conn.Conn{backup}}
		for range 2000 { // 20,000 peers, 5,000 names
			c := h.young(tcp(next, 10, 10))
			c.Raddr[13], c.Raddr[14] = byte(next%20_000>>8), byte(next%20_000)
			c.Owner.Comm = conn.MakeName(fmt.Sprintf("x%d", next%5000))
			c.State, c.Reason = conn.Closed, conn.FinLocal
			s.Closed = append(s.Closed, c)
			next++
		}
		v := h.read(s)
		balanced(t, v)
		if len(v.Groups) > 51 {
			t.Fatalf("second %d: %d groups", n, len(v.Groups))
		}
		if all := groups(v); n > 0 && all["backup"][1] != uint64(n)*1e6 {
			t.Fatalf("second %d: backup has %v", n, all["backup"])
		}
	}
}
