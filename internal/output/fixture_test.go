package output

import (
	"net/netip"
	"time"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// hostile are names that a process can give itself.
var hostile = []string{
	"\x1b[2J\x1b]0;x\a",         // clear the screen, set the title
	"a\nb\r\tc",                 // forge a line
	`x,"y";z\`,                  // leave the cell
	"\xff\xfe\xc3(",             // no UTF-8
	"=cmd()",                    // a formula
	"\u202egpj.exe",             // right-to-left override
	"\u0085\u009b31m\u007f",     // C1 controls and DEL
	"\u2028\u2029\ufeff",        // separators, byte order mark
	"日本語 é",                     // harmless
	" +1",                       // a formula after a space
	"-", "@x", "＝1", "%x00", "", // what may be taken for missing, a formula or nothing
}

const second = int64(time.Second)

func addr(s string) conn.Addr { return conn.AddrFrom(netip.MustParseAddr(s)) }

// tcp is a connection with everything measured.
func tcp(cookie uint64, laddr string, lport uint16, raddr string, rport uint16) conn.Conn {
	return conn.Conn{
		ID:    conn.ID{Cookie: cookie},
		Has:   conn.HasBytes | conn.HasPackets | conn.HasPath | conn.HasQueues | conn.HasUID | conn.HasRaddr | conn.HasSettings | conn.HasRcvWnd,
		Proto: conn.TCP, State: conn.Established, Dir: conn.Out,
		Laddr: addr(laddr), Lport: lport, Raddr: addr(raddr), Rport: rport,
		NetNS: 4026531840, UID: 1000,
		Owner:   conn.Owner{PID: 4242, Comm: conn.MakeName("curl"), Source: conn.OwnerConnect},
		Place:   &conn.Place{User: "ann"},
		RxBytes: 1_234_567, TxBytes: 890, RxPackets: 900, TxPackets: 450,
		RetransBytes: 1448, RetransPackets: 1,
		RTT: 24_500, RTTVar: 800, MinRTT: 20_100, ConnectTime: 25_000,
		Cwnd: 10, Ssthresh: 1<<31 - 1, MSS: 1448, SndWnd: 65_535, RcvWnd: 262_144,
		PacingRate: 1_000_000, CC: conn.MakeName("cubic"),
		Opened: 3 * second, LastActive: 99 * second,
	}
}

func listener() conn.Conn {
	return conn.Conn{
		ID: conn.ID{Cookie: 1}, Has: conn.HasBacklog | conn.HasUID,
		Proto: conn.TCP, State: conn.Listen, Dir: conn.DirListen, Laddr: addr("::"), Lport: 443,
		Owner: conn.Owner{PID: 80, Comm: conn.MakeName("nginx"), Source: conn.OwnerFiles}, BacklogMax: 511,
	}
}

func flow() conn.Conn {
	return conn.Conn{
		ID: conn.ID{Cookie: 4, Serial: 7}, Has: conn.HasBytes | conn.HasPackets | conn.HasRaddr,
		Proto: conn.UDP, Dir: conn.In, Partial: true,
		Laddr: addr("192.0.2.1"), Lport: 53, Raddr: addr("198.51.100.200"), Rport: 65000,
		RxBytes: 40, RxPackets: 1, LastActive: 100 * second,
	}
}

// ticks are what a first sample finds and what moved in the second after it.
func ticks() []*table.Snapshot {
	first := &conn.Sample{
		Time: time.Date(2026, 11, 23, 18, 0, 0, 123456789, time.UTC), Mono: 100 * second,
		Host: "web,1", Origin: conn.FromBPF,
		Conns: []conn.Conn{
			listener(),
			tcp(2, "192.0.2.1", 40000, "203.0.113.9", 443),
			tcp(3, "2001:db8::1", 40001, "2001:db8:ffff:ffff:ffff:ffff:ffff:1", 22),
			flow(),
		},
	}
	for i, name := range hostile {
		c := tcp(uint64(100+i), "::ffff:10.0.0.1", 50000, "::ffff:10.0.0.2", uint16(1000+i))
		c.Owner.Comm = conn.MakeName(name)
		c.Remote = &conn.Remote{Name: name, Org: name, Country: name, Source: conn.NameDNS}
		first.Conns = append(first.Conns, c)
	}
	moved := first.Conns[1]
	moved.RxBytes += 2_500_000
	moved.LastActive = 101 * second
	opened := tcp(200, "192.0.2.1", 40002, "203.0.113.9", 443)
	opened.Opened = 100*second + 500_000_000
	opened.TxBytes, opened.RxBytes, opened.RTT = 0, 0, 0
	ended := first.Conns[2]
	ended.State, ended.Reason = conn.Closed, conn.FinRemote
	ended.TxBytes += 10
	next := &conn.Sample{
		Time: first.Time.Add(time.Second), Mono: 101 * second, Host: first.Host, Origin: first.Origin,
		Conns:  []conn.Conn{moved, opened},
		Closed: []conn.Conn{ended},
	}
	t := table.New(table.Config{})
	var all []*table.Snapshot
	for _, s := range []*conn.Sample{first, next} {
		t.Apply(s)
		all = append(all, t.Snapshot())
	}
	return all
}

func rowsOf(s *table.Snapshot) []*table.Row { return s.Query(nil, nil, 0) }
