package kernel

import (
	"fmt"
	"testing"

	"tcptop/internal/conn"
	"tcptop/internal/table"
	"tcptop/internal/testkit"
)

// TestDiagUDP has a row for each UDP socket, with its queues and owner, without bytes.
func TestDiagUDP(t *testing.T) {
	ns := testkit.NetNS(t)
	w := watchDiag(t, conn.Config{UDP: true})
	load := testkit.Start(t, ns, "udp", "-flows", "39", "-hold")
	sockets := map[string]testkit.Truth{}
	for _, r := range load.Ready() {
		sockets[r.Cookie] = r
	}
	w.until(patience, func(s *seen) error {
		by := map[string]table.Row{}
		for _, r := range in(ns, s.live) {
			by[conn.ID{Cookie: r.ID.Cookie}.String()] = r
		}
		for cookie, want := range sockets {
			r, ok := by[cookie]
			if !ok || r.Lport != want.Lport || int(r.Owner.PID) != want.PID || r.Proto != conn.UDP ||
				r.Has&(conn.HasBytes|conn.HasPackets) != 0 || r.Has&(conn.HasQueues|conn.HasDrops) != conn.HasQueues|conn.HasDrops {
				return fmt.Errorf("socket %s: row %v, %+v", cookie, ok, r.Conn)
			}
		}
		return nil
	})
	load.Finish()
	w.until(patience, func(s *seen) error {
		if rows := in(ns, s.live); len(rows) > 0 {
			return fmt.Errorf("%d rows are left", len(rows))
		}
		return nil
	})
}
