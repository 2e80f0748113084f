package kernel

import (
	"fmt"
	"testing"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

// congest marks one in ten segments that carry bytes, as a router does whose queue grows.
const congest = `table ip marks {
	chain in {
		type filter hook input priority 0
		meta length > 200 ip ecn != 0 numgen random mod 10 == 0 ip ecn set ce
	}
}
table ip6 marks {
	chain in {
		type filter hook input priority 0
		meta length > 200 ip6 ecn != 0 numgen random mod 10 == 0 ip6 ecn set ce
	}
}`

// TestECN lets connections agree on ECN over a path that marks: they have it, nobody
// else does, and what they have of marks is what the namespace counts.
func TestECN(t *testing.T) {
	ns := testkit.NetNS(t)
	p := &pair{t: t, ns: ns}
	p.sysctl("tcp_ecn", "0")
	plain := listen(t, ns, 0, 8)
	without := dial(t, ns, 0, plain)
	plain.accept()
	p.sysctl("tcp_ecn", "1") // asks for it too, not only agrees
	ns.Nft(congest)
	bpf, dump := watch(t, conn.Config{TCP: true}), watchDiag(t, conn.Config{TCP: true})
	load := testkit.Start(t, ns, "bulk", "-n", "12", "-par", "4", "-max", "2097152", "-hold")
	truths := load.Ready()
	for _, w := range []*watcher{bpf, dump} {
		w.until(patience, func(s *seen) error {
			if err := allAgree(bySocket(s.live), truths); err != nil {
				return err
			}
			var marks, agreed uint64
			for _, r := range in(ns, s.live) {
				marks += uint64(r.CEPackets)
				if r.ECN {
					agreed++
				}
			}
			stats := netstats(t, ns)
			if marks == 0 || marks != stats["TCPDeliveredCE"] {
				return fmt.Errorf("rows have %d marked segments, the namespace %d", marks, stats["TCPDeliveredCE"])
			}
			if r, ok := s.live[without.id()]; !ok || r.ECN || agreed != uint64(len(truths)) {
				return fmt.Errorf("%d of %d ends agreed on ECN, that without %v", agreed, len(truths), r.ECN)
			}
			return nil
		})
	}
	ns.Nft("flush ruleset")
	load.Finish()
	bpf.until(patience, func(s *seen) error { return allClosed(s, truths) })
}
