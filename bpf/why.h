/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Why a TCP connection ended. */
#pragma once

/*
 * Is current the process that closes this socket? close() marks the socket shut
 * both ways before it changes the state, and holds the socket's lock; a state
 * change in softirq has neither. Never take current without this.
 */
static __always_inline bool closing_here(struct sock *sk)
{
	return sk->sk_lock.owned && sk->sk_shutdown == SHUTDOWN_MASK;
}

/* Established, and nobody has accepted it: accept() gives it its struct socket, orphans are dead. */
static __always_inline bool unaccepted(struct sock *sk)
{
	return !sk->sk_socket && !(sk->__sk_common.skc_flags & 1UL << SOCK_DEAD_BIT);
}

/*
 * What went unanswered for too long (tcp_write_timeout, tcp_probe_timer,
 * tcp_keepalive_timer). A window that stays shut ends a connection too, though every
 * probe is answered (TCP_USER_TIMEOUT): nothing is in flight then, or only what the
 * peer has no room for.
 */
static __always_inline __u8 why_timed_out(struct tcp_sock *tp)
{
	if (tp->write_seq == tp->snd_una)
		return WHY_KEEPALIVE; /* sent only while nothing else is under way */
	if (tp->inet_conn.icsk_retransmits)
		return WHY_RETRANS;
	return tp->inet_conn.icsk_probes_out || tp->snd_nxt == tp->snd_una || !tp->snd_wnd ? WHY_PROBES : WHY_UNKNOWN;
}

/* Why did our side reset this connection, by a change from last straight to CLOSE? (__tcp_close, tcp_disconnect) */
static __always_inline __u8 why_reset(struct sock *sk, struct tcp_sock *tp, __u8 last)
{
	if (unaccepted(sk))
		return WHY_UNACCEPTED; /* inet_child_forget: not locked by a process */
	if (!sk->sk_lock.owned)
		return WHY_UNKNOWN;
	if (sk->sk_shutdown != SHUTDOWN_MASK)
		return last == TCP_ESTABLISHED || last == TCP_CLOSE_WAIT ? WHY_DISCONNECT : WHY_UNKNOWN;
	if (last != TCP_CLOSE_WAIT && fin_received(sk))
		return WHY_UNKNOWN; /* on its way to time-wait, in the process' context by chance */
	if (ahead(tp->rcv_nxt, tp->copied_seq) > fin_received(sk))
		return WHY_UNREAD;
	return sk->__sk_common.skc_flags & 1UL << SOCK_LINGER_BIT && !sk->sk_lingertime ? WHY_LINGER : WHY_UNKNOWN;
}

/* Is this called from the timer that gives up (tcp_write_timer_handler, tcp_keepalive_timer)? What fires is not pending any more. */
static __always_inline bool timer_fired(struct sock *sk, struct tcp_sock *tp)
{
	if (tp->write_seq != tp->snd_una) /* what is in flight or waits for a window always has a timer */
		return !tp->inet_conn.icsk_pending;
	if (!tp->inet_conn.icsk_probes_out)
		return false;
	if (bpf_core_field_exists(tp->inet_conn.icsk_keepalive_timer))
		return !tp->inet_conn.icsk_keepalive_timer.entry.pprev;
	return !sk->sk_timer.entry.pprev;
}

/*
 * The error that ends a connection. Who asks a socket for its error (SO_ERROR) takes it
 * away, without the socket's lock, and so perhaps between where the kernel sets it and
 * here: older ones, as 6.6, wake the program in between. A live socket that ends in softirq
 * had one: its timer's, or that of a reset.
 */
static __always_inline int error_of(struct sock *sk, struct tcp_sock *tp, __u8 last)
{
	int err = sk->sk_err;

	if (err || sk->sk_lock.owned || !sk->sk_socket)
		return err;
	switch (last) {
	case TCP_FIN_WAIT1:
	case TCP_FIN_WAIT2:
		if (sk->sk_shutdown & RCV_SHUTDOWN)
			return 0; /* on its way to time-wait (tcp_fin) */
		break;
	case TCP_ESTABLISHED:
	case TCP_CLOSE_WAIT:
	case TCP_SYN_SENT:
		break;
	default:
		return 0;
	}
	if (timer_fired(sk, tp)) /* tcp_write_err */
		return sk->sk_err_soft ?: ETIMEDOUT;
	switch (last) { /* tcp_reset */
	case TCP_SYN_SENT:
		return tp->segs_in ? ECONNREFUSED : 0; /* ICMP is no segment, and has several errors */
	case TCP_CLOSE_WAIT:
		return EPIPE;
	}
	return ECONNRESET;
}

static __always_inline __u8 why_ended(struct sock *sk, struct tcp_sock *tp, __u8 last, int err)
{
	bool unanswered = last == TCP_FIN_WAIT1 || last == TCP_FIN_WAIT2;

	if (last == TCP_LISTEN)
		return WHY_UNKNOWN;
	if (last == TCP_SYN_SENT) /* inet_hash_connect; a port that is given back stays in inet_sport */
		return !err && sk->sk_lock.owned && !BPF_CORE_READ((struct inet_sock *)sk, inet_sport) ? WHY_NO_PORT :
													 WHY_UNKNOWN;
	switch (err) {
	case 0:
		return unanswered || last == TCP_ESTABLISHED || last == TCP_CLOSE_WAIT ? why_reset(sk, tp, last) :
											 WHY_UNKNOWN;
	case ECONNRESET:
		return unanswered && sk->sk_shutdown & RCV_SHUTDOWN ? WHY_SHUT : WHY_UNKNOWN;
	case ETIMEDOUT:
	case EHOSTUNREACH: /* what ICMP said meanwhile takes its place (tcp_write_err) */
	case ENETUNREACH:
		return why_timed_out(tp);
	}
	return WHY_UNKNOWN;
}

/* Keeps what is not there any more once the state has changed. */
static __always_inline void note_end(struct conn *c, struct sock *sk, struct tcp_sock *tp, __u8 last)
{
	int err = error_of(sk, tp, last);

	c->state = TCP_CLOSE;
	c->last_state = last;
	c->err = err;
	c->why = (c->why & ~WHY_MASK) | why_ended(sk, tp, last, err);
}

/* A connection was established that we opened. */
static __always_inline void note_connected(struct conn *c, struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	__u32 retries = tp ? tp->total_retrans : 0;

	c->connect_us = (bpf_ktime_get_ns() - c->start_ns) / 1000;
	c->why = (retries < SYN_RETRIES_MAX ? retries : SYN_RETRIES_MAX) << SYN_RETRIES_SHIFT;
}
