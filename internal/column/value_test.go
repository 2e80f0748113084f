package column_test

import (
	"math"
	"net/netip"
	"testing"
	"time"

	"tcptop/internal/column"
	"tcptop/internal/conn"
	"tcptop/internal/table"
)

func snapshot() *table.Snapshot {
	return &table.Snapshot{
		Time:   time.Date(2026, 3, 4, 5, 6, 7, 890e6, time.UTC),
		Mono:   100e9,
		Host:   "web1",
		Origin: conn.FromBPF,
	}
}

// fullRow has a value for every field that is measured.
func fullRow() *table.Row {
	return &table.Row{
		Conn: conn.Conn{
			ID: conn.ID{Cookie: 0x1a2b}, Has: math.MaxUint16, Proto: conn.TCP, State: conn.CloseWait, Dir: conn.In, Partial: true,
			Laddr: conn.AddrFrom(netip.MustParseAddr("10.0.0.1")), Lport: 443,
			Raddr: conn.AddrFrom(netip.MustParseAddr("2001:db8::7")), Rport: 50123,
			NetNS: 4026531840, UID: 1000, Cgroup: 77,
			Owner: conn.Owner{PID: 4242, Comm: conn.MakeName("nginx"), Source: conn.OwnerAccept},
			Place: &conn.Place{User: "www", Cgroup: "/system.slice/nginx.service", Unit: "nginx.service",
				Container: "web", ContainerID: "c0ffee", Image: "nginx:1", Pod: "web-0", Namespace: "prod"},
			Holders: 3,
			Process: &conn.Process{Exe: "/usr/sbin/nginx", Cmdline: "nginx -g"},
			RxBytes: 1, TxBytes: 2, RxPackets: 3, TxPackets: 4, RetransBytes: 5, RetransPackets: 6, LostPackets: 7,
			ReorderedPackets: 8, RTT: 9, RTTVar: 10, MinRTT: 11, ConnectTime: 12, Cwnd: 13, Ssthresh: 14, MSS: 15,
			SndWnd: 16, RcvWnd: 17, PacingRate: 18, DeliveryRate: 19, CC: conn.MakeName("cubic"),
			Sampled: 98e9, CEPackets: 28, Busy: 29e3, RwndLimited: 30e3, SndbufLimited: 31e3, Chrono: conn.ChronoRwnd, Probes: 32,
			CAState: conn.CARecovery, ECN: true, AppLimited: true, SendQueue: 20, Unsent: 21, RecvQueue: 22, Backlog: 23, BacklogMax: 24, Drops: 25,
			Opened: 40e9, LastActive: 99.5e9, Reason: conn.FinRemote, Detail: conn.Keepalive, Errno: 104, SYNRetries: 28,
			AcceptTime: 29, Accepts: 30, AcceptP50: 31, AcceptP99: 32, SYNQueue: 33, SYNFlood: true,
			RecvBuffer: 38, SendErrors: 39, ListenOverflows: 34, ListenDrops: 35, CookiesSent: 36,
		},
		Event: conn.EventClose, RxRate: 26, TxRate: 27, AcceptRate: 37, Limit: conn.LimitReader, Share: 33, ZeroWindow: 34e3,
	}
}

func TestValues(t *testing.T) {
	want := map[string]string{
		"ts": "2026-03-04T05:06:07.890Z", "host": "web1", "event": "close", "schema": "1",
		"conn": "1a2b", "proto": "tcp", "state": "close-wait", "dir": "in", "laddr": "10.0.0.1", "lport": "443",
		"raddr": "2001:db8::7", "rport": "50123", "netns": "4026531840", "iface": "",
		"pid": "4242", "comm": "nginx", "cmdline": "nginx -g", "exe": "/usr/sbin/nginx", "uid": "1000", "user": "www",
		"owners": "3", "owner_source": "accept",
		"cgroup": "/system.slice/nginx.service", "unit": "nginx.service", "container": "web", "container_id": "c0ffee",
		"image": "nginx:1", "pod": "web-0", "namespace": "prod", "workload": "k8s:prod/web",
		"rx_bytes": "1", "tx_bytes": "2", "rx_packets": "3", "tx_packets": "4", "rx_rate": "26", "tx_rate": "27", "rate": "53",
		"rtt_us": "9", "rttvar_us": "10", "min_rtt_us": "11", "retrans_packets": "6", "retrans_bytes": "5",
		"lost_packets": "7", "reordered_packets": "8", "cwnd": "13", "ssthresh": "14", "mss": "15", "cc": "cubic",
		"pacing_rate": "18", "delivery_rate": "19", "snd_wnd": "16", "rcv_wnd": "17",
		"send_queue": "20", "unsent_bytes": "21", "recv_queue": "22", "backlog": "23", "backlog_max": "24", "drops": "25",
		"rtt_inflation": "81", "retrans_ppm": "714285", "ce_packets": "28", "ca_state": "recovery", "ecn": "true", "app_limited": "true",
		"busy_ms": "2029", "rwnd_limited_ms": "2030", "sndbuf_limited_ms": "31", "zero_window_ms": "34", "probes": "32",
		"limit": "reader", "limit_share": "33", "opened": "2026-03-04T05:05:07.890Z", "age_ms": "59500", "idle_ms": "500", "connect_us": "12",
		"close_reason": "fin-remote", "syn_retries": "28", "close_detail": "keepalive", "errno": "ECONNRESET", "partial": "true", "source": "bpf",
		"accept_us": "29", "accepts": "30", "accept_rate": "37", "accept_p50_us": "31", "accept_p99_us": "32", "syn_queue": "33", "syn_flood": "true",
		"recv_buffer": "38", "send_errors": "39", "listen_overflows": "34", "listen_drops": "35", "syncookies_sent": "36",
	}
	check(t, snapshot(), fullRow(), want, true)
}

func TestZeroRowIsMissing(t *testing.T) {
	want := map[string]string{"event": "sample", "schema": "1", "laddr": "::", "partial": "false"}
	check(t, &table.Snapshot{}, &table.Row{}, want, true)
}

func TestMissing(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(s *table.Snapshot, r *table.Row)
		want   map[string]string
	}{
		{"first tick", func(s *table.Snapshot, _ *table.Row) { s.First = true },
			map[string]string{"rx_rate": "", "tx_rate": "", "rate": "", "limit": "", "limit_share": "", "rx_bytes": "1"}},
		{"nothing measured", func(_ *table.Snapshot, r *table.Row) { r.Has = 0 },
			map[string]string{"rate": "", "rx_bytes": "", "rx_packets": "", "rtt_us": "", "retrans_packets": "", "cwnd": "",
				"cc": "", "raddr": "", "rport": "", "uid": "", "user": "", "send_queue": "", "backlog": "", "drops": "",
				"delivery_rate": "", "pacing_rate": "", "rtt_inflation": "", "retrans_ppm": "", "ce_packets": "", "ca_state": "",
				"ecn": "", "app_limited": "", "busy_ms": "", "rwnd_limited_ms": "", "sndbuf_limited_ms": "", "zero_window_ms": "",
				"probes": "", "rcv_wnd": "", "lport": "443"}},
		{"infinite", func(_ *table.Snapshot, r *table.Row) {
			r.Ssthresh, r.MinRTT, r.PacingRate = math.MaxInt32, math.MaxUint32, math.MaxUint64
		}, map[string]string{"ssthresh": "", "min_rtt_us": "", "pacing_rate": ""}},
		{"not measured yet", func(_ *table.Snapshot, r *table.Row) {
			r.RTT, r.RTTVar, r.MinRTT, r.DeliveryRate, r.PacingRate, r.ConnectTime = 0, 0, 0, 0, 0, 0
		}, map[string]string{"rtt_us": "", "rttvar_us": "", "min_rtt_us": "", "rtt_inflation": "", "delivery_rate": "", "pacing_rate": "", "connect_us": ""}},
		{"nothing sent", func(_ *table.Snapshot, r *table.Row) { r.TxBytes, r.RetransBytes = 0, 0 },
			map[string]string{"retrans_ppm": ""}},
		{"our window is shut", func(_ *table.Snapshot, r *table.Row) { r.RcvWnd, r.Event = 0, conn.EventSample },
			map[string]string{"rcv_wnd": "0", "zero_window_ms": "2034"}},
		{"no verdict", func(_ *table.Snapshot, r *table.Row) { r.Limit = 0 },
			map[string]string{"limit": "", "limit_share": ""}},
		{"no owner", func(_ *table.Snapshot, r *table.Row) { r.Owner, r.Process = conn.Owner{}, nil },
			map[string]string{"pid": "", "comm": "", "cmdline": "", "exe": "", "owner_source": ""}},
		{"several processes", func(_ *table.Snapshot, r *table.Row) { r.Owner.PID = 0 }, map[string]string{"pid": "", "comm": "nginx"}},
		{"not looked for yet", func(_ *table.Snapshot, r *table.Row) { r.Has &^= conn.HasHolders }, map[string]string{"owners": ""}},
		{"held by nobody", func(_ *table.Snapshot, r *table.Row) { r.Holders = 0 }, map[string]string{"owners": "0"}},
		{"kernel socket", func(_ *table.Snapshot, r *table.Row) {
			r.Owner = conn.Owner{Kernel: true, Comm: conn.MakeName("kernel")}
		},
			map[string]string{"pid": "", "comm": "kernel"}},
		{"moved after the clock was read", func(_ *table.Snapshot, r *table.Row) { r.LastActive = 101e9 },
			map[string]string{"idle_ms": "0"}},
		{"age unknown", func(_ *table.Snapshot, r *table.Row) { r.Opened, r.LastActive = 0, 0 },
			map[string]string{"opened": "", "age_ms": "", "idle_ms": ""}},
		{"more than an int64", func(_ *table.Snapshot, r *table.Row) { r.TxBytes = math.MaxUint64 },
			map[string]string{"tx_bytes": "9223372036854775807"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, r := snapshot(), fullRow()
			tc.change(s, r)
			check(t, s, r, tc.want, false)
		})
	}
}

// check compares values with want, in which a missing value is "". With all, a
// field that want does not name has to be missing.
func check(t *testing.T, s *table.Snapshot, r *table.Row, want map[string]string, all bool) {
	t.Helper()
	cols := column.New().All()
	for i := range cols {
		c := &cols[i]
		value, named := want[c.Name]
		if !named && !all {
			continue
		}
		got, ok := c.Append(nil, s, r)
		if string(got) != value || ok != (value != "") {
			t.Errorf("%s = %q, %v, want %q", c.Name, got, ok, value)
		}
	}
}

// TestRuns holds that a field says so whose value goes on with time.
func TestRuns(t *testing.T) {
	r := fullRow()
	r.Event, r.RcvWnd = conn.EventSample, 0
	now, then := snapshot(), snapshot()
	then.Time, then.Mono = then.Time.Add(time.Minute), then.Mono+5e9 // and the clock was set
	cols := column.New().All()
	for i := range cols {
		c, runs := &cols[i], false
		for r.Chrono = range conn.ChronoSndbuf + 1 {
			before, _ := c.Append(nil, now, r)
			after, _ := c.Append(nil, then, r)
			runs = runs || string(before) != string(after)
		}
		if runs != c.Runs {
			t.Errorf("%s goes on with time: %v, and says %v", c.Name, runs, c.Runs)
		}
	}
}

func TestAccessorsDoNotAllocate(t *testing.T) {
	cols := column.New().All()
	buf := make([]byte, 0, 256)
	both, joined := joined()
	for _, of := range []struct {
		*table.Snapshot
		*table.Row
	}{{snapshot(), new(table.Row)}, {snapshot(), fullRow()}, {both, joined}} {
		for i := range cols {
			c := &cols[i]
			if n := testing.AllocsPerRun(100, func() { c.Append(buf, of.Snapshot, of.Row) }); n != 0 {
				t.Errorf("%s: %v allocations", c.Name, n)
			}
		}
	}
}

// joined is a row with both ends of a connection.
func joined() (*table.Snapshot, *table.Row) {
	j := table.NewJoint([]string{"db1", "web1"}, 0)
	server, client := fullRow(), fullRow()
	server.Event, client.Event = conn.EventSample, conn.EventSample
	client.Dir, client.Laddr, client.Lport, client.Raddr, client.Rport = conn.Out, server.Raddr, server.Rport, server.Laddr, server.Lport
	client.Owner.Comm, client.RetransPackets, client.Limit = conn.MakeName("curl"), 99, conn.LimitApp
	j.Apply(0, &table.Told{Rows: []table.Row{*server}})
	j.Apply(1, &table.Told{Rows: []table.Row{*client}})
	s := j.Snapshot(time.Unix(100, 0), 100e9)
	for r := range s.Rows() {
		return s, r
	}
	return s, nil
}

func TestPeer(t *testing.T) {
	s, r := joined()
	check(t, s, r, map[string]string{"host": "web1", "comm": "curl", "retrans_packets": "99", "limit": "app",
		"peer_host": "db1", "peer_pid": "4242", "peer_comm": "nginx", "peer_exe": "/usr/sbin/nginx", "peer_user": "www", "peer_unit": "nginx.service",
		"peer_container": "web", "peer_pod": "web-0", "peer_state": "close-wait", "peer_rtt_us": "9", "peer_retrans_packets": "6",
		"peer_send_queue": "20", "peer_recv_queue": "22", "peer_limit": "reader", "peer_limit_share": "33"}, false)
	if s.Len() != 1 {
		t.Errorf("%d rows", s.Len())
	}
}
