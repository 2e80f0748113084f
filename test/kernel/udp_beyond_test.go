package kernel

import (
	"fmt"
	"maps"
	"net/netip"
	"os"
	"strconv"
	"testing"

	"tcptop/internal/conn"
	"tcptop/internal/table"
	"tcptop/internal/testkit"
)

// TestUDPBeyond has three processes with flows of all kinds and families, after others have filled
// the table. Rows and the sums of what has none are together the truth, for each owner and remote.
func TestUDPBeyond(t *testing.T) {
	ns := testkit.NetNS(t)
	w := watchUDP(t, conn.Config{MaxConns: 1})
	filler := openUDP(t, ns)
	filler.fanOut(4096 + 100)
	want := map[way]sum{}
	for seed := range 3 {
		truths := testkit.Start(t, ns, "udp", "-flows", "60", "-hold", "-seed", strconv.Itoa(seed+1)).Ready()
		for i := range truths {
			r := &truths[i]
			at := way{uint32(r.PID), r.Remote().Addr().String()}
			want[at] = want[at].plus(r.TxPackets+r.RxPackets, r.TxBytes, r.RxBytes)
		}
	}
	w.settle()
	err := w.look(func(s *seen) error {
		got, without := flowSums(s)
		maps.DeleteFunc(got, func(at way, _ sum) bool { _, ours := want[at]; return !ours })
		if !maps.Equal(got, want) {
			return fmt.Errorf("rows and sums have %v, the truth is %v", got, want)
		}
		if few := uint64(1000); without < few {
			return fmt.Errorf("%d datagrams have no row, want more than %d", without, few)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	w.lostFlowsAlone()
}

// lostFlowsAlone ends the watch, which may have lost what a small table has no room for.
func (w *watcher) lostFlowsAlone() {
	w.t.Helper()
	s := w.stop()
	s.loss.FlowsFull, s.loss.TableFull, s.loss.MissedTicks = 0, 0, 0
	if err := noLoss(s); err != nil {
		w.t.Error(err)
	}
}

// fanOut sends to so many addresses.
func (e *udpEnd) fanOut(remotes int) {
	e.t.Helper()
	for i := range remotes {
		to := netip.AddrFrom4([4]byte{127, 1, byte(i >> 8), byte(i)})
		must(e.t, e.send(netip.AddrPortFrom(to, 9), 1+i%1000))
	}
}

// flowSums are datagrams and bytes by owner and remote, of rows and of what has none, and how many
// datagrams have none.
func flowSums(s *seen) (got map[way]sum, without uint64) {
	got = map[way]sum{}
	add := func(pid uint32, remote conn.Addr, datagrams, tx, rx uint64) {
		at := way{pid, remote.Netip().String()}
		got[at] = got[at].plus(datagrams, tx, rx)
	}
	each := func(r *table.Row) {
		if r.Has&conn.HasBytes != 0 {
			add(r.Owner.PID, r.Raddr, r.TxPackets+r.RxPackets, r.TxBytes, r.RxBytes)
		}
	}
	for _, r := range s.live {
		each(&r)
	}
	for i := range s.totals {
		o := &s.totals[i]
		add(o.PID, o.Raddr, o.Datagrams, o.TxBytes, o.RxBytes)
		without += o.Datagrams
	}
	return got, without
}

// TestUDPTableFull has more flows than the table has room for, and more of these to a remote of
// their own than there are sums: what has a row or a sum is exact, and of all others the owner's is.
func TestUDPTableFull(t *testing.T) {
	const remotes, room, sums = 9000, 4096, 4096
	w := watchUDP(t, conn.Config{MaxConns: 1})
	a := openUDP(t, testkit.NetNS(t))
	for range 2 {
		a.fanOut(remotes)
	}
	w.settle()
	err := w.look(func(s *seen) error {
		if _, err := flows(s.live); err != nil {
			return err
		}
		return a.summed(s, room, sums)
	})
	if err != nil {
		t.Error(err)
	}
	w.lostFlowsAlone()
}

// summed requires that each remote of e has a row or a sum, which are exact, and that e's process
// has a sum of all others.
func (e *udpEnd) summed(s *seen, room, sums int) error {
	got, without := flowSums(s)
	pid := uint32(os.Getpid())
	var truth, others sum
	rows, missing := 0, 0
	for _, r := range s.live {
		if r.Has&conn.HasBytes != 0 && flowOf(&r).cookie == e.cookie {
			rows++
		}
	}
	for remote, want := range e.truth {
		w := sum{want.TxPackets + want.RxPackets, want.TxBytes, want.RxBytes}
		truth = truth.plus(w.conns, w.tx, w.rx)
		is, known := got[way{pid, remote.Addr().String()}]
		switch {
		case !known:
			missing++
			others = others.plus(w.conns, w.tx, w.rx)
		case is != w:
			return fmt.Errorf("%v: row or sum %v, truth %v", remote, is, w)
		}
	}
	// Others on this machine may have a few flows too.
	if want := len(e.truth) - room - sums; rows < room-100 || rows > room || missing < want || missing > want+200 {
		return fmt.Errorf("%d rows in a table of %d, %d of %d remotes without row and sum, want %d", rows, room, missing, len(e.truth), want)
	}
	if is := got[way{pid, conn.Addr{}.Netip().String()}]; is != others {
		return fmt.Errorf("what has no sum of its own is %v of the process, in truth %v", is, others)
	}
	if lost := s.loss.FlowsFull; lost != without {
		return fmt.Errorf("%d datagrams are counted as lost, the sums have %d", lost, without)
	}
	return nil
}
