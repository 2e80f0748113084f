package names

import (
	"net/netip"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"tcptop/internal/conn"
)

const (
	second = int64(time.Second)
	netns  = 4026531840
	socket = 0xffff888100000000
)

var server = address("192.0.2.53")

func address(s string) conn.Addr { return conn.AddrFrom(netip.MustParseAddr(s)) }

// message builds DNS messages.
type message struct {
	t testing.TB
	b dnsmessage.Builder
}

func begin(t testing.TB, h dnsmessage.Header, name string, kind dnsmessage.Type) *message {
	t.Helper()
	m := &message{t, dnsmessage.NewBuilder(nil, h)}
	m.b.EnableCompression()
	m.must(m.b.StartQuestions())
	m.must(m.b.Question(dnsmessage.Question{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET}))
	return m
}

func query(t testing.TB, id uint16, name string, kind dnsmessage.Type) []byte {
	t.Helper()
	return begin(t, dnsmessage.Header{ID: id, RecursionDesired: true}, name, kind).data()
}

func reply(t testing.TB, id uint16, name string, kind dnsmessage.Type) *message {
	t.Helper()
	m := begin(t, dnsmessage.Header{ID: id, Response: true, RecursionAvailable: true}, name, kind)
	m.must(m.b.StartAnswers())
	return m
}

func head(owner string, ttl uint32) dnsmessage.ResourceHeader {
	return dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(owner), Class: dnsmessage.ClassINET, TTL: ttl}
}

func (m *message) cname(owner, target string, ttl uint32) *message {
	m.t.Helper()
	m.must(m.b.CNAMEResource(head(owner, ttl), dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName(target)}))
	return m
}

func (m *message) addr(owner, a string, ttl uint32) *message {
	m.t.Helper()
	ip := netip.MustParseAddr(a)
	if ip.Is4() {
		m.must(m.b.AResource(head(owner, ttl), dnsmessage.AResource{A: ip.As4()}))
	} else {
		m.must(m.b.AAAAResource(head(owner, ttl), dnsmessage.AAAAResource{AAAA: ip.As16()}))
	}
	return m
}

func (m *message) data() []byte {
	m.t.Helper()
	data, err := m.b.Finish()
	m.must(err)
	return data
}

func (m *message) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

// host is a Namer with what one process of one user asks it.
type host struct {
	t        testing.TB
	namer    *Namer
	uid, pid uint32
	id       uint16
}

func newHost(t testing.TB) *host { return &host{t: t, namer: New(Config{}), uid: 1000, pid: 42} }

func (h *host) asks(at int64, id uint16, name string) conn.DNSMessage {
	h.t.Helper()
	return conn.DNSMessage{Time: at, Socket: socket, Server: server, NetNS: netns, UID: h.uid, PID: h.pid,
		Data: query(h.t, id, name, dnsmessage.TypeA)}
}

func told4(at int64, data []byte) conn.DNSMessage {
	return conn.DNSMessage{Time: at, Socket: socket, Server: server, Answer: true, Data: data}
}

// learns asks for a name at a time and is told an address.
func (h *host) learns(at int64, name, addr string, ttl uint32) {
	h.t.Helper()
	h.id++
	h.hears(h.asks(at, h.id, name), told4(at, reply(h.t, h.id, name, dnsmessage.TypeA).addr(name, addr, ttl).data()))
}

func (h *host) hears(messages ...conn.DNSMessage) {
	h.namer.Apply(&conn.Sample{DNS: messages})
}

// name is what a connection of this process to addr, opened at a time, is shown with.
func (h *host) name(opened int64, addr string) string {
	c := conn.Conn{Has: conn.HasRaddr | conn.HasUID, Raddr: address(addr), NetNS: netns, UID: h.uid, Opened: opened}
	c.Owner.PID = h.pid
	return h.nameOf(c)
}

func (h *host) nameOf(c conn.Conn) string {
	s := conn.Sample{Conns: []conn.Conn{c}}
	h.namer.Apply(&s)
	if r := s.Conns[0].Remote; r != nil {
		return r.Name
	}
	return ""
}
