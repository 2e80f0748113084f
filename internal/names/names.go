// Package names gives remote addresses the names that people know them by: what this
// host asked the DNS for, /etc/hosts, and reverse look-ups where somebody wants them.
// It takes a conn.Sample and fills its Remote pointers, from bounded caches; nobody
// waits for it.
//
// One goroutine uses a Namer at a time.
package names

import "tcptop/internal/conn"

// Config says where names come from besides the DNS messages of samples.
type Config struct{}

// Namer fills samples. Make one with New.
type Namer struct {
	dns dns
}

// New returns a Namer that knows no names yet.
func New(Config) *Namer { return &Namer{dns: newDNS()} }

// Apply hears the DNS messages of s, then fills the Remote of every connection in s
// that has none: what a connection was opened by has been answered before. A nil
// Namer names nothing.
func (n *Namer) Apply(s *conn.Sample) {
	if n == nil {
		return
	}
	for i := range s.DNS {
		n.hear(&s.DNS[i])
	}
	for i := range s.Conns {
		n.fill(&s.Conns[i])
	}
	for i := range s.Closed {
		n.fill(&s.Closed[i])
	}
}

// Counts says what became of the DNS messages so far.
func (n *Namer) Counts() Counts { return n.dns.counts }

func (n *Namer) hear(m *conn.DNSMessage) {
	a, by, ok := n.dns.hear(m)
	if !ok {
		return
	}
	remote := &conn.Remote{Name: a.name, Source: conn.NameDNS}
	for _, addr := range a.addrs {
		n.dns.learn(place{by.netns, addr}, remote, &by, m.Time, a.ttl)
	}
}

func (n *Namer) fill(c *conn.Conn) {
	if c.Remote != nil || c.Has&conn.HasRaddr == 0 {
		return
	}
	c.Remote = n.dns.remote(c)
}
