package record

import (
	"encoding/binary"
	"strconv"
	"unsafe"

	"tcptop/internal/conn"
)

// member is one number of a T as the recording keeps it. A name is never given to
// anything else, and what a number means never changes: a new meaning is a new name.
type member[T any] struct {
	name string
	get  func(*T) uint64
	set  func(*T, uint64)

	from, to uintptr // the bytes of a T that it is in
}

// within says where in a T its member is.
func within[T, N any](at func(*T) *N) (from, to uintptr) {
	t := new(T)
	n := at(t)
	from = uintptr(unsafe.Pointer(n)) - uintptr(unsafe.Pointer(t))
	return from, from + unsafe.Sizeof(*n)
}

// connMembers are all numbers of a connection. Those that change together are
// neighbours. What is not in this list is not recorded: TestEveryMember fails.
var connMembers = join(
	one("cookie", func(c *conn.Conn) *uint64 { return &c.ID.Cookie }),
	one("serial", func(c *conn.Conn) *uint64 { return &c.ID.Serial }),
	one("has", func(c *conn.Conn) *conn.Has { return &c.Has }),
	one("proto", func(c *conn.Conn) *conn.Proto { return &c.Proto }),
	one("state", func(c *conn.Conn) *conn.State { return &c.State }),
	one("dir", func(c *conn.Conn) *conn.Dir { return &c.Dir }),
	bit("partial", func(c *conn.Conn) *bool { return &c.Partial }),

	address("laddr", func(c *conn.Conn) *conn.Addr { return &c.Laddr }),
	address("raddr", func(c *conn.Conn) *conn.Addr { return &c.Raddr }),
	one("lport", func(c *conn.Conn) *uint16 { return &c.Lport }),
	one("rport", func(c *conn.Conn) *uint16 { return &c.Rport }),
	one("netns", func(c *conn.Conn) *uint32 { return &c.NetNS }),
	one("ifindex", func(c *conn.Conn) *uint32 { return &c.Ifindex }),
	one("uid", func(c *conn.Conn) *uint32 { return &c.UID }),
	one("cgroup", func(c *conn.Conn) *uint64 { return &c.Cgroup }),
	one("pid", func(c *conn.Conn) *uint32 { return &c.Owner.PID }),
	one("pid_start", func(c *conn.Conn) *uint32 { return &c.Owner.Start }),
	name("comm", func(c *conn.Conn) *conn.Name { return &c.Owner.Comm }),
	one("owner_source", func(c *conn.Conn) *conn.OwnerSource { return &c.Owner.Source }),
	bit("owner_kernel", func(c *conn.Conn) *bool { return &c.Owner.Kernel }),
	one("owners", func(c *conn.Conn) *uint16 { return &c.Holders }),

	one("rx_bytes", func(c *conn.Conn) *uint64 { return &c.RxBytes }),
	one("tx_bytes", func(c *conn.Conn) *uint64 { return &c.TxBytes }),
	one("rx_packets", func(c *conn.Conn) *uint64 { return &c.RxPackets }),
	one("tx_packets", func(c *conn.Conn) *uint64 { return &c.TxPackets }),
	one("retrans_bytes", func(c *conn.Conn) *uint64 { return &c.RetransBytes }),
	one("retrans_packets", func(c *conn.Conn) *uint32 { return &c.RetransPackets }),
	one("lost_packets", func(c *conn.Conn) *uint32 { return &c.LostPackets }),
	one("reordered_packets", func(c *conn.Conn) *uint32 { return &c.ReorderedPackets }),
	one("ce_packets", func(c *conn.Conn) *uint32 { return &c.CEPackets }),

	one("rtt_us", func(c *conn.Conn) *uint32 { return &c.RTT }),
	one("rttvar_us", func(c *conn.Conn) *uint32 { return &c.RTTVar }),
	one("min_rtt_us", func(c *conn.Conn) *uint32 { return &c.MinRTT }),
	one("connect_us", func(c *conn.Conn) *uint32 { return &c.ConnectTime }),
	one("syn_retries", func(c *conn.Conn) *uint32 { return &c.SYNRetries }),
	one("accept_us", func(c *conn.Conn) *uint32 { return &c.AcceptTime }),
	one("cwnd", func(c *conn.Conn) *uint32 { return &c.Cwnd }),
	one("ssthresh", func(c *conn.Conn) *uint32 { return &c.Ssthresh }),
	one("mss", func(c *conn.Conn) *uint32 { return &c.MSS }),
	one("snd_wnd", func(c *conn.Conn) *uint32 { return &c.SndWnd }),
	one("rcv_wnd", func(c *conn.Conn) *uint32 { return &c.RcvWnd }),
	one("pacing_rate", func(c *conn.Conn) *uint64 { return &c.PacingRate }),
	one("delivery_rate", func(c *conn.Conn) *uint64 { return &c.DeliveryRate }),
	name("cc", func(c *conn.Conn) *conn.Name { return &c.CC }),

	one("send_queue", func(c *conn.Conn) *uint32 { return &c.SendQueue }),
	one("unsent_bytes", func(c *conn.Conn) *uint32 { return &c.Unsent }),
	one("recv_queue", func(c *conn.Conn) *uint32 { return &c.RecvQueue }),
	one("backlog", func(c *conn.Conn) *uint32 { return &c.Backlog }),
	one("backlog_max", func(c *conn.Conn) *uint32 { return &c.BacklogMax }),
	one("drops", func(c *conn.Conn) *uint32 { return &c.Drops }),
	one("recv_buffer", func(c *conn.Conn) *uint32 { return &c.RecvBuffer }),
	one("send_errors", func(c *conn.Conn) *uint32 { return &c.SendErrors }),
	one("accepts", func(c *conn.Conn) *uint64 { return &c.Accepts }),
	one("accept_p50_us", func(c *conn.Conn) *uint32 { return &c.AcceptP50 }),
	one("accept_p99_us", func(c *conn.Conn) *uint32 { return &c.AcceptP99 }),
	one("syn_queue", func(c *conn.Conn) *uint32 { return &c.SYNQueue }),
	bit("syn_flood", func(c *conn.Conn) *bool { return &c.SYNFlood }),
	one("listen_overflows", func(c *conn.Conn) *uint32 { return &c.ListenOverflows }),
	one("listen_drops", func(c *conn.Conn) *uint32 { return &c.ListenDrops }),
	one("syncookies_sent", func(c *conn.Conn) *uint32 { return &c.CookiesSent }),

	one("busy_us", func(c *conn.Conn) *uint64 { return &c.Busy }),
	one("rwnd_limited_us", func(c *conn.Conn) *uint64 { return &c.RwndLimited }),
	one("sndbuf_limited_us", func(c *conn.Conn) *uint64 { return &c.SndbufLimited }),
	one("chrono", func(c *conn.Conn) *conn.Chrono { return &c.Chrono }),
	one("ca_state", func(c *conn.Conn) *conn.CAState { return &c.CAState }),
	one("probes", func(c *conn.Conn) *uint8 { return &c.Probes }),
	bit("app_limited", func(c *conn.Conn) *bool { return &c.AppLimited }),
	bit("cwnd_limited", func(c *conn.Conn) *bool { return &c.CwndLimited }),
	bit("sndbuf_full", func(c *conn.Conn) *bool { return &c.SndbufFull }),
	bit("ecn", func(c *conn.Conn) *bool { return &c.ECN }),

	one("sampled", func(c *conn.Conn) *int64 { return &c.Sampled }),
	one("opened", func(c *conn.Conn) *int64 { return &c.Opened }),
	one("last_active", func(c *conn.Conn) *int64 { return &c.LastActive }),
	one("close_reason", func(c *conn.Conn) *conn.CloseReason { return &c.Reason }),
	one("close_detail", func(c *conn.Conn) *conn.CloseDetail { return &c.Detail }),
	one("errno", func(c *conn.Conn) *conn.Errno { return &c.Errno }),
)

// headMembers are the numbers of a sample itself but for its time, its host and
// its lists.
var headMembers = join(
	one("mono", func(s *conn.Sample) *int64 { return &s.Mono }),
	one("origin", func(s *conn.Sample) *conn.Origin { return &s.Origin }),
	bit("last", func(s *conn.Sample) *bool { return &s.Last }),
	one("table_full", func(s *conn.Sample) *uint64 { return &s.Loss.TableFull }),
	one("ring_full", func(s *conn.Sample) *uint64 { return &s.Loss.RingFull }),
	one("queue_full", func(s *conn.Sample) *uint64 { return &s.Loss.QueueFull }),
	one("flows_full", func(s *conn.Sample) *uint64 { return &s.Loss.FlowsFull }),
	one("stale", func(s *conn.Sample) *uint64 { return &s.Loss.Stale }),
	one("skipped", func(s *conn.Sample) *uint64 { return &s.Loss.Skipped }),
	one("missed_ticks", func(s *conn.Sample) *uint64 { return &s.Loss.MissedTicks }),
	one("dns_full", func(s *conn.Sample) *uint64 { return &s.Loss.DNSFull }),
	one("totals_full", func(s *conn.Sample) *uint64 { return &s.Loss.TotalsFull }),
	one("unnamed", func(s *conn.Sample) *uint64 { return &s.Loss.Unnamed }),
	one("rows_full", func(s *conn.Sample) *uint64 { return &s.Loss.RowsFull }),
	one("transitions_full", func(s *conn.Sample) *uint64 { return &s.Loss.TransitionsFull }),
	one("cost_mono", func(s *conn.Sample) *int64 { return &s.Cost.Mono }),
	one("cost_cpu_ns", func(s *conn.Sample) *uint64 { return &s.Cost.CPU }),
	one("cost_resident", func(s *conn.Sample) *uint64 { return &s.Cost.Resident }),
	one("cost_maps", func(s *conn.Sample) *uint64 { return &s.Cost.Maps }),
	bit("cost_timed", func(s *conn.Sample) *bool { return &s.Cost.Timed }),
	one("cost_hook_runs", func(s *conn.Sample) *uint64 { return &s.Cost.HookRuns }),
	one("cost_hook_ns", func(s *conn.Sample) *uint64 { return &s.Cost.HookTime }),
)

// totalMembers are all numbers of an OwnerTotal.
var totalMembers = join(
	one("pid", func(t *conn.OwnerTotal) *uint32 { return &t.PID }),
	name("comm", func(t *conn.OwnerTotal) *conn.Name { return &t.Comm }),
	one("uid", func(t *conn.OwnerTotal) *uint32 { return &t.UID }),
	one("cgroup", func(t *conn.OwnerTotal) *uint64 { return &t.Cgroup }),
	one("conns", func(t *conn.OwnerTotal) *uint64 { return &t.Conns }),
	one("rx_bytes", func(t *conn.OwnerTotal) *uint64 { return &t.RxBytes }),
	one("tx_bytes", func(t *conn.OwnerTotal) *uint64 { return &t.TxBytes }),
	one("proto", func(t *conn.OwnerTotal) *conn.Proto { return &t.Proto }),
	address("raddr", func(t *conn.OwnerTotal) *conn.Addr { return &t.Raddr }),
	one("open", func(t *conn.OwnerTotal) *uint64 { return &t.Open }),
	one("open_rx_bytes", func(t *conn.OwnerTotal) *uint64 { return &t.OpenRx }),
	one("open_tx_bytes", func(t *conn.OwnerTotal) *uint64 { return &t.OpenTx }),
	one("datagrams", func(t *conn.OwnerTotal) *uint64 { return &t.Datagrams }),
)

// goneMembers name a row that ends.
var goneMembers = join(
	one("cookie", func(id *conn.ID) *uint64 { return &id.Cookie }),
	one("serial", func(id *conn.ID) *uint64 { return &id.Serial }),
)

// text is one part of a Place, Process or Remote, which many connections share.
type text[T any] struct {
	name string
	get  func(*T) string
	set  func(*T, string)
}

var placeTexts = []text[conn.Place]{
	words("user", func(p *conn.Place) *string { return &p.User }),
	words("cgroup", func(p *conn.Place) *string { return &p.Cgroup }),
	words("unit", func(p *conn.Place) *string { return &p.Unit }),
	words("slice", func(p *conn.Place) *string { return &p.Slice }),
	words("session", func(p *conn.Place) *string { return &p.Session }),
	words("container", func(p *conn.Place) *string { return &p.Container }),
	words("container_id", func(p *conn.Place) *string { return &p.ContainerID }),
	words("image", func(p *conn.Place) *string { return &p.Image }),
	words("pod", func(p *conn.Place) *string { return &p.Pod }),
	words("namespace", func(p *conn.Place) *string { return &p.Namespace }),
	words("netns_name", func(p *conn.Place) *string { return &p.NetNS }),
	words("iface", func(p *conn.Place) *string { return &p.Iface }),
	words("workload", func(p *conn.Place) *string { return &p.Workload }),
}

var processTexts = []text[conn.Process]{
	words("exe", func(p *conn.Process) *string { return &p.Exe }),
	words("cmdline", func(p *conn.Process) *string { return &p.Cmdline }),
}

var remoteTexts = []text[conn.Remote]{
	words("name", func(r *conn.Remote) *string { return &r.Name }),
	decimal("name_source", func(r *conn.Remote) *conn.NameSource { return &r.Source }),
	decimal("asn", func(r *conn.Remote) *uint32 { return &r.ASN }),
	words("as_org", func(r *conn.Remote) *string { return &r.Org }),
	words("country", func(r *conn.Remote) *string { return &r.Country }),
}

type integer interface {
	~int | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

func join[T any](lists ...[]member[T]) []member[T] {
	var all []member[T]
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

func one[T any, N integer](name string, at func(*T) *N) []member[T] {
	from, to := within(at)
	return []member[T]{{
		name: name,
		get:  func(t *T) uint64 { return uint64(*at(t)) },
		set:  func(t *T, v uint64) { *at(t) = N(v) },
		from: from, to: to,
	}}
}

func bit[T any](name string, at func(*T) *bool) []member[T] {
	from, to := within(at)
	return []member[T]{{
		name: name, from: from, to: to,
		get: func(t *T) uint64 {
			if *at(t) {
				return 1
			}
			return 0
		},
		set: func(t *T, v uint64) { *at(t) = v != 0 },
	}}
}

// address is two numbers in network order, so that neighbours differ by little.
func address[T any](name string, at func(*T) *conn.Addr) []member[T] {
	from, to := within(at)
	return []member[T]{
		{name + "_high",
			func(t *T) uint64 { return binary.BigEndian.Uint64(at(t)[:8]) },
			func(t *T, v uint64) { binary.BigEndian.PutUint64(at(t)[:8], v) }, from, from + 8},
		{name + "_low",
			func(t *T) uint64 { return binary.BigEndian.Uint64(at(t)[8:]) },
			func(t *T, v uint64) { binary.BigEndian.PutUint64(at(t)[8:], v) }, from + 8, to},
	}
}

// name is two numbers, the first letter in the lowest byte.
func name[T any](name string, at func(*T) *conn.Name) []member[T] {
	from, to := within(at)
	return []member[T]{
		{name + "_0",
			func(t *T) uint64 { return binary.LittleEndian.Uint64(at(t)[:8]) },
			func(t *T, v uint64) { binary.LittleEndian.PutUint64(at(t)[:8], v) }, from, from + 8},
		{name + "_8",
			func(t *T) uint64 { return binary.LittleEndian.Uint64(at(t)[8:]) },
			func(t *T, v uint64) { binary.LittleEndian.PutUint64(at(t)[8:], v) }, from + 8, to},
	}
}

func words[T any](name string, at func(*T) *string) text[T] {
	return text[T]{name, func(t *T) string { return *at(t) }, func(t *T, s string) { *at(t) = s }}
}

func decimal[T any, N integer](name string, at func(*T) *N) text[T] {
	return text[T]{name,
		func(t *T) string { return strconv.FormatInt(int64(*at(t)), 10) },
		func(t *T, s string) {
			n, _ := strconv.ParseInt(s, 10, 64)
			*at(t) = N(n)
		}}
}
