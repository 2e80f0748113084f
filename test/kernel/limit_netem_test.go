//go:build netem

package kernel

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

// TestLimitNetem is TestLimit over paths that netem delays, narrows and makes lossy: on
// kernels that have it, such as the guests of test/vm, which build with this tag.
func TestLimitNetem(t *testing.T) {
	testkit.Kernel(t)
	const delay = "delay 50ms" // longer than an emulated machine makes packets wait
	stream := func(path string, tune tuning, n int, pause time.Duration) func() *transfer {
		return func() *transfer {
			tune.cc = "cubic"
			e := emulated(t, path, tune)
			e.send(e.sender, 1<<16, 0)
			e.read(e.receiver, n, pause)
			return e
		}
	}
	var sides []side
	for _, s := range []struct {
		name             string
		make             func() *transfer
		sender, receiver []conn.Limit
	}{
		{"request and answer", func() *transfer {
			e := emulated(t, delay, tuning{})
			e.answer(e.receiver, 1000)
			e.answer(e.sender, 1000)
			if _, err := e.sender.Write(make([]byte, 1000)); err != nil {
				t.Fatal(err)
			}
			return e
		}, []conn.Limit{conn.LimitApp}, []conn.Limit{conn.LimitApp}},
		{"narrow path", stream(delay+" rate 2mbit limit 60", tuning{}, 1<<16, 0), []conn.Limit{conn.LimitCwnd, conn.LimitLoss}, nil},
		{"narrow path with a deep queue", stream(delay+" rate 2mbit limit 10000", tuning{}, 1<<16, 0), []conn.Limit{conn.LimitCwnd, conn.LimitSendBuffer}, nil},
		{"one segment in ten lost", stream(delay+" loss 10%", tuning{}, 1<<16, 0), []conn.Limit{conn.LimitLoss}, nil},
		{"tiny receive buffer", stream(delay, tuning{rcvbuf: 4096}, 1<<16, 0), []conn.Limit{conn.LimitPeerWindow}, nil},
		{"tiny send buffer", stream(delay, tuning{sndbuf: 4096}, 1<<16, 0), []conn.Limit{conn.LimitSendBuffer}, nil},
		{"narrow path, slower reader", stream(delay+" rate 2mbit limit 1000", tuning{}, 1024, 20*time.Millisecond),
			[]conn.Limit{conn.LimitPeerWindow}, []conn.Limit{conn.LimitReader}},
	} {
		e := s.make()
		sides = append(sides, side{s.name + ", sender", cookieOf(t, e.sender), s.sender, nil},
			side{s.name + ", receiver", cookieOf(t, e.receiver), s.receiver, nil})
	}
	cfg := conn.Config{TCP: true, Interval: testkit.Patience(tick)} // one after the other: an emulated machine is slow
	compareLimits(t, "bpf", watch(t, cfg), slices.Clone(sides))
	compareLimits(t, "sock_diag", watchDiag(t, cfg), sides)
}

// emulated is a connection over a router whose netem does to what goes to the receiver
// what path says, and delays what comes back.
func emulated(t testing.TB, path string, tune tuning) *transfer {
	testkit.Tools(t, "ip", "tc")
	client, router, server := inhabited(t), testkit.NetNS(t), inhabited(t)
	wire(t, "near", client, router, "10.1.0.1", "10.1.0.2")
	wire(t, "far", router, server, "10.2.0.1", "10.2.0.2")
	routed(t, client, router, server)
	netem := func(dev, does string) {
		inside(t, router, "tc", append([]string{"qdisc", "add", "dev", dev, "root", "netem"}, strings.Fields(does)...)...)
	}
	netem("far", path)
	netem("near", "delay 50ms")
	return joinAt(t, client, server, "10.2.0.2", tune)
}

// wire joins two namespaces by a device of that name in both, whose packets are
// segments: one that is lost is one.
func wire(t testing.TB, name string, a, b *testkit.NS, addrA, addrB string) {
	inside(t, a, "ip", "link", "add", name, "type", "veth", "peer", "name", name, "netns", b.Path())
	for ns, addr := range map[*testkit.NS]string{a: addrA, b: addrB} {
		inside(t, ns, "ip", "link", "set", name, "up", "gso_max_segs", "1")
		inside(t, ns, "ip", "addr", "add", addr+"/24", "dev", name)
	}
}
