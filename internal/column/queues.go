package column

import (
	"time"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

func queueFields() []Column {
	return []Column{
		{Name: "send_queue", Title: "SENDQ", Kind: Bytes, Width: 7, Unit: "bytes",
			Help: "Bytes written and not yet acknowledged (TCP: tcp_sock.write_seq - snd_una) or not yet sent (UDP: sock.sk_wmem_alloc).",
			Num:  num(conn.HasQueues, func(c *conn.Conn) int64 { return int64(c.SendQueue) })},
		{Name: "unsent_bytes", Title: "UNSENT", Kind: Bytes, Width: 7, Unit: "bytes",
			Help: "Bytes written and not yet sent for the first time (tcp_sock.write_seq - snd_nxt); missing for UDP.",
			Num: func(_ *table.Snapshot, r *table.Row) (int64, bool) {
				return int64(r.Unsent), r.Has&conn.HasQueues != 0 && r.Proto != conn.UDP
			}},
		{Name: "recv_queue", Title: "RECVQ", Kind: Bytes, Width: 7, Unit: "bytes",
			Help: "Bytes received and not yet read (TCP: tcp_sock.rcv_nxt - copied_seq; UDP: udp_rqueue_get, with the overhead of each datagram).",
			Num:  num(conn.HasQueues, func(c *conn.Conn) int64 { return int64(c.RecvQueue) })},
		{Name: "busy_ms", Title: "BUSY", Kind: Millis, Width: 7, Unit: "ms", Runs: true,
			Help: "Time since the connection opened with data sent or to be sent and not yet acknowledged, by the kernel's chronograph (tcp_info.tcpi_busy_time; tcp_sock.chrono_stat and chrono_start); rwnd_limited_ms and sndbuf_limited_ms are part of it.",
			Num:  chronograph(func(busy, _, _ uint64) uint64 { return busy })},
		{Name: "rwnd_limited_ms", Title: "RWNDLIM", Kind: Millis, Width: 7, Unit: "ms", Runs: true,
			Help: "Time since the connection opened for which data waited because the peer's window was shut or too small, by the kernel's chronograph (tcp_info.tcpi_rwnd_limited).",
			Num:  chronograph(func(_, rwnd, _ uint64) uint64 { return rwnd })},
		{Name: "sndbuf_limited_ms", Title: "SNDBUFLIM", Kind: Millis, Width: 9, Unit: "ms", Runs: true,
			Help: "Time since the connection opened for which the program waited because the send buffer was too small, by the kernel's chronograph (tcp_info.tcpi_sndbuf_limited).",
			Num:  chronograph(func(_, _, sndbuf uint64) uint64 { return sndbuf })},
		{Name: "zero_window_ms", Title: "ZEROWND", Kind: Millis, Width: 7, Unit: "ms", Runs: true,
			Help: "Time since tcptop first saw the connection for which our own window was shut (tcp_sock.rcv_wnd 0), counted between ticks that both found it so: shorter ones are missed. The peer's is rwnd_limited_ms.",
			Num: func(s *table.Snapshot, r *table.Row) (int64, bool) {
				return clamp(r.ShutFor(s.Mono) / 1000), r.Has&conn.HasRcvWnd != 0
			}},
		{Name: "probes", Title: "PROBES", Kind: Count, Width: 6,
			Help: "Probes of a shut window or of a silent peer (keepalive) that were not answered yet (inet_connection_sock.icsk_probes_out).",
			Num:  num(conn.HasPath, func(c *conn.Conn) int64 { return int64(c.Probes) })},
		{Name: "recv_buffer", Title: "RCVBUF", Kind: Bytes, Width: 7, Unit: "bytes",
			Help: "UDP: how large recv_queue may grow, with the overhead of each datagram, before datagrams are dropped (sock.sk_rcvbuf).",
			Num:  num(conn.HasRecvBuffer, func(c *conn.Conn) int64 { return int64(c.RecvBuffer) })},
		{Name: "backlog", Title: "BACKLOG", Kind: Count, Width: 7, Unit: "connections",
			Help: "Listeners: connections that wait for accept (sock.sk_ack_backlog).",
			Num:  num(conn.HasBacklog, func(c *conn.Conn) int64 { return int64(c.Backlog) })},
		{Name: "backlog_max", Title: "BACKLOGMAX", Kind: Count, Width: 10, Unit: "connections",
			Help: "Listeners: how many connections may wait for accept (sock.sk_max_ack_backlog).",
			Num:  num(conn.HasBacklog, func(c *conn.Conn) int64 { return int64(c.BacklogMax) })},
		{Name: "drops", Title: "DROPS", Kind: Count, Width: 5,
			Help: "Connections (listeners) or datagrams (UDP) that the socket dropped because its queue was full (sock.sk_drops).",
			Num:  num(conn.HasDrops, func(c *conn.Conn) int64 { return int64(c.Drops) })},
	}
}

// udpFields follow drops.
func udpFields() []Column {
	return []Column{
		{Name: "send_errors", Title: "SENDERR", Kind: Count, Width: 7, Unit: "calls",
			Help: "UDP: sends of this flow that failed, but for those that would have had to wait (EAGAIN); errno is the last one's.",
			Num:  num(conn.HasSendErrors, func(c *conn.Conn) int64 { return int64(c.SendErrors) })},
	}
}

func listenerFields() []Column {
	return []Column{
		{Name: "accepts", Title: "ACCEPTS", Kind: Count, Width: 7, Unit: "connections",
			Help: "Listeners: connections accepted since tcptop first saw the listener: those established less those that still wait.",
			Num:  num(conn.HasAccepts, func(c *conn.Conn) int64 { return clamp(c.Accepts) })},
		{Name: "accept_rate", Title: "ACCEPT/s", Kind: Count, Width: 8, Unit: "connections/s",
			Help: "Listeners: growth of accepts over the tick, per second; missing in the first tick.",
			Num: func(s *table.Snapshot, r *table.Row) (int64, bool) {
				return clamp(r.AcceptRate), !s.FirstOf(r) && r.Has&conn.HasAccepts != 0
			}},
		{Name: "accept_p50_us", Title: "WAIT50", Kind: Micros, Width: 7, Unit: "µs",
			Help: "Listeners: how long the connections waited for accept that the newest tick with any accepted, the median, to an eighth.",
			Num:  nonzero(conn.HasAccepts, func(c *conn.Conn) int64 { return int64(c.AcceptP50) })},
		{Name: "accept_p99_us", Title: "WAIT99", Kind: Micros, Width: 7, Unit: "µs",
			Help: "Listeners: likewise, the 99th percentile.",
			Num:  nonzero(conn.HasAccepts, func(c *conn.Conn) int64 { return int64(c.AcceptP99) })},
		{Name: "syn_queue", Title: "SYNQ", Kind: Count, Width: 5, Unit: "connections",
			Help: "Listeners: connections in their handshake (request_sock_queue.qlen).",
			Num:  num(conn.HasAccepts, func(c *conn.Conn) int64 { return int64(c.SYNQueue) })},
		{Name: "syn_flood", Title: "SYNFLOOD", Kind: Bool, Width: 8,
			Help: "Listeners: true once there were more connections in their handshake than it takes, and SYNs were dropped or answered by cookies (request_sock_queue.synflood_warned).",
			Num: num(conn.HasAccepts, func(c *conn.Conn) int64 {
				if c.SYNFlood {
					return 1
				}
				return 0
			})},
		{Name: "listen_overflows", Title: "NSOVERFL", Kind: Count, Width: 8,
			Help: "Listeners: connections that found a full backlog since tcptop first looked, in the whole network namespace (TcpExtListenOverflows).",
			Num:  num(conn.HasListens, func(c *conn.Conn) int64 { return int64(c.ListenOverflows) })},
		{Name: "listen_drops", Title: "NSDROPS", Kind: Count, Width: 8,
			Help: "Listeners: drops of all listeners in the network namespace since tcptop first looked (TcpExtListenDrops).",
			Num:  num(conn.HasListens, func(c *conn.Conn) int64 { return int64(c.ListenDrops) })},
		{Name: "syncookies_sent", Title: "NSCOOKIES", Kind: Count, Width: 9,
			Help: "Listeners: SYN cookies sent in the network namespace since tcptop first looked (TcpExtSyncookiesSent).",
			Num:  num(conn.HasListens, func(c *conn.Conn) int64 { return int64(c.CookiesSent) })},
	}
}

func verdictFields() []Column {
	return []Column{
		{Name: "limit", Title: "LIMIT", Kind: Text, Width: 11, Values: names(conn.LimitApp),
			Help: "What held this connection back for most of the tick: app (its program has nothing to send), peer-window, send-buffer, cwnd (congestion control), loss, reader (its program does not read), or idle. Missing in the first tick and where this end cannot know, which is so for one that only receives and reads at once. The rule is in docs/limit.md.",
			Text: func(dst []byte, s *table.Snapshot, r *table.Row) ([]byte, bool) {
				if s.FirstOf(r) || r.Limit == 0 {
					return dst, false
				}
				return append(dst, r.Limit.String()...), true
			}},
		{Name: "limit_share", Title: "SHARE", Kind: Percent, Width: 5, Unit: "%",
			Help: "Share of the tick for which limit held the connection back; of a group, that of its bytes, moved or waiting.",
			Num: func(s *table.Snapshot, r *table.Row) (int64, bool) {
				return int64(r.Share), !s.FirstOf(r) && r.Limit != 0
			}},
	}
}

// chronograph is one of a row's times, in ms.
func chronograph(of func(busy, rwnd, sndbuf uint64) uint64) numFunc {
	return func(s *table.Snapshot, r *table.Row) (int64, bool) {
		return clamp(of(r.Chronographs(s.Mono)) / 1000), r.Has&conn.HasPath != 0
	}
}

func lifeFields() []Column {
	return []Column{
		{Name: "opened", Title: "OPENED", Kind: Time, Width: 24, Runs: true,
			Help: "When the connection opened, in UTC; missing where it is older than tcptop and the kernel does not tell.",
			Num:  opened},
		{Name: "age_ms", Title: "AGE", Kind: Millis, Width: 7, Unit: "ms", Runs: true,
			Help: "Time since the connection opened; of one that ended, how long it lived, and of a change of state, how old it was then.",
			Num:  age},
		{Name: "idle_ms", Title: "IDLE", Kind: Millis, Width: 7, Unit: "ms", Runs: true,
			Help: "Time since the last packet either way.",
			Num:  since(func(r *table.Row) int64 { return r.LastActive }, int64(time.Millisecond))},
		{Name: "connect_us", Title: "CONNECT", Kind: Micros, Width: 7, Unit: "µs",
			Help: "Time from the SYN to the established connection, or to the failure; missing where it was not seen.",
			Num:  nonzero(0, func(c *conn.Conn) int64 { return int64(c.ConnectTime) })},
		{Name: "accept_us", Title: "WAITED", Kind: Micros, Width: 7, Unit: "µs",
			Help: "Time that an accepted connection waited for accept; missing where it was not seen. Without trampolines (fentry) it ends when the process asks for the peer's address, which accept does where it may say it.",
			Num:  nonzero(0, func(c *conn.Conn) int64 { return int64(c.AcceptTime) })},
		{Name: "syn_retries", Title: "SYNRETR", Kind: Count, Width: 7,
			Help: "How often our SYN was sent again (tcp_sock.total_retrans in syn-sent), 15 at most once it is answered; missing where connecting was not seen.",
			Num: func(_ *table.Snapshot, r *table.Row) (int64, bool) {
				return int64(r.SYNRetries), r.ConnectTime != 0 || r.State == conn.SynSent || r.Event == conn.EventFail
			}},
		{Name: "old_state", Title: "OLDSTATE", Kind: Text, Width: 11, Values: conn.States(),
			Help: "With --events: the state that the event ended, where state is the one that it began (the arguments of tracepoint inet_sock_set_state); missing where no event did, as with sock_diag for the ends of connections.",
			Text: text(func(r *table.Row) string { return r.OldState.String() })},
		{Name: "old_state_us", Title: "FOR", Kind: Micros, Width: 7, Unit: "µs",
			Help: "With --events: how long the connection was in old_state; missing where that state is older than tcptop, or was not seen to begin.",
			Num: func(_ *table.Snapshot, r *table.Row) (int64, bool) {
				return r.OldStateTime / int64(time.Microsecond), r.OldStateTime != 0
			}},
		{Name: "close_reason", Title: "CLOSED", Kind: Text, Width: 12, Values: names(conn.FinLocal),
			Help: "Why the connection ended: who sent the first FIN or the reset, a timeout, a refusal, a connect that our side gave up, or a UDP flow that fell idle.",
			Text: text(func(r *table.Row) string { return r.Reason.String() })},
		{Name: "close_detail", Title: "WHY", Kind: Text, Width: 17, Values: names(conn.Unread),
			Help: "More of close_reason, where the socket tells: why our side reset (__tcp_close, tcp_disconnect), what timed out (tcp_write_timeout, tcp_probe_timer, tcp_keepalive_timer).",
			Text: text(func(r *table.Row) string { return r.Detail.String() })},
		{Name: "errno", Title: "ERRNO", Kind: Text, Width: 12,
			Help: "The socket's error when the connection ended or failed (sock.sk_err), such as ECONNREFUSED; of a UDP flow that of the last send that failed; missing where there was none.",
			Text: text(func(r *table.Row) string { return r.Errno.String() })},
	}
}

func opened(s *table.Snapshot, r *table.Row) (int64, bool) {
	if r.Opened == 0 || s.Time.IsZero() {
		return 0, false
	}
	return s.Time.UnixNano() - (s.Mono - r.Opened), true
}

func age(s *table.Snapshot, r *table.Row) (int64, bool) {
	if r.Opened == 0 {
		return 0, false
	}
	end := s.Mono
	if (r.Event == conn.EventClose || r.Event == conn.EventFail || r.OldState != 0) && r.LastActive != 0 {
		end = r.LastActive
	}
	return max(0, end-r.Opened) / int64(time.Millisecond), true
}

func honestyFields() []Column {
	return []Column{
		{Name: "partial", Title: "PARTIAL", Kind: Bool, Width: 7,
			Help: "True where the connection's traffic before tcptop started is unknown.",
			Num: func(_ *table.Snapshot, r *table.Row) (int64, bool) {
				if r.Partial {
					return 1, true
				}
				return 0, true
			}},
		{Name: "source", Title: "SOURCE", Kind: Text, Width: 6, Values: names(conn.FromBPF),
			Help: "Collector that measured the row: bpf is complete, diag (sock_diag) has no UDP bytes and misses connections shorter than a tick.",
			Text: func(dst []byte, s *table.Snapshot, r *table.Row) ([]byte, bool) {
				v := s.OriginOf(r).String()
				return append(dst, v...), v != ""
			}},
	}
}
