package probe

import (
	"math"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
)

// Bits of tcptopConn.Bits, as in bpf/conn.h.
const (
	bitFinLocal = 1 << iota
	bitFinRemote
	bitKernel
	bitWaits
)

// Halves of tcptopConn.Why, as in bpf/conn.h.
const (
	whyMask         = 15
	synRetriesShift = 4
)

const hasTCP = conn.HasBytes | conn.HasPackets | conn.HasPath | conn.HasQueues | conn.HasUID |
	conn.HasRaddr | conn.HasCgroup | conn.HasSettings | conn.HasRcvWnd

// kernelName is what the kernel's own sockets are shown under: which of its threads uses
// one says nothing.
var kernelName = conn.MakeName("kernel")

// decodeConn fills c from a slot. It allocates nothing.
func decodeConn(c *conn.Conn, s *tcptopConn, l legend) {
	*c = conn.Conn{
		ID:     conn.ID{Cookie: s.Cookie, Serial: uint64(s.Gen)},
		Has:    hasTCP,
		Proto:  conn.TCP,
		State:  conn.State(s.State),
		Dir:    conn.Dir(s.Dir),
		Laddr:  s.Laddr,
		Raddr:  s.Raddr,
		Lport:  s.Lport,
		Rport:  s.Rport,
		NetNS:  s.Netns,
		UID:    s.Uid,
		Cgroup: s.Cgroup,
		Owner: conn.Owner{
			PID:    s.Tgid,
			Start:  s.PidStart,
			Comm:   name(&s.Comm),
			Source: conn.OwnerSource(s.OwnerSource),
			Kernel: s.Bits&bitKernel != 0,
		},
		Ifindex: s.Ifindex,
		Opened:  int64(s.StartNs),
	}
	if c.Owner.Kernel {
		c.Owner.Comm = kernelName
	}
	if c.State == conn.Listen || c.Dir == conn.DirListen {
		c.Has = conn.HasUID | conn.HasCgroup | conn.HasBacklog | conn.HasDrops | conn.HasAccepts
		c.Backlog, c.BacklogMax, c.Drops = s.RecvQueue, s.SendQueue, s.Unsent
		c.Accepts = s.BytesReceived - min(uint64(s.RecvQueue), s.BytesReceived)
		c.SYNQueue, c.SYNFlood = s.LostOut, s.ReordSeen != 0
	}
	if s.Pass != 0 {
		c.Has |= conn.HasHolders
		c.Holders = s.Holders
	}
	if c.Has&conn.HasBytes == 0 {
		return
	}
	c.TxBytes = s.BytesSent - s.BytesRetrans
	c.RxBytes = s.BytesReceived
	c.TxPackets, c.RxPackets = s.SegsOut, s.SegsIn
	c.RetransBytes, c.RetransPackets = s.BytesRetrans, s.TotalRetrans
	c.LostPackets, c.ReorderedPackets = s.LostOut, s.ReordSeen
	decodePath(c, s)
	decodeLimits(c, s, l.jiffy)
	c.Sampled = l.time(s.Copied)
	c.CC = l.names.name(s.Cc)
}

func decodePath(c *conn.Conn, s *tcptopConn) {
	c.RTT, c.RTTVar = s.SrttUs, s.RttvarUs
	switch {
	case c.Dir != conn.In:
		c.ConnectTime = s.ConnectUs
	case s.Bits&bitWaits == 0:
		c.AcceptTime = s.ConnectUs
	}
	if c.SYNRetries = uint32(s.Why >> synRetriesShift); c.State == conn.SynSent {
		c.SYNRetries = s.TotalRetrans
	}
	if c.RTT > 0 && s.MinRttUs != ^uint32(0) { // ~0 until the first measurement (minmax_reset in tcp_init_sock)
		c.MinRTT = s.MinRttUs
	}
	c.Cwnd, c.Ssthresh, c.MSS = s.Cwnd, s.Ssthresh, uint32(s.Mss)
	c.SndWnd, c.RcvWnd = s.SndWnd, s.RcvWnd
	if s.PacingRate != ^uint64(0) {
		c.PacingRate = s.PacingRate
	}
	if s.RateIntervalUs > 0 { // tcp_compute_delivery_rate, net/ipv4/tcp.c
		c.DeliveryRate = uint64(s.RateDelivered) * uint64(s.Mss) * 1e6 / uint64(s.RateIntervalUs)
	}
	c.SendQueue, c.Unsent, c.RecvQueue = s.SendQueue, s.Unsent, s.RecvQueue
	c.LastActive = int64(s.StampUs) * 1000
}

// finish marks c as ended at a moment in monotonic ns and says why, from what the
// socket was left with.
func finish(c *conn.Conn, s *tcptopConn, end int64) {
	last := conn.State(s.LastState)
	c.State = conn.Closed
	if c.Dir == conn.DirListen {
		return
	}
	c.Errno, c.Detail = conn.Errno(s.Err), conn.CloseDetail(s.Why&whyMask)
	if last == conn.SynSent {
		c.State = last // never established: the table calls it failed
		c.SYNRetries = s.TotalRetrans
		if c.Opened != 0 {
			c.ConnectTime = uint32(min(max(end-c.Opened, 0)/1000, math.MaxUint32))
		}
	}
	if c.Detail == conn.NoPort {
		c.Errno = conn.Errno(unix.EADDRNOTAVAIL) // what connect(2) returned; the socket keeps no error of it
	}
	c.Reason = reason(last, unix.Errno(c.Errno), c.Detail, s.Bits)
}

func reason(last conn.State, err unix.Errno, detail conn.CloseDetail, bits uint8) conn.CloseReason {
	switch detail {
	case conn.Unread, conn.Linger, conn.Disconnect, conn.Unaccepted:
		return conn.ResetLocal
	case conn.AfterClose:
		return conn.FinLocal
	case conn.NoPort:
		return conn.Aborted
	}
	switch err {
	case unix.ECONNREFUSED:
		return conn.Refused
	case unix.ETIMEDOUT:
		return conn.Timeout
	case unix.EHOSTUNREACH, unix.ENETUNREACH:
		return conn.Unreachable
	case unix.ECONNRESET, unix.EPIPE: // tcp_reset, net/ipv4/tcp_input.c
		return conn.ResetRemote
	case unix.ECONNABORTED: // tcp_abort, as by ss -K
		return conn.ResetLocal
	}
	switch {
	case last == conn.SynSent && err == 0:
		return conn.Aborted
	case bits&bitFinLocal != 0:
		return conn.FinLocal
	case bits&bitFinRemote != 0 && last != conn.CloseWait:
		return conn.FinRemote
	case last == conn.Established, last == conn.CloseWait: // closed with data unread, or aborted
		return conn.ResetLocal
	}
	return 0
}

// name converts C's char array, which bpf2go makes of signed bytes.
func name(s *[16]int8) conn.Name {
	var n conn.Name
	for i, b := range s {
		n[i] = byte(b)
	}
	return n
}

// decodeFlow fills c from a UDP flow.
func decodeFlow(c *conn.Conn, f *tcptopFlow) {
	*c = conn.Conn{
		ID:     conn.ID{Cookie: f.Cookie, Serial: f.StartNs},
		Has:    conn.HasBytes | conn.HasPackets | conn.HasUID | conn.HasCgroup | conn.HasSendErrors,
		Proto:  conn.UDP,
		Dir:    conn.Dir(f.Dir),
		Laddr:  f.Laddr,
		Raddr:  f.Raddr,
		Lport:  f.Lport,
		Rport:  f.Rport,
		NetNS:  f.Netns,
		UID:    f.Uid,
		Cgroup: f.Cgroup,
		Owner: conn.Owner{
			PID:    f.Tgid,
			Start:  f.PidStart,
			Comm:   name(&f.Comm),
			Source: conn.OwnerSource(f.OwnerSource),
			Kernel: f.Kernel != 0,
		},
		Ifindex:   f.Ifindex,
		Opened:    int64(f.StartNs),
		TxBytes:   f.TxBytes,
		RxBytes:   f.RxBytes,
		TxPackets: f.TxPackets,
		RxPackets: f.RxPackets,

		SendErrors: f.SendErrors,
		Errno:      conn.Errno(f.SendErrno),
	}
	if c.Owner.Kernel {
		c.Owner.Comm = kernelName
	}
	if f.Rport != 0 {
		c.Has |= conn.HasRaddr
	}
}

// decodeMini fills c from a time-wait or syn-recv socket, which has no counters.
func decodeMini(c *conn.Conn, m *tcptopMini) {
	*c = conn.Conn{
		ID:    conn.ID{Cookie: m.Cookie},
		Has:   conn.HasRaddr | conn.HasHolders, // no process has one
		Proto: conn.TCP,
		State: conn.State(m.State),
		Laddr: m.Laddr,
		Raddr: m.Raddr,
		Lport: m.Lport,
		Rport: m.Rport,
		NetNS: m.Netns,
	}
	if c.State == conn.SynRecv {
		c.Dir = conn.In
	} else {
		c.ID.Serial = conn.TimeWaitSerial
	}
	if m.Tgid != 0 {
		c.Has |= conn.HasUID
		c.UID = m.Uid
		c.Owner = conn.Owner{PID: m.Tgid, Start: m.PidStart, Comm: name(&m.Comm), Source: conn.OwnerSource(m.OwnerSource)}
	}
}
