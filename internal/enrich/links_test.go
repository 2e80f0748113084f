package enrich

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

func addr(s string) conn.Addr { return conn.AddrFrom(netip.MustParseAddr(s)) }

// TestLinksOfThisHost are those that the standard library knows.
func TestLinksOfThisHost(t *testing.T) {
	l, err := ownLinks()
	if err != nil {
		t.Fatal(err)
	}
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		if l.names[uint32(i.Index)] != i.Name {
			t.Errorf("device %d is %q, want %q", i.Index, l.names[uint32(i.Index)], i.Name)
		}
		addrs, err := i.Addrs()
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range addrs {
			at := addr(netip.MustParsePrefix(a.String()).Addr().WithZone("").String())
			if got := l.addrs[at]; got != uint32(i.Index) && !at.Netip().IsLinkLocalUnicast() {
				t.Errorf("%v is on device %d, want %d", a, got, i.Index)
			}
		}
	}
	if len(l.names) != len(all) || len(all) == 0 {
		t.Errorf("%d devices, want %d", len(l.names), len(all))
	}
}

// TestIface has the devices of this namespace: by the index that the source tells, by the
// local address, and lo between two of our own. What comes later is there in place.
func TestIface(t *testing.T) {
	var st unix.Stat_t
	if err := unix.Stat("/proc/thread-self/ns/net", &st); err != nil {
		t.Fatal(err)
	}
	ns := uint32(st.Ino)
	e := open(t, Config{LookupUser: func(uint32) string { return "u" }})
	row := func(seat, ifindex uint32, local, remote string) conn.Conn {
		return conn.Conn{Seat: seat, Has: conn.HasUID, NetNS: ns, Ifindex: ifindex, Laddr: addr(local), Raddr: addr(remote)}
	}
	s := &conn.Sample{Mono: 1, Conns: []conn.Conn{
		row(1, loopback, "198.51.100.1", "198.51.100.2"), row(2, 0, "127.0.0.9", "0.0.0.0"), row(3, 0, "::1", "::"),
		row(4, 0, "198.51.100.1", "::1"), row(5, 0, "198.51.100.1", "198.51.100.2"), row(6, 0, "0.0.0.0", "0.0.0.0"), row(7, 1<<30, "::", "::"),
	}}
	testkit.Eventually(t, 10*time.Second, func() error {
		for i := range s.Conns {
			s.Conns[i].Place = nil
		}
		s.Mono += linksAgain
		e.Apply(s)
		for i, want := range []string{"lo", "lo", "lo", "lo", "", "", ""} {
			if p := s.Conns[i].Place; p == nil || p.Iface != want {
				return errors.New("row " + string(rune('0'+i)) + " is not on " + want)
			}
		}
		return nil
	})
}

// TestIfaceOfWhoStandsStill tells of a row's device though the row is not named again.
func TestIfaceOfWhoStandsStill(t *testing.T) {
	e := open(t, Config{LookupUser: func(uint32) string { return "u" }, Proc: t.TempDir()})
	c := conn.Conn{Seat: 1, Has: conn.HasUID, NetNS: 7, Laddr: addr("198.51.100.1")}
	e.Apply(&conn.Sample{Mono: 1, Conns: []conn.Conn{c}})
	s := &conn.Sample{Mono: 2, Conns: []conn.Conn{c}}
	e.Apply(s)
	was := s.Conns[0].Place
	e.clerk.mu.Lock()
	e.clerk.results.links = map[uint32]*links{7: {map[uint32]string{3: "eth0"}, map[conn.Addr]uint32{addr("198.51.100.1"): 3}}}
	e.clerk.mu.Unlock()
	s = &conn.Sample{Mono: 3}
	e.Apply(s)
	if len(s.Places) != 1 || s.Places[0].Was != was || s.Places[0].Is.Iface != "eth0" {
		t.Errorf("%+v, of %+v", s.Places, was)
	}
}

// FuzzLinks has messages that no kernel sends.
func FuzzLinks(f *testing.F) {
	for _, kind := range []int{unix.RTM_GETLINK, unix.RTM_GETADDR} {
		data, err := syscall.NetlinkRIB(kind, unix.AF_UNSPEC)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		l := &links{names: make(map[uint32]string), addrs: make(map[conn.Addr]uint32)}
		if err := l.parse(data); err == nil && (len(l.names) > maxLinks || len(l.addrs) > maxLinks) {
			t.Errorf("%d names, %d addresses", len(l.names), len(l.addrs))
		}
	})
}
