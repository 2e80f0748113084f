// Package names gives remote addresses the names that people know them by: what this
// host asked the DNS for, /etc/hosts, and reverse look-ups where somebody wants them.
// It takes a conn.Sample and fills its Remote pointers, from bounded caches; nobody
// waits for it.
//
// One goroutine uses a Namer at a time.
package names

import "tcptop/internal/conn"

// maxOthers is how many addresses are remembered that nobody has asked the DNS for,
// of those that were not used for long.
const maxOthers = 1 << 15

// Config says where names come from besides the DNS messages of samples.
type Config struct {
	Hosts   string   // path of a file as hosts(5) describes it; "" is none
	NetNS   uint32   // inode of the network namespace that it speaks of
	Reverse *Reverse // nil asks nobody

	Networks *Networks // what files say of networks; nil is none
}

// Namer fills samples. Make one with New.
type Namer struct {
	dns     dns
	hosts   hosts
	listed  map[conn.Addr]*conn.Remote // what the file says
	reverse *Reverse
	nets    *Networks
	others  recent[conn.Addr, *conn.Remote]
	news    []conn.RemoteChange
}

// New returns a Namer that knows no names yet.
func New(cfg Config) *Namer {
	return &Namer{
		dns: newDNS(), hosts: hosts{path: cfg.Hosts, netns: cfg.NetNS}, reverse: cfg.Reverse, nets: cfg.Networks,
		others: newRecent[conn.Addr, *conn.Remote](maxOthers),
	}
}

// Apply hears the DNS messages of s, then fills the Remote of every connection in s
// that has none: what a connection was opened by has been answered before. What has become
// known of others goes into s.Remotes. A nil Namer names nothing.
func (n *Namer) Apply(s *conn.Sample) {
	if n == nil {
		return
	}
	for i := range s.DNS {
		n.hear(&s.DNS[i])
	}
	if n.hosts.refresh(s.Mono) {
		n.list()
	}
	n.news = n.news[:0]
	if n.reverse != nil {
		n.rename(n.reverse.take())
	}
	s.Remotes = n.news
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
	for _, addr := range a.addrs {
		remote := n.remote(addr, a.name, conn.NameDNS)
		n.dns.learn(place{by.netns, addr}, remote, &by, m.Time, a.ttl)
	}
}

// list takes over what the file of names says.
func (n *Namer) list() {
	n.listed = make(map[conn.Addr]*conn.Remote, len(n.hosts.names))
	for addr, name := range n.hosts.names {
		n.listed[addr] = n.remote(addr, name, conn.NameHosts)
	}
}

// rename takes over what reverse look-ups have found.
func (n *Namer) rename(all []found) {
	for _, f := range all {
		is := n.remote(f.addr, f.name, conn.NamePTR)
		if was, ok := n.others.get(f.addr); ok && was != nil {
			n.news = append(n.news, conn.RemoteChange{Was: was, Is: is})
		}
		n.others.put(f.addr, is)
	}
}

func (n *Namer) fill(c *conn.Conn) {
	if c.Remote != nil || c.Has&conn.HasRaddr == 0 {
		return
	}
	if c.Remote = n.dns.remote(c); c.Remote != nil {
		return
	}
	if c.NetNS == n.hosts.netns {
		c.Remote = n.listed[c.Raddr]
	}
	if c.Remote == nil && (n.reverse != nil || n.nets != nil) {
		c.Remote = n.other(c.Raddr)
	}
}

// other is what is known of an address that nobody asked the DNS for; where that is
// nothing, a Remote of its own that can be told from others' once its name is found.
func (n *Namer) other(a conn.Addr) *conn.Remote {
	r, ok := n.others.get(a)
	if !ok {
		r = n.remote(a, "", 0)
		if n.reverse == nil && *r == (conn.Remote{}) {
			r = nil // and never will be more
		}
		n.others.put(a, r)
	}
	return r
}

// remote is a Remote of that name, with what is known of its network.
func (n *Namer) remote(a conn.Addr, name string, source conn.NameSource) *conn.Remote {
	r := &conn.Remote{Name: name, Source: source}
	n.nets.describe(r, a)
	return r
}
