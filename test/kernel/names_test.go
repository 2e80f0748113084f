package kernel

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// named requires the name of the connection between two ends, "" for none.
func (w *watcher) named(local, remote netip.AddrPort, name string, source conn.NameSource) {
	w.t.Helper()
	w.until(patience, func(s *seen) error {
		for _, r := range s.last {
			if r.Laddr.Netip() != local.Addr() || r.Lport != local.Port() || r.Rport != remote.Port() {
				continue
			}
			return nameIs(&r, name, source)
		}
		return fmt.Errorf("no connection from %v to %v", local, remote)
	})
}

func nameIs(r *table.Row, name string, source conn.NameSource) error {
	var got conn.Remote
	if r.Remote != nil {
		got = *r.Remote
	}
	if got.Name != name || got.Source != source {
		return fmt.Errorf("remote %v is %q (%v), want %q (%v)", r.Raddr.Netip(), got.Name, got.Source, name, source)
	}
	return nil
}

func endsOf(c net.Conn) (local, remote netip.AddrPort) {
	return unmapped(c.LocalAddr()), unmapped(c.RemoteAddr())
}

func unmapped(a net.Addr) netip.AddrPort {
	ap := netip.MustParseAddrPort(a.String())
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// TestNamesAsked asks for names in a namespace that is newer than the probe, and
// connects to what was answered: directly or by way of CNAMEs, over IPv4 and IPv6.
func TestNamesAsked(t *testing.T) {
	w := watch(t, conn.Config{TCP: true, UDP: true, DNS: true})
	z := newZone(t)
	z.dnsmasq()
	before := z.dial(webAddrs[0])
	for _, name := range []string{"web.example.test", "shop.example.test", "Www.Example.TEST"} {
		for i, network := range []string{"ip4", "ip6"} {
			addrs, err := z.ask(name, network)
			if err != nil || len(addrs) != 1 || addrs[0] != webAddrs[i] {
				t.Fatalf("%s: %v, %v", name, addrs, err)
			}
			local, remote := endsOf(z.dial(addrs[0]))
			want := map[bool]string{true: "www.example.test", false: name}[name[0] == 'W']
			w.named(local, remote, want, conn.NameDNS)
		}
	}
	local, remote := endsOf(before)
	w.named(local, remote, "", 0) // nobody had asked by then
	if s := w.stop(); s.loss.DNSFull != 0 {
		t.Errorf("%d DNS messages were lost", s.loss.DNSFull)
	}
}

// TestNamesCLibrary has a program that asks through the C library and connects.
func TestNamesCLibrary(t *testing.T) {
	w := watch(t, conn.Config{TCP: true, UDP: true, DNS: true})
	z := newZone(t)
	z.dnsmasq()
	p := z.program(`exec 3<>/dev/tcp/shop.example.test/` + fmt.Sprint(webPort) + ` && echo here && read line`)
	in, err := p.StdinPipe()
	must(t, err)
	out, err := p.StdoutPipe()
	must(t, err)
	must(t, p.Start())
	here := make([]byte, 5)
	if _, err := io.ReadFull(out, here); err != nil || string(here) != "here\n" {
		t.Fatalf("%q, %v", here, err)
	}
	w.until(patience, func(s *seen) error {
		for _, r := range s.last {
			if uint64(r.NetNS) == z.Inode() && r.Rport == webPort && r.Owner.PID == uint32(p.Process.Pid) {
				return nameIs(&r, "shop.example.test", conn.NameDNS)
			}
		}
		return errors.New("no connection of the program")
	})
	must(t, in.Close())
	_ = p.Wait() // read fails at the end of its input
}
