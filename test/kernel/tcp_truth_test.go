package kernel

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
	"tcptop/internal/table"
	"tcptop/internal/testkit"
)

// bySocket returns rows by the cookie of their socket, as the truth writes it.
// A socket that connected twice has its later row.
func bySocket(rows map[conn.ID]table.Row) map[string]table.Row {
	by := make(map[string]table.Row, len(rows))
	for id, r := range rows {
		cookie := conn.ID{Cookie: id.Cookie}.String()
		if was, ok := by[cookie]; !ok || was.ID.Serial < id.Serial {
			by[cookie] = r
		}
	}
	return by
}

// closedBySocket also requires that no connection ended twice.
func closedBySocket(closed []table.Row) (map[string]table.Row, error) {
	rows := make(map[conn.ID]table.Row, len(closed))
	for _, r := range closed {
		if _, twice := rows[r.ID]; twice {
			return nil, fmt.Errorf("%v ended twice", r.ID)
		}
		rows[r.ID] = r
	}
	return bySocket(rows), nil
}

// asTruth is what a row says in the words of the truth.
func asTruth(r *table.Row, kind string) testkit.Truth {
	return testkit.Truth{
		Kind: kind, Proto: r.Proto.String(), State: r.State.String(), Dir: r.Dir.String(),
		Laddr: r.Laddr.Netip(), Lport: r.Lport, Raddr: r.Raddr.Netip(), Rport: r.Rport,
		NetNS: uint64(r.NetNS), PID: int(r.Owner.PID), Comm: r.Owner.Comm.String(),
		Cookie: conn.ID{Cookie: r.ID.Cookie}.String(), TxBytes: r.TxBytes, RxBytes: r.RxBytes,
	}
}

var addrs = cmpopts.EquateComparable(netip.Addr{})

// agrees compares a row with the truth of its socket in all that the truth says.
func agrees(r *table.Row, want *testkit.Truth) error {
	got := asTruth(r, want.Kind)
	if want.State == "" {
		got.State = ""
	}
	if want.Start != 0 {
		got.Start = uint64(r.Owner.Start)
	}
	if diff := cmp.Diff(*want, got, addrs); diff != "" {
		return fmt.Errorf("row of socket %s, %s, %v, %v, owner %+v (-truth +row):\n%s",
			want.Cookie, want.Kind, r.State, want.Dir, r.Owner, diff)
	}
	return nil
}

// allAgree requires a row that agrees for every truth and counts those that fail.
func allAgree(rows map[string]table.Row, truths []testkit.Truth) error {
	var first error
	wrong := 0
	for i := range truths {
		r, ok := rows[truths[i].Cookie]
		err := fmt.Errorf("no row for %+v", truths[i])
		if ok {
			err = agrees(&r, &truths[i])
		}
		if err != nil {
			wrong++
			if first == nil {
				first = err
			}
		}
	}
	if wrong > 0 {
		return fmt.Errorf("%d of %d sockets are wrong, the first: %w", wrong, len(truths), first)
	}
	return nil
}

// allClosed requires that every truth's connection was reported closed, once.
func allClosed(s *seen, truths []testkit.Truth) error {
	closed, err := closedBySocket(s.closed)
	if err != nil {
		return err
	}
	return allAgree(closed, truths)
}

func noLoss(s *seen) error {
	lost := s.loss
	lost.Stale = 0 // a slot that is read again in the next tick
	lost.MissedTicks = 0
	if lost != (conn.Loss{}) {
		return fmt.Errorf("lost: %+v", s.loss)
	}
	return nil
}

// truth describes a connected socket that sent tx bytes and received rx.
func (s *socket) truth(ns *testkit.NS, dir string, tx, rx int) testkit.Truth {
	s.t.Helper()
	sa, err := unix.Getpeername(s.fd)
	s.must("peer's address", err)
	local := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	return testkit.Truth{
		Proto: "tcp", Dir: dir, Laddr: local, Lport: s.port(), Raddr: local, Rport: uint16(sa.(*unix.SockaddrInet4).Port),
		NetNS: ns.Inode(), PID: os.Getpid(), Comm: ownComm(s.t), Cookie: s.id().String(),
		TxBytes: uint64(tx), RxBytes: uint64(rx),
	}
}

func ownComm(t testing.TB) string {
	t.Helper()
	comm, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(string(comm), "\n")
}

// ownPID is this process as rows name it.
func ownPID() uint32 { return uint32(os.Getpid()) }
