package column

import (
	"net/netip"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// schema is the version of the output that the contract promises.
const schema = 1

const maxPort = 1<<16 - 1

func frameFields() []Column {
	return []Column{
		{Name: "ts", Title: "TIME", Kind: Time, Width: 24, Runs: true,
			Help: "Wall clock of the tick in UTC, one value for all rows of the tick.",
			Num: func(s *table.Snapshot, _ *table.Row) (int64, bool) {
				return s.Time.UnixNano(), !s.Time.IsZero()
			}},
		{Name: "host", Title: "HOST", Kind: Text, Width: 12,
			Help: "Name of the host that the row was measured on; of several hosts, as it stands on the command line.",
			Text: func(dst []byte, s *table.Snapshot, r *table.Row) ([]byte, bool) {
				v := s.HostOf(r)
				return append(dst, v...), v != ""
			}},
		{Name: "event", Title: "EVENT", Kind: Text, Width: 6, Values: names(conn.EventSample),
			Help: "What happened to the connection in the tick: it opened, closed, failed to open, or was only sampled; with --events also that its state changed.",
			Text: text(func(r *table.Row) string { return r.Event.String() })},
		{Name: "schema", Title: "SCHEMA", Kind: Int, Width: 6,
			Help: "Version of this list of fields.",
			Num:  func(*table.Snapshot, *table.Row) (int64, bool) { return schema, true }},
	}
}

func identityFields() []Column {
	return []Column{
		{Name: "conn", Title: "CONN", Kind: Text, Width: 12,
			Help: "Stable id of the connection, unique on this host while it is up: the kernel's socket cookie (sock.sk_cookie) in hexadecimal, and a serial where one socket has had several connections or flows.",
			Text: func(dst []byte, _ *table.Snapshot, r *table.Row) ([]byte, bool) {
				if r.ID.Cookie == 0 && r.ID.Serial == 0 {
					return dst, false
				}
				return r.ID.Append(dst), true
			}},
		{Name: "proto", Title: "PROTO", Kind: Text, Width: 5, Values: names(conn.TCP),
			Help: "Transport protocol (sock.sk_protocol).",
			Text: text(func(r *table.Row) string { return r.Proto.String() })},
		{Name: "state", Title: "STATE", Kind: Text, Width: 11, Values: conn.States(),
			Help: "TCP state as ss(8) names it (sock.sk_state); missing for UDP.",
			Text: text(func(r *table.Row) string { return r.State.String() })},
		{Name: "dir", Title: "DIR", Kind: Text, Width: 6, Values: names(conn.In),
			Help: "Who opened it: in was accepted, out was connected, listen waits for connections; for UDP, the way of the flow's first datagram.",
			Text: text(func(r *table.Row) string { return r.Dir.String() })},
		{Name: "laddr", Title: "LADDR", Kind: IP, Width: 15,
			Help: "Local address (sock.sk_rcv_saddr, sk_v6_rcv_saddr); a v4-mapped one is printed as IPv4.",
			Addr: func(r *table.Row) (netip.Addr, bool) { return r.Laddr.Netip(), true }},
		{Name: "lport", Title: "LPORT", Kind: Int, Width: 5, Max: maxPort,
			Help: "Local port (sock.sk_num); missing while the socket has none.",
			Num:  nonzero(0, func(c *conn.Conn) int64 { return int64(c.Lport) })},
		{Name: "raddr", Title: "RADDR", Kind: IP, Width: 15,
			Help: "Remote address (sock.sk_daddr, sk_v6_daddr), for UDP that of the flow's datagrams; missing for listeners.",
			Addr: func(r *table.Row) (netip.Addr, bool) {
				a := r.Raddr.Netip()
				many := r.Remote != nil && r.Remote.Source == conn.NameNetwork && a.IsUnspecified() // networks
				return a, r.Has&conn.HasRaddr != 0 && !many
			}},
		{Name: "rport", Title: "RPORT", Kind: Int, Width: 5, Max: maxPort,
			Help: "Remote port (sock.sk_dport), for UDP that of the flow's datagrams; missing for listeners.",
			Num:  nonzero(conn.HasRaddr, func(c *conn.Conn) int64 { return int64(c.Rport) })},
		{Name: "rname", Title: "RNAME", Kind: Text, Width: 24,
			Help: "Name of the remote address: what this host asked the DNS for and was told the address before the connection opened, or a name of /etc/hosts or of a reverse look-up. docs/names.md says what it is worth. Missing with -N.",
			Text: remote(func(r *conn.Remote) string { return r.Name })},
		{Name: "rname_source", Title: "RNAMESRC", Kind: Text, Width: 8, Values: names(conn.NameDNS),
			Help: "Where rname is from: dns was asked for by this host, hosts is /etc/hosts, ptr is a reverse look-up, which only the screen makes; network is no name of one address but of all that an engine has together, such as 10.0.0.0/24 or internet.",
			Text: remote(func(r *conn.Remote) string { return r.Source.String() })},
		{Name: "asn", Title: "ASN", Kind: Int, Width: 10,
			Help: "Number of the autonomous system that announces the remote address, from a file that --mmdb names.",
			Num: func(_ *table.Snapshot, r *table.Row) (int64, bool) {
				if r.Remote == nil {
					return 0, false
				}
				return int64(r.Remote.ASN), r.Remote.ASN != 0
			}},
		{Name: "as_org", Title: "AS_ORG", Kind: Text, Width: 16,
			Help: "Whose autonomous system that is, from a file that --mmdb names.",
			Text: remote(func(r *conn.Remote) string { return r.Org })},
		{Name: "country", Title: "COUNTRY", Kind: Text, Width: 7,
			Help: "Where the remote address is registered or thought to be: an ISO 3166-1 code of two letters, from a file that --mmdb names.",
			Text: remote(func(r *conn.Remote) string { return r.Country })},
		{Name: "netns", Title: "NETNS", Kind: Int, Width: 10,
			Help: "Inode of the network namespace (net.ns.inum), as in /proc/PID/ns/net.",
			Num:  nonzero(0, func(c *conn.Conn) int64 { return int64(c.NetNS) })},
		{Name: "netns_name", Title: "NETNSNAME", Kind: Text, Width: 14,
			Help: "Name of the network namespace: as ip-netns(8) has it (/run/netns), or the pod or container that alone is in it.",
			Text: place(func(p *conn.Place) string { return p.NetNS })},
		{Name: "iface", Title: "IFACE", Kind: Text, Width: 8,
			Help: "Network device that the socket is bound to or routed through: sock.sk_bound_dev_if, else sk_rx_dst_ifindex; of UDP, listeners and with sock_diag the device that has the local address.",
			Text: place(func(p *conn.Place) string { return p.Iface })},
	}
}
