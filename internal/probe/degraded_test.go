package probe

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

// without opens a probe whose kernel refuses some programs; nil on a kernel that can't
// measure TCP at all.
func without(t *testing.T, programs ...string) (*Probe, error) {
	t.Helper()
	testkit.Kernel(t)
	spec, err := loadTcptop()
	must(t, err)
	for _, name := range programs {
		// What does not exist can't be hooked, and a tracing program is no cgroup's.
		spec.Programs[name].AttachTo = "nothing_of_this_name"
		spec.Programs[name].Type = ebpf.Tracing
	}
	return openObject(bothProtocols, spec)
}

// TestDegraded requires that what is still measured is right where one thing is
// refused, and that the rest is named.
func TestDegraded(t *testing.T) {
	if !kernelIs(t, 6, 1) {
		return // it refuses more than that: TestLiveTCP
	}
	tests := []struct {
		name, missing string
		refused       []string
	}{
		{"owners", ownersPass.what, []string{"tt_owners"}},
		{"inventory", tcpPass.what, []string{"tt_inventory"}},
		{"udp", "UDP, whose programs", []string{"tt_sendmsg4", "tt_udp_sendmsg", "tt_send_length"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := without(t, tt.refused...)
			must(t, err)
			if said := strings.Join(p.Missing(), "; "); !strings.Contains(said, tt.missing) || strings.Contains(said, "\n") {
				t.Errorf("missing: %q, want %q", said, tt.missing)
			}
			l := keep(t, p)
			server := listen(t, "127.0.0.1:0")
			young := connect(t, server)
			young.say(1000, 20000)
			l.until(func() error { return young.agree(l.last[young.out.cookie], true) })
			l.short(server)
			must(t, young.client.SetLinger(0), young.client.Close()) // the other end is nobody's until it is closed
			l.until(func() error {
				if c := l.closed[young.in.cookie]; c.Reason != conn.ResetRemote || c.TxBytes != 20000 || c.RxBytes != 1000 {
					return fmt.Errorf("the end that was reset: %+v", c)
				}
				return nil
			})
		})
	}
}

// TestDegradedCgroup counts connected UDP without cgroup programs and trampolines.
func TestDegradedCgroup(t *testing.T) {
	if !kernelIs(t, 6, 12) {
		return
	}
	p, err := without(t, "tt_ingress", "tt_udp_sendmsg")
	must(t, err)
	if said := strings.Join(p.Missing(), "; "); said != udpTiers[2].lacks {
		t.Errorf("missing: %q", said)
	}
	l := keep(t, p)
	server, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(t, err)
	defer server.Close()
	client, err := net.DialUDP("udp", nil, server.LocalAddr().(*net.UDPAddr))
	must(t, err)
	defer client.Close()
	_, err = client.Write(make([]byte, 1234))
	must(t, err)
	a, b := endOf(t, client, client.LocalAddr()), endOf(t, server, server.LocalAddr())
	l.until(func() error { return flowIs(l.flows[flowID{a.cookie, b.port}], conn.Out, 1234, 1, 0, 0) })
}

// TestRefused requires a short error where TCP's own hooks are refused.
func TestRefused(t *testing.T) {
	p, err := without(t, "tt_set_state")
	requireRefusal(t, p, err)
	var unsupported *conn.UnsupportedError
	if kernelIs(t, 6, 1) && (!errors.As(err, &unsupported) || !strings.Contains(unsupported.Detail, "tt_set_state")) {
		t.Errorf("%v", err)
	}
}

// TestGone has a slot whose socket's memory is another one's: the connection ends with
// what was known of it, and the slot is used again.
func TestGone(t *testing.T) {
	if !kernelIs(t, 6, 1) {
		return
	}
	testkit.Kernel(t)
	p, err := Open(conn.Config{Interval: bothProtocols.Interval, TCP: true, MaxConns: 8192})
	must(t, err)
	l := keep(t, p)
	server := listen(t, "127.0.0.1:0")
	lost, other := connect(t, server), connect(t, server)
	lost.say(1000, 2000)
	other.say(1, 2)
	l.established(lost)
	l.established(other)
	hot, wrong := &p.slots.hot[slotOf(t, p, lost.out.cookie)], p.slots.hot[slotOf(t, p, other.out.cookie)].Sk
	atomic.StoreUint64(&hot.Sk, wrong)
	l.until(func() error {
		atomic.StoreUint64(&hot.Stamp, 0) // as if it had moved
		if err := lost.agree(l.closed[lost.out.cookie], true); err != nil {
			return err
		}
		if atomic.LoadUint64(&hot.Sk) == wrong { // a pass may have found the socket again, and given it the same slot
			return fmt.Errorf("its slot was not given back: %+v", hot)
		}
		return nil
	})
	other.say(10, 20)
	l.established(other)
}

// TestMissedEnds takes the hooks away before connections end, as if they had not run:
// the sweep finds out, with the final counters, and gives the slots back.
func TestMissedEnds(t *testing.T) {
	if !kernelIs(t, 6, 1) {
		return
	}
	testkit.Kernel(t)
	p, err := Open(conn.Config{Interval: bothProtocols.Interval, TCP: true, MaxConns: 8192})
	must(t, err)
	l := keep(t, p)
	server := listen(t, "127.0.0.1:0")
	pairs := make([]*pair, 20)
	for i := range pairs {
		pairs[i] = connect(t, server)
		pairs[i].say(100*i+1, 200*i+1)
	}
	for _, c := range pairs {
		l.established(c)
	}
	var slots []uint32
	for _, c := range pairs {
		slots = append(slots, slotOf(t, p, c.out.cookie), slotOf(t, p, c.in.cookie))
	}
	l.expectFaults()
	for _, s := range p.sets {
		for _, hook := range s.links {
			if _, pass := hook.(*link.Iter); !pass {
				must(t, hook.Close())
			}
		}
	}
	for i, c := range pairs {
		if i%2 == 0 {
			must(t, c.client.SetLinger(0)) // a reset
		}
		must(t, c.client.Close(), c.server.Close())
	}
	for _, c := range pairs {
		l.until(func() error {
			return errors.Join(c.agree(l.closed[c.out.cookie], true), c.agree(l.closed[c.in.cookie], false))
		})
	}
	l.until(func() error {
		for _, slot := range slots {
			if h := p.slots.hot[slot]; atomic.LoadUint32(&p.slots.hot[slot].Phase) != phaseFree {
				return fmt.Errorf("slot %d was not given back: %+v", slot, h)
			}
		}
		return nil
	})
}

func slotOf(t *testing.T, p *Probe, cookie uint64) uint32 {
	t.Helper()
	for i := range p.slots.hot {
		if atomic.LoadUint64(&p.slots.hot[i].Cookie) == cookie {
			return uint32(i)
		}
	}
	t.Fatalf("no slot of cookie %x", cookie)
	return 0
}
