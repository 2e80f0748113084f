package kernel

import (
	"context"
	"fmt"
	"iter"
	"testing"

	"tcptop/internal/conn"
	"tcptop/internal/probe"
	"tcptop/internal/table"
	"tcptop/internal/testkit"
)

// TestTableFull fills the kernel's table with idle connections. Those that come
// after find no slot, which is said; their ends need none and are exact.
func TestTableFull(t *testing.T) {
	ns := testkit.NetNS(t)
	room := roomFor(t, 1024)
	w := watch(t, conn.Config{TCP: true, MaxConns: room})
	// Two sockets each: the table is full even if all that the host had has gone.
	idle := testkit.Start(t, ns, "idle", "-n", fmt.Sprint(room/2+50))
	idle.Ready()
	// Fewer ends than the queue to user space has room for, should all fall in one tick.
	truths := testkit.Start(t, ns, "bulk", "-n", "300", "-max", "100000").Finish()
	w.until(patience, func(s *seen) error {
		closed, err := closedBySocket(s.closed)
		if err != nil {
			return err
		}
		forgive(closed, truths)
		return allAgree(closed, truths)
	})
	s := w.stop()
	if s.loss.TableFull < 100 {
		t.Errorf("%d connections found no room; there were at least 100 too many", s.loss.TableFull)
	}
	s.loss.TableFull = 0
	if err := noLoss(s); err != nil {
		t.Error(err)
	}
	idle.Finish()
}

// roomFor is a bound that leaves room for n sockets beside what the host has anyway.
func roomFor(t *testing.T, n int) int {
	t.Helper()
	for _, r := range watch(t, conn.Config{TCP: true}).stop().start {
		if r.State != conn.TimeWait && r.State != conn.SynRecv { // these take no slot
			n++
		}
	}
	return n
}

// forgive lets rows not say who accepted a connection that had no slot, nor that it
// was accepted. They may not say anything else.
func forgive(rows map[string]table.Row, truths []testkit.Truth) {
	for i := range truths {
		want := &truths[i]
		r, ok := rows[want.Cookie]
		if !ok || want.Dir != "in" {
			continue
		}
		if r.Dir == 0 {
			r.Dir = conn.In
		}
		if r.Owner.PID == 0 && r.Owner.Source == 0 {
			r.Owner.PID, r.Owner.Comm = uint32(want.PID), conn.MakeName(want.Comm)
		}
		rows[want.Cookie] = r
	}
}

// TestRingFull lets nobody ask for a sample while thousands of connections end.
// Rows and the sums of what found no room are together the truth, per owner and remote.
func TestRingFull(t *testing.T) {
	testkit.Kernel(t)
	ns := testkit.NetNS(t)
	p, err := probe.Open(conn.Config{TCP: true, Interval: tick, MaxConns: roomFor(t, 256)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	ctx, cancel := context.WithCancel(t.Context())
	next, stop := iter.Pull2(p.Samples(ctx))
	defer stop()
	if _, err, _ := next(); err != nil {
		t.Fatal(err)
	}
	truths := testkit.Start(t, ns, "short", "-n", "2000", "-par", "2").Finish()
	got := map[account]sum{}
	var lost, full uint64
	var remotes bool
	cancel()
	for s, err, ok := next(); ok; s, err, ok = next() {
		if err != nil {
			t.Fatal(err)
		}
		add(got, ns, s)
		if lost = s.Loss.RingFull + s.Loss.QueueFull; s.Last {
			remotes = addTotals(got, s.Totals) < 4096
		}
		full = s.Loss.TableFull
	}
	if lost == 0 {
		t.Errorf("all of 4000 rows found room")
	}
	if err := sameSums(got, truths, remotes); err != nil {
		t.Errorf("%v (%d connections of the whole host found no slot)", err, full)
	}
}

// account is an owner and a remote, and sum what the connections carried.
type account struct {
	pid          uint32
	comm, remote string
}

type sum struct{ conns, tx, rx uint64 }

func (s sum) plus(conns, tx, rx uint64) sum { return sum{s.conns + conns, s.tx + tx, s.rx + rx} }

func add(got map[account]sum, ns *testkit.NS, s *conn.Sample) {
	for i := range s.Closed {
		c := &s.Closed[i]
		if uint64(c.NetNS) == ns.Inode() && c.Dir != conn.DirListen {
			a := account{c.Owner.PID, c.Owner.Comm.String(), c.Raddr.Netip().String()}
			got[a] = got[a].plus(1, c.TxBytes, c.RxBytes)
		}
	}
}

// addTotals returns how many of the totals have a remote.
func addTotals(got map[account]sum, totals []conn.OwnerTotal) (remotes int) {
	for i := range totals {
		o := &totals[i]
		if o.Raddr != (conn.Addr{}) {
			remotes++
		}
		a := account{o.PID, o.Comm.String(), o.Raddr.Netip().String()}
		got[a] = got[a].plus(o.Conns, o.TxBytes, o.RxBytes)
	}
	return remotes
}

// byOwner forgets the remotes: the other connections of a busy host may have used up the sums that have one.
func byOwner(of map[account]sum) map[account]sum {
	sums := map[account]sum{}
	for a, s := range of {
		a.remote = ""
		sums[a] = sums[a].plus(s.conns, s.tx, s.rx)
	}
	return sums
}

// sameSums compares by owner and remote, where there are sums for all, or else by owner.
func sameSums(got map[account]sum, truths []testkit.Truth, remotes bool) error {
	want := map[account]sum{}
	for i := range truths {
		r := &truths[i]
		a := account{uint32(r.PID), r.Comm, r.Remote().Addr().String()}
		want[a] = want[a].plus(1, r.TxBytes, r.RxBytes)
	}
	if !remotes {
		got, want = byOwner(got), byOwner(want)
	}
	wrong := 0
	var first error
	listeners := uint64(1) // the workload's is a lost row too, without a remote, of whichever server closes it last
	for a, sum := range want {
		if !remotes && got[a].conns == sum.conns+1 && listeners > 0 {
			listeners--
			sum.conns++
		}
		if got[a] != sum {
			if wrong++; first == nil {
				first = fmt.Errorf("%v: rows and totals have %v, the truth is %v", a, got[a], sum)
			}
		}
	}
	if wrong > 0 {
		return fmt.Errorf("%d of %d owners and remotes are wrong, the first: %w", wrong, len(want), first)
	}
	return nil
}
