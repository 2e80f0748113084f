package group

import (
	"net/netip"
	"strconv"
	"unicode/utf8"

	"tcptop/internal/conn"
	"tcptop/internal/output"
	"tcptop/internal/table"
)

// Key is what the connections of a group have in common. Its texts are fit to be shown.
type Key struct {
	Process  string // comm of the thread group's leader, "kernel", or "" where nobody knows
	Workload string
	Peer     string
	Port     uint16 // of the listening side; 0 where both are from the upper half, which nobody tells apart
	Proto    conn.Proto
	Role     Role
	other    bool
}

// Other is the group of whatever has none of its own.
var Other = Key{other: true}

// Role is the part that this host plays.
type Role uint8

// The roles; zero is not known.
const (
	Client Role = 1 + iota
	Server
)

// LabelCount is the number of a Key's labels.
const LabelCount = 6

// Labels are the values of process, workload, peer, server port, transport and role.
func (k *Key) Labels() [LabelCount]string {
	if k.other {
		return [...]string{"other", "other", "other", "0", "other", "other"}
	}
	return [...]string{k.Process, k.Workload, k.Peer, strconv.Itoa(int(k.Port)), k.Proto.String(),
		[...]string{"", "client", "server"}[k.Role]}
}

// Redact is what is not told.
type Redact struct{ Process, Workload, Peer bool }

// maxText bounds a label's value in bytes.
const maxText = 128

// upperPorts is where ports begin that are given to clients, by default from 32768 on
// (ip_local_port_range).
const upperPorts = 1 << 15

// description is what a Key is made of, besides what no connection changes.
type description struct {
	place *conn.Place
	comm  conn.Name
	kern  bool
	dir   conn.Dir
	raddr conn.Addr
	rport uint16
}

func described(r *table.Row) description {
	d := description{place: r.Place, comm: r.Owner.Comm, kern: r.Owner.Kernel, dir: r.Dir}
	if r.Has&conn.HasRaddr != 0 {
		d.raddr, d.rport = r.Raddr, r.Rport
	}
	return d
}

// key is the group of r.
func (c *Config) key(r *table.Row) Key {
	k := Key{Proto: r.Proto}
	k.Role, k.Port = listening(r)
	if !c.Redact.Process {
		k.Process = text(r.Owner.Comm.String())
		if r.Owner.Kernel {
			k.Process = "kernel"
		}
	}
	if !c.Redact.Workload {
		k.Workload = text(r.Place.WorkloadName())
	}
	if !c.Redact.Peer && r.Has&conn.HasRaddr != 0 {
		k.Peer = c.Peer.name(r.Raddr.Netip())
	}
	return k
}

// listening is this host's role and the port of the side that listens.
func listening(r *table.Row) (Role, uint16) {
	role, port := Role(0), r.Lport
	switch {
	case r.Dir == conn.In:
		role = Server
	case r.Dir == conn.Out:
		role, port = Client, r.Rport
	case r.Has&conn.HasRaddr != 0 && r.Rport < r.Lport:
		port = r.Rport
	}
	if r.Lport >= upperPorts && (r.Rport >= upperPorts || r.Rport == 0) {
		port = 0
	}
	return role, port
}

// text is s with what does not print escaped, and not longer than maxText.
func text(s string) string {
	b := output.AppendVisible(nil, []byte(s))
	if len(b) <= maxText {
		return string(b)
	}
	n := maxText - len("…")
	for n > 0 && !utf8.RuneStart(b[n]) {
		n--
	}
	return string(b[:n]) + "…"
}

// Peer says what is told of a remote address.
type Peer uint8

// What can be told.
const (
	PeerCIDR Peer = iota // the network, of private addresses; others are the internet
	PeerIP               // the address
	PeerNone
)

// The networks of PeerCIDR, in bits.
const (
	bits4 = 24
	bits6 = 64
)

// shared is between providers and their customers (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

func (p Peer) name(a netip.Addr) string {
	if p == PeerNone {
		return ""
	}
	if p == PeerIP {
		return a.WithZone("").String()
	}
	switch {
	case a.IsUnspecified():
		return ""
	case a.IsLoopback():
		return "loopback"
	case a.IsMulticast():
		return "multicast"
	case a.IsPrivate() || a.IsLinkLocalUnicast() || shared.Contains(a):
		bits := bits4
		if a.Is6() {
			bits = bits6
		}
		prefix, err := a.WithZone("").Prefix(bits)
		if err != nil {
			return ""
		}
		return prefix.String()
	}
	return "internet"
}
