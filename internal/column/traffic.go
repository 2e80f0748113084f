package column

import (
	"math"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

func trafficFields() []Column {
	return []Column{
		{Name: "rx_bytes", Title: "RX", Kind: Bytes, Width: 7, Unit: "bytes",
			Help: "Payload received since the connection opened. TCP: bytes received in order without the FIN, tcp_sock.bytes_received (RFC 4898 tcpEStatsAppHCThruOctetsReceived). UDP: payload of datagrams delivered to a reader; a peek counts nothing.",
			Num:  num(conn.HasBytes, func(c *conn.Conn) int64 { return clamp(c.RxBytes) })},
		{Name: "tx_bytes", Title: "TX", Kind: Bytes, Width: 7, Unit: "bytes",
			Help: "Payload sent since the connection opened. TCP: each byte once, tcp_sock.bytes_sent (RFC 4898 tcpEStatsPerfHCDataOctetsOut) less tcp_sock.bytes_retrans. UDP: payload of datagrams sent.",
			Num:  num(conn.HasBytes, func(c *conn.Conn) int64 { return clamp(c.TxBytes) })},
		{Name: "rx_packets", Title: "RXPKT", Kind: Count, Width: 6, Unit: "packets",
			Help: "TCP: segments received, pure ACKs and retransmissions included, tcp_sock.segs_in (RFC 4898 tcpEStatsPerfSegsIn). UDP: datagrams delivered to a reader.",
			Num:  num(conn.HasPackets, func(c *conn.Conn) int64 { return clamp(c.RxPackets) })},
		{Name: "tx_packets", Title: "TXPKT", Kind: Count, Width: 6, Unit: "packets",
			Help: "TCP: segments sent, pure ACKs and retransmissions included, tcp_sock.segs_out (RFC 4898 tcpEStatsPerfSegsOut). UDP: datagrams sent; one GSO send of ten counts ten.",
			Num:  num(conn.HasPackets, func(c *conn.Conn) int64 { return clamp(c.TxPackets) })},
		{Name: "rx_rate", Title: "RX/s", Kind: Rate, Width: 9, Unit: "bytes/s",
			Help: "Growth of rx_bytes over the tick, per second; missing in the first tick.",
			Num:  rate(func(r *table.Row) uint64 { return r.RxRate })},
		{Name: "tx_rate", Title: "TX/s", Kind: Rate, Width: 9, Unit: "bytes/s",
			Help: "Growth of tx_bytes over the tick, per second; missing in the first tick.",
			Num:  rate(func(r *table.Row) uint64 { return r.TxRate })},
		{Name: "rate", Title: "RATE", Kind: Rate, Width: 9, Unit: "bytes/s",
			Help: "Sum of rx_rate and tx_rate.",
			Num:  rate((*table.Row).Rate)},
	}
}

// pathFields are TCP's view of the network between the two ends.
func pathFields() []Column {
	return append(pathCounters(), pathGauges()...)
}

func pathCounters() []Column {
	return []Column{
		{Name: "rtt_us", Title: "RTT", Kind: Micros, Width: 7, Unit: "µs",
			Help: "Smoothed round-trip time (tcp_sock.srtt_us / 8); missing until measured.",
			Num:  nonzero(conn.HasPath, func(c *conn.Conn) int64 { return int64(c.RTT) })},
		{Name: "rttvar_us", Title: "RTTVAR", Kind: Micros, Width: 7, Unit: "µs",
			Help: "Smoothed mean deviation of the round-trip time (tcp_sock.mdev_us / 4); missing until measured.",
			Num:  nonzero(conn.HasPath, func(c *conn.Conn) int64 { return int64(c.RTTVar) })},
		{Name: "min_rtt_us", Title: "MINRTT", Kind: Micros, Width: 7, Unit: "µs",
			Help: "Least round-trip time in the kernel's window, five minutes unless net.ipv4.tcp_min_rtt_wlen says otherwise (tcp_sock.rtt_min); missing until measured.",
			Num: nonzero(conn.HasPath, func(c *conn.Conn) int64 {
				return finite(int64(c.MinRTT), math.MaxUint32)
			})},
		{Name: "rtt_inflation", Title: "INFL", Kind: Percent, Width: 5, Unit: "%",
			Help: "Smoothed round-trip time in percent of the least one: 100 is a path without queues (rtt_us, min_rtt_us); missing until measured.",
			Num: func(_ *table.Snapshot, r *table.Row) (int64, bool) {
				if r.Has&conn.HasPath == 0 || r.MinRTT == 0 || r.MinRTT == math.MaxUint32 || r.RTT == 0 {
					return 0, false
				}
				return int64(r.RTT) * 100 / int64(r.MinRTT), true
			}},
		{Name: "retrans_packets", Title: "RETR", Kind: Count, Width: 5, Unit: "packets",
			Help: "Segments sent again since the connection opened, tcp_sock.total_retrans (RFC 4898 tcpEStatsPerfSegsRetrans).",
			Num:  num(conn.HasPath, func(c *conn.Conn) int64 { return int64(c.RetransPackets) })},
		{Name: "retrans_bytes", Title: "RETRB", Kind: Bytes, Width: 7, Unit: "bytes",
			Help: "Payload sent again since the connection opened, tcp_sock.bytes_retrans (RFC 4898 tcpEStatsPerfOctetsRetrans).",
			Num:  num(conn.HasPath, func(c *conn.Conn) int64 { return clamp(c.RetransBytes) })},
		{Name: "retrans_ppm", Title: "RETR%", Kind: PPM, Width: 7, Unit: "parts per million",
			Help: "Share of retransmissions in all payload sent since the connection opened, in millionths (retrans_bytes, tx_bytes); missing until something was sent.",
			Num: func(_ *table.Snapshot, r *table.Row) (int64, bool) {
				const both = conn.HasBytes | conn.HasPath
				if r.Has&both != both || r.TxBytes+r.RetransBytes == 0 {
					return 0, false
				}
				return int64(float64(r.RetransBytes) / float64(r.TxBytes+r.RetransBytes) * 1e6), true
			}},
		{Name: "lost_packets", Title: "LOST", Kind: Count, Width: 5, Unit: "packets",
			Help: "Segments that the sender now holds to be lost (tcp_sock.lost_out).",
			Num:  num(conn.HasPath, func(c *conn.Conn) int64 { return int64(c.LostPackets) })},
		{Name: "reordered_packets", Title: "REORD", Kind: Count, Width: 5, Unit: "packets",
			Help: "Times that reordering of sent segments was seen since the connection opened (tcp_sock.reord_seen).",
			Num:  num(conn.HasPath, func(c *conn.Conn) int64 { return int64(c.ReorderedPackets) })},
		{Name: "ce_packets", Title: "CE", Kind: Count, Width: 5, Unit: "packets",
			Help: "Segments of ours that arrived with a mark of congestion since the connection opened, as the peer echoes it (tcp_sock.delivered_ce, RFC 3168).",
			Num:  num(conn.HasPath, func(c *conn.Conn) int64 { return int64(c.CEPackets) })},
	}
}

func pathGauges() []Column {
	return []Column{
		{Name: "cwnd", Title: "CWND", Kind: Count, Width: 5, Unit: "segments",
			Help: "Congestion window (tcp_sock.snd_cwnd).",
			Num:  num(conn.HasSettings, func(c *conn.Conn) int64 { return int64(c.Cwnd) })},
		{Name: "ssthresh", Title: "SSTHRESH", Kind: Count, Width: 8, Unit: "segments",
			Help: "Slow-start threshold (tcp_sock.snd_ssthresh); missing while it is infinite, that is before the first loss.",
			Num: nonzero(conn.HasSettings, func(c *conn.Conn) int64 {
				return finite(int64(c.Ssthresh), math.MaxInt32)
			})},
		{Name: "mss", Title: "MSS", Kind: Count, Width: 5, Unit: "bytes",
			Help: "Largest payload of a segment sent (tcp_sock.mss_cache).",
			Num:  num(conn.HasSettings, func(c *conn.Conn) int64 { return int64(c.MSS) })},
		{Name: "cc", Title: "CC", Kind: Text, Width: 8,
			Help: "Congestion control (inet_connection_sock.icsk_ca_ops).",
			Text: func(dst []byte, _ *table.Snapshot, r *table.Row) ([]byte, bool) {
				if r.Has&conn.HasSettings == 0 {
					return dst, false
				}
				b := r.CC.Bytes()
				return append(dst, b...), len(b) > 0
			}},
		{Name: "ca_state", Title: "CASTATE", Kind: Text, Width: 8, Values: names(conn.CAOpen),
			Help: "Where congestion control stands: open, disorder (duplicate ACKs), cwr (slowing down), recovery (fast retransmit), loss (timeout) (inet_connection_sock.icsk_ca_state).",
			Text: func(dst []byte, _ *table.Snapshot, r *table.Row) ([]byte, bool) {
				if r.Has&conn.HasPath == 0 {
					return dst, false
				}
				return append(dst, r.CAState.String()...), true
			}},
		{Name: "ecn", Title: "ECN", Kind: Bool, Width: 5,
			Help: "True where both sides agreed to mark congestion instead of dropping (tcp_sock.ecn_flags, RFC 3168).",
			Num:  flag(func(c *conn.Conn) bool { return c.ECN })},
		{Name: "app_limited", Title: "APPLIM", Kind: Bool, Width: 6,
			Help: "True where delivery_rate was measured while there was too little to send (tcp_sock.rate_app_limited).",
			Num:  flag(func(c *conn.Conn) bool { return c.AppLimited })},
		{Name: "pacing_rate", Title: "PACING", Kind: Rate, Width: 9, Unit: "bytes/s",
			Help: "Rate that sending is paced to (sock.sk_pacing_rate); missing while there is none.",
			Num: func(_ *table.Snapshot, r *table.Row) (int64, bool) {
				known := r.Has&conn.HasSettings != 0 && r.PacingRate != 0 && r.PacingRate != math.MaxUint64
				if !known {
					return 0, false
				}
				return clamp(r.PacingRate), true
			}},
		{Name: "delivery_rate", Title: "DELIVERY", Kind: Rate, Width: 9, Unit: "bytes/s",
			Help: "Rate at which the peer last acknowledged data (tcp_sock.rate_delivered over rate_interval_us); missing until measured.",
			Num:  nonzero(conn.HasPath, func(c *conn.Conn) int64 { return clamp(c.DeliveryRate) })},
		{Name: "snd_wnd", Title: "SNDWND", Kind: Bytes, Width: 7, Unit: "bytes",
			Help: "Window that the peer offers (tcp_sock.snd_wnd).",
			Num:  num(conn.HasPath, func(c *conn.Conn) int64 { return int64(c.SndWnd) })},
		{Name: "rcv_wnd", Title: "RCVWND", Kind: Bytes, Width: 7, Unit: "bytes",
			Help: "Window offered to the peer (tcp_sock.rcv_wnd).",
			Num:  num(conn.HasRcvWnd, func(c *conn.Conn) int64 { return int64(c.RcvWnd) })},
	}
}

// finite turns the kernel's "infinite" into the zero that nonzero takes as missing.
func finite(n, infinite int64) int64 {
	if n >= infinite {
		return 0
	}
	return n
}
