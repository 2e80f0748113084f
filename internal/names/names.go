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
	found   recent[conn.Addr, *conn.Remote] // those of others that have a name
	decided conn.Seats[decision]
	version uint32 // of what is known besides DNS answers; 0 is none
	news    []conn.RemoteChange
}

// New returns a Namer that knows no names yet.
func New(cfg Config) *Namer {
	return &Namer{
		dns: newDNS(), hosts: hosts{path: cfg.Hosts, netns: cfg.NetNS}, reverse: cfg.Reverse, nets: cfg.Networks,
		others: newRecent[conn.Addr, *conn.Remote](maxOthers), found: newRecent[conn.Addr, *conn.Remote](maxReverse), version: 1,
	}
}

// Apply hears the DNS messages of s, then fills the Remote of every connection in s
// that has none: what a connection was opened by has been answered before. What has become
// known of others goes into s.Remotes. A nil Namer names nothing.
func (n *Namer) Apply(s *conn.Sample) {
	n.Begin(s)
	n.Name(s.Conns)
	n.NameClosed(s.Closed)
}

// Begin takes in what s says of names.
func (n *Namer) Begin(s *conn.Sample) {
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
}

// Name fills the Remote of rows that have none.
func (n *Namer) Name(rows []conn.Conn) {
	if n == nil {
		return
	}
	for i := range rows {
		n.fill(&rows[i])
	}
}

// NameClosed is Name for rows that are told for the last time. What becomes known of their
// remotes later is no news to them, so nothing is kept to tell it by: of short
// connections to ever new addresses that would be most of all there is.
func (n *Namer) NameClosed(rows []conn.Conn) {
	switch {
	case n == nil:
	case n.nets != nil: // which say something of most addresses
		n.Name(rows)
	default:
		n.nameClosed(rows)
	}
}

func (n *Namer) nameClosed(rows []conn.Conn) {
	var last place
	var is *conn.Remote
	for i := range rows {
		c := &rows[i]
		if c.Remote != nil || c.Has&conn.HasRaddr == 0 {
			continue
		}
		if c.Remote = n.dns.remote(c); c.Remote != nil {
			continue
		}
		if at := (place{c.NetNS, c.Raddr}); i == 0 || at != last {
			last, is = at, n.heard(at)
		}
		c.Remote = is
	}
}

// heard is what is known of an address besides DNS answers and networks; nil is nothing.
func (n *Namer) heard(at place) *conn.Remote {
	if at.netns == n.hosts.netns {
		if r := n.listed[at.addr]; r != nil {
			return r
		}
	}
	if n.found.empty() {
		return nil
	}
	r, _ := n.found.get(at.addr)
	return r
}

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
	n.version++
	n.listed = make(map[conn.Addr]*conn.Remote, len(n.hosts.names))
	for addr, name := range n.hosts.names {
		n.listed[addr] = n.remote(addr, name, conn.NameHosts)
	}
}

// rename takes over what reverse look-ups have found.
func (n *Namer) rename(all []found) {
	if len(all) > 0 {
		n.version++
	}
	for _, f := range all {
		is := n.remote(f.addr, f.name, conn.NamePTR)
		if was, ok := n.others.get(f.addr); ok && was != nil {
			n.news = append(n.news, conn.RemoteChange{Was: was, Is: is})
		}
		n.others.put(f.addr, is)
		n.found.put(f.addr, is)
	}
}

// decision is the Remote that a connection was given. It holds until more is known of
// addresses, or of whose the connection is: answers that come after it opened don't name it.
type decision struct {
	id      conn.ID
	remote  *conn.Remote
	pid     uint32
	version uint32
}

func (n *Namer) fill(c *conn.Conn) {
	if c.Remote != nil || c.Has&conn.HasRaddr == 0 {
		return
	}
	if c.Seat == 0 {
		c.Remote = n.find(c)
		return
	}
	d := n.decided.At(c.Seat)
	if d.id != c.ID || d.version != n.version || d.pid != c.Owner.PID {
		*d = decision{c.ID, n.find(c), c.Owner.PID, n.version}
	}
	c.Remote = d.remote
}

// find is the Remote that c is to have by what is known now.
func (n *Namer) find(c *conn.Conn) *conn.Remote {
	if r := n.dns.remote(c); r != nil {
		return r
	}
	if c.NetNS == n.hosts.netns {
		if r := n.listed[c.Raddr]; r != nil {
			return r
		}
	}
	if n.reverse != nil || n.nets != nil {
		return n.other(c.Raddr)
	}
	return nil
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
