package kernel

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

// dropData loses one in thirty segments that carry bytes. Handshakes and pure ACKs
// stay, so that every retransmission belongs to a connection of the truth.
const dropData = `table inet lossy {
	chain in {
		type filter hook input priority 0
		meta length > 200 numgen random mod 30 == 0 drop
	}
}`

// TestRetrans loses segments: each byte still counts once, and what was sent again
// is as much as the namespace's own statistics have.
func TestRetrans(t *testing.T) {
	ns := testkit.NetNS(t)
	ns.Nft(dropData)
	w := watch(t, conn.Config{TCP: true})
	before := retransmitted(t, ns)
	load := testkit.Start(t, ns, "bulk", "-n", "24", "-par", "8", "-max", "2097152", "-hold")
	truths := load.Ready()
	w.until(patience, func(s *seen) error {
		if err := allAgree(bySocket(s.live), truths); err != nil {
			return err
		}
		var packets, bytes uint64
		for _, r := range in(ns, s.live) {
			packets += uint64(r.RetransPackets)
			bytes += r.RetransBytes
		}
		if want := retransmitted(t, ns) - before; packets != want || want == 0 || bytes == 0 {
			return fmt.Errorf("rows have %d packets and %d bytes sent again, the namespace %d packets", packets, bytes, want)
		}
		return nil
	})
	ns.Nft("flush ruleset")
	load.Finish()
	w.until(patience, func(s *seen) error { return allClosed(s, truths) })
}

// retransmitted is TcpRetransSegs, as nstat(8) calls it.
func retransmitted(t *testing.T, ns *testkit.NS) (n uint64) {
	t.Helper()
	var stat []byte
	var err error
	ns.Do(func() { stat, err = os.ReadFile("/proc/thread-self/net/snmp") })
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(string(stat)) {
		fields := strings.Fields(line)
		if fields[0] != "Tcp:" {
			continue
		}
		if names == nil {
			names = fields
			continue
		}
		for i, name := range names {
			if name == "RetransSegs" {
				n, err = strconv.ParseUint(fields[i], 10, 64)
			}
		}
	}
	if err != nil || names == nil {
		t.Fatalf("no RetransSegs in %q: %v", stat, err)
	}
	return n
}
