package kernel

import (
	"fmt"
	"net"
	"testing"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

// TestIface has a connection and a flow from one namespace to another, and a connection in
// one of them: each end is on its device, by either collector.
func TestIface(t *testing.T) {
	a, b := testkit.NetNS(t), testkit.NetNS(t)
	testkit.Link(t, "tt0", a, b, "10.8.0.1", "10.8.0.2", 0)
	act(t, a, "here") // whom the namespaces are found by
	act(t, b, "there")
	server, near := listenIn(t, b, "10.8.0.2:0"), listenIn(t, a, "127.0.0.1:0")
	dialIn(t, a, "tcp", server)
	dialIn(t, a, "tcp", near)
	udp := dialIn(t, a, "udp", "10.8.0.2:9")
	for name, w := range map[string]*watcher{"bpf": watch(t, conn.Config{}), "diag": watchDiag(t, conn.Config{})} {
		w.until(patience, func(s *seen) error {
			_, _ = udp.Write([]byte("x")) // refused or not
			found := 0
			for _, r := range append(in(a, s.live), in(b, s.live)...) {
				want := "tt0"
				if r.Laddr.Netip().IsLoopback() {
					want = "lo"
				}
				if r.State == conn.SynRecv || r.State == conn.TimeWait {
					continue
				}
				if r.Place == nil || r.Place.Iface != want {
					return fmt.Errorf("%s: %v %v %v:%d is in %+v, want device %s", name, r.Proto, r.State, r.Laddr.Netip(), r.Lport, r.Place, want)
				}
				found++
			}
			if found < 7 { // two listeners, two connections, the flow
				return fmt.Errorf("%s: %d rows", name, found)
			}
			return nil
		})
	}
}

func listenIn(t *testing.T, ns *testkit.NS, at string) string {
	t.Helper()
	var l net.Listener
	var err error
	ns.Do(func() { l, err = net.Listen("tcp", at) })
	must(t, err)
	t.Cleanup(func() { must(t, l.Close()) })
	return l.Addr().String()
}

func dialIn(t *testing.T, ns *testkit.NS, network, to string) (c net.Conn) {
	t.Helper()
	var err error
	ns.Do(func() { c, err = net.Dial(network, to) })
	must(t, err)
	t.Cleanup(func() { must(t, c.Close()) })
	return c
}
