/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What user space runs once a tick: copies the counters of the sockets that moved. */
#pragma once

/*
 * A segment's arrival stamps the socket first and counts afterwards, so a copy
 * taken in between would look complete and never be taken again. Until a socket
 * has been quiet for this long it is copied once more.
 */
#define SETTLE_US 20000

/* A state that a hook has told is stored after it, in less than this. */
#define STORE_US 2000000

/* After so many readings in a row that found another socket in its place, a socket is gone. */
#define GONE 8

struct sweep_state {
	__u32 start, end, changed, stale, gone, unused;
	__u64 now_us;
};

/* Appends a slot to the list of those that moved. */
static __always_inline void list_slot(struct sweep_state *s, __u32 slot)
{
	__u32 block = s->changed / 16;
	struct slot_list *l = bpf_map_lookup_elem(&tt_changed, &block);

	if (!l)
		return;
	l->slot[s->changed & 15] = slot;
	s->changed++;
}

static __always_inline bool same(struct conn *c, struct tcp_sock *tp)
{
	struct sock *sk = (struct sock *)tp;

	return c->state == sk->__sk_common.skc_state && c->bytes_sent == tp->bytes_sent &&
	       c->bytes_received == tp->bytes_received - fin_received(sk) && (__u32)c->segs_in == tp->segs_in &&
	       (__u32)c->segs_out == tp->segs_out && c->unsent == ahead(tp->write_seq, tp->snd_nxt) &&
	       c->send_queue == tp->write_seq - tp->snd_una && c->recv_queue == ahead(tp->rcv_nxt, tp->copied_seq) &&
	       c->limits >> LIMIT_CHRONO_SHIFT == BPF_CORE_READ_BITFIELD(tp, chrono_type);
}

static __always_inline void sweep_listener(struct sweep_state *s, __u32 slot, struct hot *h, struct tcp_sock *tp)
{
	struct sock *sk = (struct sock *)tp;
	struct conn *c = conn_at(slot);

	if (!c)
		return;
	if (!h->again && c->recv_queue == sk->sk_ack_backlog && c->send_queue == sk->sk_max_ack_backlog &&
	    c->unsent == (__u32)sk->sk_drops.counter && c->lost_out == in_handshake(tp) &&
	    c->reord_seen == syn_flooded(tp))
		return;
	copy_listener(c, tp);
	h->again = 0;
	list_slot(s, slot);
}

/* The socket at an address, to be read; NULL if it cannot be. What it points to is not followed. */
static __always_inline struct tcp_sock *tcp_at(__u64 sk)
{
	struct copy *to;
	__u32 zero = 0;

	if (CAN_CAST)
		return bpf_rdonly_cast((void *)sk, bpf_core_type_id_kernel(struct tcp_sock));
	to = bpf_map_lookup_elem(&tt_copy, &zero);
	if (!to || bpf_probe_read_kernel(to, bpf_core_type_size(struct tcp_sock), (void *)sk))
		return NULL;
	return (struct tcp_sock *)to;
}

/* When a segment last came to or left the socket at an address, without copying the socket. */
static __always_inline __u64 stamp_at(__u64 sk)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;

	if (!CAN_CAST)
		return BPF_CORE_READ(tp, tcp_mstamp);
	tp = bpf_rdonly_cast((void *)sk, bpf_core_type_id_kernel(struct tcp_sock));
	return tp->tcp_mstamp;
}

/*
 * Zero if nothing has happened to a slot since the last copy: then nothing need be copied
 * to see it. All that is read is the slot and the socket's stamp.
 */
static __always_inline __u64 news_of(struct hot *h)
{
	__u64 sk = h->sk;

	if (!sk)
		return 0;
	return (stamp_at(sk) ^ h->stamp) | (h->phase ^ PHASE_OPEN) | h->again | h->listen;
}

/* What is the socket at this address now, after it was read? */
static __always_inline __u64 cookie_at(__u64 sk, struct tcp_sock *tp)
{
	if (CAN_CAST)
		return cookie_of((struct sock *)tp);
	return BPF_CORE_READ((struct sock *)sk, __sk_common.skc_cookie.counter);
}

/* Is a socket on its way out? Its last packet may have come before the copy: look again until it is gone. */
static __always_inline bool ending(__u8 state)
{
	return state != TCP_ESTABLISHED && state != TCP_CLOSE_WAIT;
}

static __always_inline __u32 look_again(struct sweep_state *s, struct conn *c, __u64 stamp)
{
	return s->now_us - stamp < SETTLE_US || c->recv_queue || c->send_queue || ending(c->state);
}

/*
 * A connection's end that no hook saw: one that is interrupted on its CPU by another
 * event does not run for that (bpf_prog.active). What was copied last is its last row;
 * user space reports it, as it does one whose owner it had to look for.
 */
static __always_inline void end_missed(struct sweep_state *s, __u32 slot, struct hot *h, struct conn *c, __u8 last)
{
	c->last_state = last;
	c->state = TCP_CLOSE;
	if (__sync_val_compare_and_swap(&h->phase, PHASE_OPEN, PHASE_PENDING) == PHASE_OPEN)
		list_slot(s, slot);
}

/* Are the counters those of the connection still? A socket that is reset by its own process starts anew (tcp_disconnect). */
static __always_inline bool counts_on(struct conn *c, struct tcp_sock *tp)
{
	return tp->bytes_sent >= c->bytes_sent && tp->bytes_received >= c->bytes_received &&
	       tp->segs_in >= (__u32)c->segs_in && tp->segs_out >= (__u32)c->segs_out;
}

/* Its memory is another socket's, perhaps only for this moment: it went while it was read, or long ago. */
static __always_inline void went(struct sweep_state *s, __u32 slot, struct hot *h, __u64 sk, struct conn *c)
{
	s->stale++;
	if (h->sk == sk && h->again++ >= GONE)
		end_missed(s, slot, h, c, c->state);
}

/*
 * A socket that connects is closed until the hook that made its slot is through
 * (inet_sk_state_store), which may be kept from its CPU meanwhile.
 */
static __always_inline bool still_to_come(struct sweep_state *s, struct conn *c, __u8 was)
{
	return was == TCP_SYN_SENT && s->now_us < c->start_ns / 1000 + STORE_US;
}

static __always_inline void sweep_open(struct sweep_state *s, __u32 slot, struct hot *h, __u64 sk)
{
	struct tcp_sock *tp;
	struct conn *c;
	__u64 stamp;
	__u8 was;

	tp = tcp_at(sk);
	if (!tp)
		return;
	if (h->listen) {
		sweep_listener(s, slot, h, tp);
		return;
	}
	stamp = tp->tcp_mstamp;
	if (stamp == h->stamp && !h->again)
		return;
	c = conn_at(slot);
	if (!c)
		return;
	if (stamp == h->stamp && same(c, tp)) {
		h->again = look_again(s, c, stamp);
		return;
	}
	was = c->state;
	if (cookie_at(sk, tp) != h->cookie) { /* what is known of it stays */
		went(s, slot, h, sk, c);
		return;
	}
	if (((struct sock *)tp)->__sk_common.skc_state != TCP_CLOSE || counts_on(c, tp))
		copy_counters(c, tp, (struct sock *)tp);
	else
		c->state = TCP_CLOSE;
	if (!c->lport || c->state == TCP_SYN_SENT) /* chosen after the state change that made the slot */
		copy_ends(c, (struct sock *)tp);
	/* the socket may have gone, and its memory to another one, while it was read */
	if (h->sk != sk || cookie_at(sk, tp) != c->cookie) {
		went(s, slot, h, sk, c);
		return;
	}
	if (c->state == TCP_CLOSE) { /* stored after the hook, which would have ended the phase */
		if (still_to_come(s, c, was))
			c->state = was;
		else
			end_missed(s, slot, h, c, was);
		return;
	}
	h->stamp = stamp;
	h->again = look_again(s, c, stamp);
	list_slot(s, slot);
}

/* A slot that only waits for its socket to be destroyed: that may go by as well. Nobody holds a socket that is freed. */
static __always_inline void sweep_done(struct sweep_state *s, __u32 slot, struct hot *h, __u64 sk)
{
	__u64 cookie = h->cookie;
	struct sock *socket = (struct sock *)tcp_at(sk);

	if (!socket || (socket->__sk_common.skc_refcnt.refs.counter && cookie_of(socket) == cookie))
		return;
	/* while it is being destroyed its references are there: now nobody else gives the slot back */
	if (h->sk != sk || h->cookie != cookie || h->phase != PHASE_DONE)
		return;
	abandon_slot(slot, cookie);
	s->gone++;
	list_slot(s, slot);
}

__noinline int sweep_slot(__u32 slot, struct sweep_state *s)
{
	struct hot *h = hot_at(slot);
	__u64 sk;

	if (!h || !s)
		return 0;
	sk = h->sk;
	if (!sk)
		return 0;
	if (h->phase == PHASE_OPEN)
		sweep_open(s, slot, h, sk);
	else if (h->phase == PHASE_PENDING)
		list_slot(s, slot);
	else if (h->phase == PHASE_DONE)
		sweep_done(s, slot, h, sk);
	return 0;
}

/*
 * So many slots are looked at in a row, with nothing else in between: each socket's stamp
 * has to come from memory, and the processor fetches several at a time.
 */
#define ABREAST 8

static long sweep_slots(__u32 i, struct sweep_state *s)
{
	__u32 first = s->start + i * ABREAST;
	__u64 news = 0;

#pragma unroll
	for (int j = 0; j < ABREAST; j++) {
		struct hot *h = hot_at(first + j);

		if (h)
			news |= news_of(h);
	}
	for (int j = 0; news && j < ABREAST && first + j < s->end; j++)
		sweep_slot(first + j, s);
	return 0;
}

/*
 * Why a syscall program: it runs when user space asks, in its context and on its
 * account, and nothing is attached. Kernel 5.14; bpf_loop 5.17.
 */
SEC("syscall")
int tt_sweep(struct sweep_args *a)
{
	struct sweep_state s = {
		.start = a->start,
		.end = a->start + a->n,
		.changed = a->changed,
		.now_us = bpf_ktime_get_ns() / 1000,
	};

	bpf_loop((a->n + ABREAST - 1) / ABREAST, sweep_slots, &s, 0);
	a->changed = s.changed;
	a->stale = s.stale;
	a->gone = s.gone;
	a->jiffies = bpf_jiffies64();
	a->now_ns = bpf_ktime_get_ns();
	return 0;
}
