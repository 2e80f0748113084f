package kernel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"

	"tcptop/internal/testkit"
)

// The zone of the DNS server that tests ask; its addresses are the namespace's own.
var (
	webAddrs  = []netip.Addr{netip.MustParseAddr("10.7.0.1"), netip.MustParseAddr("fd00:7::1")}
	zoneFlags = []string{
		"--host-record=web.example.test,10.7.0.1,fd00:7::1", "--cname=shop.example.test,www.example.test,web.example.test",
		"--ptr-record=1.0.7.10.in-addr.arpa,edge-17.cdn.test", "--local-ttl=300",
	}
)

const webPort = 7080

// zone is a network namespace with a DNS server on 127.0.0.1 and a TCP server at every
// address that it tells.
type zone struct {
	*testkit.NS
	t testing.TB
}

func newZone(t testing.TB) *zone {
	t.Helper()
	testkit.Kernel(t)
	testkit.Tools(t, "dnsmasq")
	var prefixes []netip.Prefix
	for _, a := range webAddrs {
		prefixes = append(prefixes, netip.PrefixFrom(a, a.BitLen()))
	}
	z := &zone{NS: testkit.NetNS(t, prefixes...), t: t}
	for _, a := range webAddrs {
		z.serve(a)
	}
	return z
}

// serve accepts connections and says nothing, until the test ends.
func (z *zone) serve(at netip.Addr) {
	var l net.Listener
	var err error
	z.Do(func() { l, err = net.Listen("tcp", netip.AddrPortFrom(at, webPort).String()) })
	must(z.t, err)
	var open []net.Conn // closed with the test
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open = append(open, c)
		}
	}()
	z.t.Cleanup(func() {
		must(z.t, l.Close())
		<-done
		for _, c := range open {
			must(z.t, c.Close())
		}
	})
}

// dnsmasq serves the zone until the test ends.
func (z *zone) dnsmasq() {
	z.t.Helper()
	args := append([]string{"--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--no-daemon",
		"--listen-address=127.0.0.1", "--bind-interfaces", "--pid-file=", "--local=/test/"}, zoneFlags...)
	server := z.Command("dnsmasq", args...)
	must(z.t, server.Start())
	testkit.Eventually(z.t, patience, func() error {
		_, err := z.ask("ready.example.test", "ip4")
		if e, ok := errors.AsType[*net.DNSError](err); ok && e.IsNotFound {
			return nil
		}
		return fmt.Errorf("no word from dnsmasq: %w", err)
	})
}

// ask asks Go's resolver for the addresses of a name, network being ip4 or ip6.
func (z *zone) ask(name, network string) ([]netip.Addr, error) {
	r := net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (c net.Conn, err error) {
		z.Do(func() { c, err = net.Dial("udp", "127.0.0.1:53") })
		return c, err
	}}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return r.LookupNetIP(ctx, network, name+".")
}

// dial connects to the TCP server at a, for as long as the test runs.
func (z *zone) dial(a netip.Addr) *net.TCPConn {
	z.t.Helper()
	var c net.Conn
	var err error
	z.Do(func() { c, err = net.Dial("tcp", netip.AddrPortFrom(a.Unmap(), webPort).String()) })
	must(z.t, err)
	z.t.Cleanup(func() { must(z.t, c.Close()) })
	return c.(*net.TCPConn)
}

// program prepares a script of bash, whose C library asks the zone's server.
func (z *zone) program(script string) *testkit.Cmd {
	testkit.Tools(z.t, "unshare", "mount", "bash")
	const mount = `mount -t tmpfs tmpfs /etc && echo nameserver 127.0.0.1 >/etc/resolv.conf && exec bash -c "$0"`
	return z.Command("unshare", "-m", "sh", "-c", mount, script)
}
