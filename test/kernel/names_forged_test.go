package kernel

import (
	"net"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"tcptop/internal/conn"
)

// liar answers every question at an address's port 53 with what say makes of it.
func (z *zone) liar(at string, say func(query []byte) (answers [][]byte)) {
	z.t.Helper()
	var s net.PacketConn
	var err error
	z.Do(func() { s, err = net.ListenPacket("udp", net.JoinHostPort(at, "53")) })
	must(z.t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		query := make([]byte, 1500)
		for {
			n, from, err := s.ReadFrom(query)
			if err != nil {
				return
			}
			for _, a := range say(query[:n]) {
				_, _ = s.WriteTo(a, from)
			}
		}
	}()
	z.t.Cleanup(func() {
		must(z.t, s.Close())
		<-done
	})
}

// answer answers a query by an address that a name has.
func (z *zone) answer(query []byte, change func(*dnsmessage.Message)) []byte {
	var m dnsmessage.Message
	must(z.t, m.Unpack(query))
	m.Response, m.Additionals = true, nil
	m.Answers = []dnsmessage.Resource{{
		Header: dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET, TTL: 300},
		Body:   &dnsmessage.AResource{A: webAddrs[0].As4()},
	}}
	change(&m)
	data, err := m.Pack()
	must(z.t, err)
	return data
}

// TestNamesForged has an answer that is none to what was asked come before the one that
// is, and one that nobody asked for come to a socket that listens: neither names anything.
func TestNamesForged(t *testing.T) {
	w := watch(t, conn.Config{TCP: true, UDP: true, DNS: true})
	z := newZone(t)
	another := dnsmessage.MustNewName("bank.example.test.")
	z.liar("127.0.0.1", func(query []byte) [][]byte {
		return [][]byte{
			z.answer(query, func(m *dnsmessage.Message) { m.ID++; m.Questions[0].Name, m.Answers[0].Header.Name = another, another }),
			z.answer(query, func(m *dnsmessage.Message) { m.Questions[0].Name, m.Answers[0].Header.Name = another, another }),
			query[:len(query)/2],
			z.answer(query, func(m *dnsmessage.Message) {
				m.Answers = append(m.Answers, m.Answers[0])
				m.Answers[1].Header.Name = another
			}),
		}
	})
	var open net.PacketConn
	var err error
	z.Do(func() { open, err = net.ListenPacket("udp", "127.0.0.1:0") })
	must(t, err)
	defer open.Close()
	var query dnsmessage.Message
	query.Questions = []dnsmessage.Question{{Name: another, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}}
	data, err := query.Pack()
	must(t, err)
	var from net.Conn
	z.Do(func() {
		from, err = net.DialUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2), Port: 53}, open.LocalAddr().(*net.UDPAddr))
	})
	must(t, err)
	defer from.Close()
	_, err = from.Write(z.answer(data, func(*dnsmessage.Message) {}))
	must(t, err)
	_, _, err = open.ReadFrom(make([]byte, 1500))
	must(t, err)

	local, remote := endsOf(z.dial(webAddrs[0]))
	w.named(local, remote, "", 0)
	if addrs, err := z.ask("good.example.test", "ip4"); err != nil || len(addrs) == 0 {
		t.Fatalf("%v, %v", addrs, err)
	}
	local, remote = endsOf(z.dial(webAddrs[0]))
	w.named(local, remote, "good.example.test", conn.NameDNS)
}

// TestNamesUnconnected asks as musl and forwarders do, by a socket that is not connected,
// of either family and of both.
func TestNamesUnconnected(t *testing.T) {
	w := watch(t, conn.Config{TCP: true, UDP: true, DNS: true})
	z := newZone(t)
	for _, at := range []string{"127.0.0.1", "::1"} {
		z.liar(at, func(query []byte) [][]byte { return [][]byte{z.answer(query, func(*dnsmessage.Message) {})} })
	}
	for _, c := range []struct{ name, network, bound, server string }{
		{"four.example.test", "udp4", "127.0.0.1:0", "127.0.0.1"},
		{"six.example.test", "udp6", "[::1]:0", "::1"},
		{"mapped.example.test", "udp", ":0", "127.0.0.1"},
	} {
		var s net.PacketConn
		var err error
		z.Do(func() { s, err = net.ListenPacket(c.network, c.bound) })
		must(t, err)
		query := dnsmessage.Message{Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(c.name + "."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}}}
		data, err := query.Pack()
		must(t, err)
		_, err = s.WriteTo(data, &net.UDPAddr{IP: net.ParseIP(c.server), Port: 53})
		must(t, err)
		_, _, err = s.ReadFrom(make([]byte, 1500))
		must(t, err, s.Close())
		local, remote := endsOf(z.dial(webAddrs[0]))
		w.named(local, remote, c.name, conn.NameDNS)
	}
}

// TestNamesOff asks where names are not wanted: nothing is noted, nothing named.
func TestNamesOff(t *testing.T) {
	for name, cfg := range map[string]conn.Config{
		"numeric": {TCP: true, UDP: true}, "TCP alone": {TCP: true, DNS: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := watch(t, cfg)
			z := newZone(t)
			z.liar("127.0.0.1", func(query []byte) [][]byte { return [][]byte{z.answer(query, func(*dnsmessage.Message) {})} })
			if addrs, err := z.ask("good.example.test", "ip4"); err != nil || len(addrs) == 0 {
				t.Fatalf("%v, %v", addrs, err)
			}
			local, remote := endsOf(z.dial(webAddrs[0]))
			w.named(local, remote, "", 0)
			if n := w.stop().dns; n != 0 {
				t.Errorf("%d DNS messages were noted", n)
			}
		})
	}
}
