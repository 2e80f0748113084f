package conn_test

import (
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tcptop/internal/conn"
)

// TestTotalsBound has a scanner fill all places for remotes: what comes later is in its
// owner's sum, and nothing is missing from any.
func TestTotalsBound(t *testing.T) {
	var sums conn.Totals
	add := func(pid, remote uint32) {
		x := conn.OwnerTotal{PID: pid, Conns: 1, RxBytes: 10, TxBytes: 1, Open: 1, OpenRx: 100, OpenTx: 1000}
		binary.BigEndian.PutUint32(x.Raddr[:], remote)
		sums.Add(&x)
	}
	for i := range uint32(5000) {
		add(1, i+1)
	}
	for i := range uint32(5000) {
		add(2+i, 1)
	}
	all := sums.Append(nil)
	if len(all) > 2*4096+1 {
		t.Errorf("%d sums", len(all))
	}
	var sum conn.OwnerTotal
	for i := range all {
		sum.Add(&all[i])
	}
	want := conn.OwnerTotal{Conns: 10_000, RxBytes: 100_000, TxBytes: 10_000, Open: 10_000, OpenRx: 1_000_000, OpenTx: 10_000_000}
	if diff := cmp.Diff(want, sum); diff != "" {
		t.Errorf("all together (-want +got):\n%s", diff)
	}
	owners, remotes := conn.ByOwner(all), conn.ByRemote(all)
	if o := owners[0]; o.PID != 1 || o.Conns != 5000 {
		t.Errorf("the scanner has %+v", o)
	}
	if r := remotes[0]; r.Raddr != (conn.Addr{}) || r.Conns != 10_000-4096 {
		t.Errorf("without a remote are %+v", r)
	}
	if o := owners[1]; o.UID != conn.NoUID || o.Conns != 5000-4095 {
		t.Errorf("of other owners are %+v", o)
	}
}

// TestTotalsLeave gives places back as often as there is room for.
func TestTotalsLeave(t *testing.T) {
	var sums conn.Totals
	for i := range uint32(20_000) {
		x := conn.OwnerTotal{PID: 1 + i}
		binary.BigEndian.PutUint32(x.Raddr[:], i+1)
		place := sums.Place(x)
		sums.At(place).Open++
		if got := sums.Append(nil); len(got) != 1 || got[0].PID != 1+i || got[0].Raddr != x.Raddr {
			t.Fatalf("%d: %+v", i, got)
		}
		sums.At(place).Open--
		sums.Leave(place)
	}
	if got := sums.Append(nil); got != nil {
		t.Errorf("left: %+v", got)
	}
}
