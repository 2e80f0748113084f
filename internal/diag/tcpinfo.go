package diag

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
)

// Sizes up to which a kernel's struct tcp_info must reach for a group of fields: 5.10
// and 6.1 fill 232 bytes, 6.12 and 6.18 248, 7.3 280.
const (
	withSettings = unsafe.Offsetof(unix.TCPInfo{}.Max_pacing_rate)
	withPackets  = unsafe.Offsetof(unix.TCPInfo{}.Notsent_bytes)
	withBytes    = unsafe.Offsetof(unix.TCPInfo{}.Dsack_dups) // since 4.19
	withPath     = unsafe.Offsetof(unix.TCPInfo{}.Rcv_wnd)    // since 5.4
	withRcvWnd   = unsafe.Offsetof(unix.TCPInfo{}.Rehash)     // since 6.2
	// appLimitedAt is the byte whose lowest bit is tcpi_delivery_rate_app_limited.
	appLimitedAt = unsafe.Offsetof(unix.TCPInfo{}.Options) + 2
	optECN       = 8 // TCPI_OPT_ECN, include/uapi/linux/tcp.h
)

const (
	noIdle   = ^uint32(0)
	infinite = ^uint32(0)
)

// info reads a struct tcp_info of any length; what is beyond it is not measured.
func (r *reading) info(b []byte) {
	if r.State == conn.Listen {
		return // its fields mean something else
	}
	var t unix.TCPInfo
	n := uintptr(copy(unsafe.Slice((*byte)(unsafe.Pointer(&t)), unsafe.Sizeof(t)), b))
	if s := conn.State(t.State); s != 0 && s != conn.Listen && s <= conn.NewSynRecv {
		r.State = s // read later than idiag_state: next to the counters
	}
	if n >= withSettings {
		r.settings(&t)
	}
	if n >= withPackets {
		r.Has |= conn.HasPackets
		r.RxPackets, r.TxPackets = uint64(t.Segs_in), uint64(t.Segs_out)
	}
	if n >= withBytes {
		r.bytes(&t)
	}
	if n >= withPath {
		r.path(&t)
		r.limits(&t)
		r.AppLimited = b[appLimitedAt]&1 != 0
	}
	if n >= withRcvWnd {
		r.Has |= conn.HasRcvWnd
		r.RcvWnd = t.Rcv_wnd
	}
}

// limits reads where a sender stands. Which chronograph runs, tcp_info does not say; its
// times go on up to the moment of the dump.
func (r *reading) limits(t *unix.TCPInfo) {
	r.Busy, r.RwndLimited, r.SndbufLimited = t.Busy_time, t.Rwnd_limited, t.Sndbuf_limited
	inFlight := int64(t.Unacked) - int64(t.Sacked) - int64(t.Lost) + int64(t.Retrans) // tcp_packets_in_flight
	r.CwndLimited = t.Unacked > 0 && inFlight >= int64(t.Snd_cwnd)
	r.ECN = t.Options&optECN != 0
	r.CAState, r.Probes, r.CEPackets = conn.CAState(t.Ca_state), t.Probes, t.Delivered_ce
}

func (r *reading) settings(t *unix.TCPInfo) {
	r.Has |= conn.HasSettings
	r.Cwnd, r.Ssthresh, r.MSS = t.Snd_cwnd, t.Snd_ssthresh, t.Snd_mss
	if t.Pacing_rate != ^uint64(0) {
		r.PacingRate = t.Pacing_rate
	}
	if r.State != conn.SynSent { // before that nothing has come, and the stamps are zero
		r.idle = min(t.Last_data_sent, t.Last_data_recv, t.Last_ack_recv)
	}
}

func (r *reading) bytes(t *unix.TCPInfo) {
	r.Has |= conn.HasBytes
	r.sent, r.received = t.Bytes_sent, t.Bytes_received
	r.TxBytes = t.Bytes_sent - min(t.Bytes_retrans, t.Bytes_sent)
	r.RxBytes = t.Bytes_received
	if finReceived(r.State) && r.RxBytes > 0 {
		r.RxBytes--
	}
	r.Unsent = t.Notsent_bytes
	r.Dir = direction(r.State, r.TxBytes, t.Bytes_acked, r.SendQueue, r.Unsent)
}

// finReceived reports whether bytes_received counts the peer's FIN: tcp_fin() leads to
// these states alone (net/ipv4/tcp_input.c).
func finReceived(s conn.State) bool {
	switch s {
	case conn.CloseWait, conn.LastAck, conn.Closing, conn.TimeWait:
		return true
	}
	return false
}

func (r *reading) path(t *unix.TCPInfo) {
	r.Has |= conn.HasPath
	r.RTT, r.RTTVar = t.Rtt, t.Rttvar
	if r.RTT > 0 && t.Min_rtt != infinite {
		r.MinRTT = t.Min_rtt
	}
	r.RetransBytes, r.RetransPackets = t.Bytes_retrans, t.Total_retrans
	r.LostPackets, r.ReorderedPackets = t.Lost, t.Reord_seen
	r.SndWnd = t.Snd_wnd
	r.DeliveryRate = t.Delivery_rate
}

// direction tells who opened a connection. The handshake acknowledged the client's
// SYN, which bytes_acked counts (tcp_snd_una_update), but a server's socket starts
// after its own: so the client's is one ahead of the payload, and of the FIN if that
// was sent. It is unknown where the queue, read a moment earlier, does not fit.
func direction(s conn.State, sent, acked uint64, queued, unsent uint32) conn.Dir {
	if s == conn.SynSent {
		return conn.Out
	}
	if s != conn.Established && s != conn.CloseWait && unsent == 0 {
		sent++ // our FIN has gone out too
	}
	switch acked + uint64(queued-min(unsent, queued)) {
	case sent + 1:
		return conn.Out
	case sent:
		return conn.In
	}
	return 0
}
