package filter_test

import (
	"net/netip"
	"strings"
	"time"

	"tcptop/internal/column"
	"tcptop/internal/conn"
	"tcptop/internal/filter"
	"tcptop/internal/table"
)

func snapshot() *table.Snapshot {
	return &table.Snapshot{
		Time:   time.Date(2026, 3, 4, 5, 6, 7, 890e6, time.UTC),
		Mono:   int64(2 * time.Hour),
		Host:   "web1",
		Origin: conn.FromBPF,
	}
}

type namedRow struct {
	name string
	row  *table.Row
}

func addr(s string) conn.Addr { return conn.AddrFrom(netip.MustParseAddr(s)) }

// rows are a small host: an HTTPS server behind a container, its listener, an
// outgoing ssh over IPv6, a leak in close-wait, a DNS flow and a time-wait row
// that nobody owns.
func rows() []namedRow {
	web := &conn.Place{User: "www-data", Unit: "docker.service", Container: "web", Pod: "web-0", Namespace: "prod"}
	measured := conn.HasBytes | conn.HasPackets | conn.HasPath | conn.HasQueues | conn.HasUID | conn.HasRaddr | conn.HasSettings | conn.HasRcvWnd
	return []namedRow{
		{"https", &table.Row{RxRate: 200e3, TxRate: 4e6, Moved: true, Conn: conn.Conn{
			ID: conn.ID{Cookie: 1}, Has: measured, Proto: conn.TCP, State: conn.Established, Dir: conn.In,
			Laddr: addr("10.0.0.1"), Lport: 443, Raddr: addr("203.0.113.7"), Rport: 51000, NetNS: 4026531840, UID: 33,
			Owner: conn.Owner{PID: 100, Comm: conn.MakeName("nginx"), Source: conn.OwnerAccept}, Place: web,
			TxBytes: 3 << 30, RTT: 80_000, RetransPackets: 12, CC: conn.MakeName("bbr"),
			Opened: int64(time.Hour), LastActive: int64(2*time.Hour) - 1}}},
		{"listener", &table.Row{Conn: conn.Conn{
			ID: conn.ID{Cookie: 2}, Has: conn.HasBacklog | conn.HasDrops | conn.HasUID, Proto: conn.TCP, State: conn.Listen, Dir: conn.DirListen,
			Laddr: addr("::"), Lport: 443, Owner: conn.Owner{PID: 100, Comm: conn.MakeName("nginx")}, Place: web,
			Backlog: 3, BacklogMax: 4096}}},
		{"ssh", &table.Row{Conn: conn.Conn{
			ID: conn.ID{Cookie: 3}, Has: measured, Proto: conn.TCP, State: conn.Established, Dir: conn.Out,
			Laddr: addr("2001:db8::1"), Lport: 40000, Raddr: addr("2001:db8::22"), Rport: 22, UID: 1000,
			Owner: conn.Owner{PID: 200, Comm: conn.MakeName("ssh")}, Place: &conn.Place{User: "ann", Unit: "session-1.scope"},
			RTT: 900, Opened: int64(2*time.Hour - time.Minute), LastActive: int64(2*time.Hour - 30*time.Second)}}},
		{"leak", &table.Row{Conn: conn.Conn{
			ID: conn.ID{Cookie: 4}, Has: measured, Proto: conn.TCP, State: conn.CloseWait, Dir: conn.Out, Partial: true,
			Laddr: addr("127.0.0.1"), Lport: 50123, Raddr: addr("127.0.0.1"), Rport: 5432, UID: 1001,
			Owner: conn.Owner{PID: 300, Comm: conn.MakeName("My App")}, RecvQueue: 1, RTT: 40}}},
		{"dns", &table.Row{RxRate: 100, TxRate: 60, Conn: conn.Conn{
			ID: conn.ID{Cookie: 5, Serial: 9}, Has: conn.HasBytes | conn.HasRaddr | conn.HasUID, Proto: conn.UDP, Dir: conn.Out,
			Laddr: addr("10.0.0.1"), Lport: 33333, Raddr: addr("10.0.0.53"), Rport: 53, UID: 101,
			Owner: conn.Owner{PID: 400, Comm: conn.MakeName("resolved")}}}},
		{"timewait", &table.Row{Conn: conn.Conn{
			ID: conn.ID{Cookie: 6}, Has: conn.HasRaddr, Proto: conn.TCP, State: conn.TimeWait,
			Laddr: addr("10.0.0.1"), Lport: 8080, Raddr: addr("198.51.100.4"), Rport: 60000}}},
	}
}

// matching names the rows that f matches.
func matching(f *filter.Filter) string {
	match := f.Match(snapshot())
	var names []string
	for _, r := range rows() {
		if match(r.row) {
			names = append(names, r.name)
		}
	}
	return strings.Join(names, " ")
}

const everyRow = "https listener ssh leak dns timewait"

func columns() *column.List { return column.New() }
