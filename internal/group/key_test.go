package group

import (
	"net/netip"
	"strings"
	"testing"
	"unicode/utf8"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

func TestPeer(t *testing.T) {
	for _, c := range []struct{ addr, cidr, ip string }{
		{"10.1.2.3", "10.1.2.0/24", "10.1.2.3"},
		{"192.168.7.9", "192.168.7.0/24", "192.168.7.9"},
		{"100.64.3.4", "100.64.3.0/24", "100.64.3.4"},
		{"8.8.8.8", "internet", "8.8.8.8"},
		{"127.0.0.1", "loopback", "127.0.0.1"},
		{"::1", "loopback", "::1"},
		{"fd00:1:2:3::9", "fd00:1:2:3::/64", "fd00:1:2:3::9"},
		{"fe80::1", "fe80::/64", "fe80::1"},
		{"2001:db8::1", "internet", "2001:db8::1"},
		{"239.1.1.1", "multicast", "239.1.1.1"},
		{"0.0.0.0", "", "0.0.0.0"},
	} {
		a := netip.MustParseAddr(c.addr)
		if cidr, ip, none := PeerCIDR.name(a), PeerIP.name(a), PeerNone.name(a); cidr != c.cidr || ip != c.ip || none != "" {
			t.Errorf("%s: %q, %q, %q", a, cidr, ip, none)
		}
	}
}

func TestListening(t *testing.T) {
	for _, c := range []struct {
		dir          conn.Dir
		lport, rport uint16
		role         Role
		port         uint16
	}{
		{conn.Out, 40000, 443, Client, 443},
		{conn.In, 22, 51000, Server, 22},
		{conn.Out, 80, 40000, Client, 40000},
		{conn.Out, 40000, 50000, Client, 0},
		{conn.In, 40000, 50000, Server, 0},
		{0, 40000, 53, 0, 53},
		{0, 53, 40000, 0, 53},
		{0, 40000, 0, 0, 0}, // UDP without a remote
	} {
		r := table.Row{Conn: conn.Conn{Dir: c.dir, Lport: c.lport, Rport: c.rport}}
		if c.rport != 0 {
			r.Has = conn.HasRaddr
		}
		if role, port := listening(&r); role != c.role || port != c.port {
			t.Errorf("%+v: %v, %d", c, role, port)
		}
	}
}

func TestRedact(t *testing.T) {
	r := table.Row{Conn: conn.Conn{Has: conn.HasRaddr, Proto: conn.TCP, Dir: conn.Out, Rport: 443,
		Owner: conn.Owner{Comm: conn.MakeName("curl")}, Place: &conn.Place{User: "ann"}, Raddr: conn.AddrFrom(netip.MustParseAddr("10.0.0.1"))}}
	c := Config{}
	if k := c.key(&r); k.Labels() != [...]string{"curl", "user:ann", "10.0.0.0/24", "443", "tcp", "client"} {
		t.Errorf("%q", k.Labels())
	}
	c.Redact = Redact{Process: true, Workload: true, Peer: true}
	if k := c.key(&r); k.Labels() != [...]string{"", "", "", "443", "tcp", "client"} {
		t.Errorf("%q", k.Labels())
	}
	// No connection has the labels of what has no group.
	r.Owner.Comm, r.Place = conn.MakeName("other"), &conn.Place{Unit: "other"}
	if k := (&Config{}).key(&r); k == Other || k.Labels() == Other.Labels() {
		t.Error("it is taken for other")
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"nginx", "\x1b[31mred", "\u202egpj", "\xff\xfe", "a\"b\\\n", strings.Repeat("ü", 4096), strings.Repeat("\x00", 63)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := text(s)
		if len(got) > maxText || !utf8.ValidString(got) {
			t.Errorf("%q: %d bytes %q", s, len(got), got)
		}
		for _, r := range got {
			if r < ' ' || r == 0x7f || r == 0x202e {
				t.Errorf("%q shows %q", s, r)
			}
		}
	})
}
