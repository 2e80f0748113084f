/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* How a TCP connection comes, goes, and is reported. */
#pragma once

const volatile __u64 cfg_ring_wake; /* bytes in the ring at which user space is woken to empty it */

/* No wake-up per connection: user space empties the ring each tick, and in between only when it fills. */
__noinline long ring_flags(void)
{
	if (bpf_ringbuf_query(&tt_ring, BPF_RB_AVAIL_DATA) >= cfg_ring_wake)
		return BPF_RB_FORCE_WAKEUP;
	return BPF_RB_NO_WAKEUP;
}

static __always_inline void lose_row(struct conn *c, struct late_owner *late, struct sock *sk, struct tcp_sock *tp)
{
	struct total_key k = {.proto = IPPROTO_TCP};

	COUNT(ring_full);
	k.uid = sk->sk_uid.val;
	k.cgroup = sk->sk_cgrp_data.cgroup->kn->id;
	if (c) {
		k.tgid = c->tgid;
		__builtin_memcpy(k.comm, c->comm, sizeof(k.comm));
	} else if (late) {
		k.tgid = late->tgid;
		__builtin_memcpy(k.comm, late->comm, sizeof(k.comm));
	}
	if (sk->__sk_common.skc_dport)
		copy_addr(k.raddr, &sk->__sk_common, true);
	add_total(&k, 1, tp->bytes_sent - tp->bytes_retrans, tp->bytes_received - fin_received(sk));
}

static __always_inline void apply_late(struct conn *c, struct late_owner *late)
{
	c->start_ns = late->start_ns;
	if (late->dir)
		c->dir = late->dir;
	c->bits |= late->bits;
	if (late->source == OWNER_NONE || owned(c))
		return;
	c->tgid = late->tgid;
	c->pid_start = late->pid_start;
	c->owner_source = late->source;
	__builtin_memcpy(c->comm, late->comm, sizeof(c->comm));
}

/*
 * Sends a connection's last row. c is its slot, where its end has been noted, or NULL
 * when the table had no room for it.
 */
static __always_inline void report_closed(struct conn *c, struct sock *sk, struct tcp_sock *tp, __u64 cookie, __u8 last)
{
	struct closed *o = bpf_ringbuf_reserve(&tt_ring, sizeof(*o), 0);
	struct late_owner *late = c ? NULL : bpf_map_lookup_elem(&tt_late, &cookie);

	if (!o) {
		lose_row(c, late, sk, tp);
		return;
	}
	if (c) {
		__builtin_memcpy(&o->c, c, sizeof(o->c));
		copy_ends(&o->c, sk);
		o->c.uid = sk->sk_uid.val;
	} else {
		clear_conn(&o->c);
		copy_identity(&o->c, sk);
		o->c.cookie = cookie;
		o->c.dir = direction(tp, last);
		if (late)
			apply_late(&o->c, late);
		note_end(&o->c, sk, tp, last);
	}
	if (last == TCP_LISTEN)
		copy_listener(&o->c, tp);
	else
		copy_counters(&o->c, tp, sk);
	o->c.state = TCP_CLOSE;
	o->end_ns = bpf_ktime_get_ns();
	bpf_ringbuf_submit(o, ring_flags());
	if (late)
		bpf_map_delete_elem(&tt_late, &cookie);
}

/*
 * Connections that were there before tcptop count as such that found no room while this is set: in one
 * pass. Every later one would find the same again.
 */
volatile bool older_count;

/*
 * Gives a socket a slot. source is OWNER_NONE where current is not the owner (softirq,
 * iterators). was is the state that its sequence numbers belong to: in a hook the one
 * before. listener is the slot of the one that it waits at to be accepted, or -1.
 */
static __always_inline long track(struct sock *sk, __u64 cookie, __u8 was, __u8 state, __u8 source, __u64 start_ns,
				  long listener)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct conn *c;
	struct hot *h;
	long slot;

	if (!tp)
		return -1;
	slot = take_slot(start_ns || older_count); /* what changes its state later counted when it opened */
	if (slot < 0)
		return -1;
	c = conn_at(slot);
	h = hot_at(slot);
	if (!c || !h)
		return -1;
	clear_conn(c);
	c->cookie = cookie;
	c->start_ns = start_ns;
	if (source)
		own_slot(slot, source, of_kernel(sk, tp));
	copy_identity(c, sk);
	if (state == TCP_LISTEN)
		begin_listener(c, tp, cookie);
	else if (!start_ns) /* a new connection has counted nothing */
		copy_counters(c, tp, sk);
	c->state = state;
	if (listener >= 0) {
		c->connect_us = listener;
		c->bits |= BIT_WAITS;
	}
	if (state == TCP_CLOSE_WAIT || state == TCP_LAST_ACK)
		c->bits |= BIT_FIN_REMOTE;
	else if (state == TCP_FIN_WAIT1 || state == TCP_FIN_WAIT2)
		c->bits |= BIT_FIN_LOCAL;
	c->dir = start_ns && state == TCP_ESTABLISHED ? DIR_IN : direction(tp, start_ns ? state : was);
	if (source == OWNER_ACCEPT && c->dir == DIR_OUT)
		c->owner_source = OWNER_CONNECT;
	if (!start_ns) {
		struct late_owner *late = bpf_map_lookup_elem(&tt_late, &cookie);

		if (late) { /* it had found no room at first */
			apply_late(c, late);
			bpf_map_delete_elem(&tt_late, &cookie);
		}
	}
	h->sk = (__u64)sk;
	return publish(slot, cookie, state == TCP_LISTEN) ? -1 : slot;
}

/* The same socket connects again: a new connection in the old slot. */
static __always_inline void reopen(long slot, struct hot *h, struct conn *c, struct sock *sk, __u8 state)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	__u64 cookie = c->cookie;
	__u16 gen = c->gen + 1;

	if (!tp)
		return;
	clear_conn(c);
	c->cookie = cookie;
	c->gen = gen;
	c->start_ns = bpf_ktime_get_ns();
	own_slot(slot, OWNER_CONNECT, of_kernel(sk, tp));
	copy_identity(c, sk);
	copy_cc(c, tp);
	if (state == TCP_LISTEN)
		begin_listener(c, tp, cookie);
	c->state = state;
	c->dir = state == TCP_LISTEN ? DIR_LISTEN : DIR_OUT;
	h->listen = state == TCP_LISTEN;
	h->stamp = 0;
	h->again = 1;
	h->phase = PHASE_OPEN;
}

/* Keeps for the last row what a slot would have kept. The owner is taken from current if source says so. */
static __always_inline void remember_late(__u64 cookie, __u8 source, __u8 dir, __u8 bits, __u64 start_ns, bool kernel)
{
	struct late_owner fresh = {}, *l = bpf_map_lookup_elem(&tt_late, &cookie);

	if (!l) {
		fresh.dir = dir;
		fresh.start_ns = start_ns;
		bpf_map_update_elem(&tt_late, &cookie, &fresh, BPF_NOEXIST);
		l = bpf_map_lookup_elem(&tt_late, &cookie);
	}
	if (!l)
		return;
	l->bits |= bits;
	if (source != OWNER_NONE && l->source == OWNER_NONE) {
		struct task_struct *t = bpf_get_current_task_btf();

		if (kernel)
			l->bits |= BIT_KERNEL;
		if (kernel || (t->flags & PF_KTHREAD))
			return;
		l->source = source;
		copy_comm(l->comm, t);
		l->tgid = t->tgid;
		l->pid_start = start_of(t);
	}
}

/*
 * Current shuts a connection down. If it does so both ways it closes it, as the last
 * that holds it: whoever was thought to be its owner has given it away since.
 */
static __always_inline void closes(__u32 slot, struct conn *c, struct sock *sk, struct tcp_sock *tp)
{
	if (!owned(c))
		own_slot(slot, c->dir == DIR_OUT ? OWNER_CONNECT : OWNER_ACCEPT, of_kernel(sk, tp));
	else if (c->tgid && sk->sk_shutdown == SHUTDOWN_MASK)
		own_slot(slot, OWNER_ACCEPT, false);
}

/* A connection has ended: its counters are final. */
static __always_inline void ended(struct sock *sk, __u64 cookie, long slot, __u8 last)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct conn *c;
	struct hot *h;

	if (!tp)
		return;
	if (slot < 0) {
		if (last == TCP_SYN_RECV)
			return; /* a handshake that was never finished was never a connection */
		if (claim(cookie)) {
			slot = find_slot(cookie);
			if (slot >= 0)
				unclaim(cookie); /* only a connection without a slot keeps it */
		} else {
			slot = await_slot(cookie);
		}
	}
	if (slot < 0) {
		report_closed(NULL, sk, tp, cookie, last);
		return;
	}
	c = conn_at(slot);
	h = hot_at(slot);
	if (!c || !h || h->phase != PHASE_OPEN)
		return;
	if (closing_here(sk) && !(c->bits & (BIT_FIN_LOCAL | BIT_FIN_REMOTE)))
		closes(slot, c, sk, tp);
	if (owned(c)) {
		h->phase = PHASE_DONE;
		note_end(c, sk, tp, last);
		report_closed(c, sk, tp, cookie, last);
		return;
	}
	if (last != TCP_LISTEN)
		copy_counters(c, tp, sk);
	note_end(c, sk, tp, last);
	h->phase = PHASE_PENDING;
}

/*
 * A socket without a slot has changed its state: a new connection, or one that had
 * found no room. Returns the slot if an iterator came upon the socket just now: then
 * the change is still to be noted.
 */
static __always_inline long opened(struct sock *sk, __u64 cookie, __u8 old, __u8 state, long listener)
{
	bool connects = state == TCP_SYN_SENT || state == TCP_LISTEN;
	bool accepted = state == TCP_ESTABLISHED && old == TCP_SYN_RECV;
	bool closes = state == TCP_FIN_WAIT1 || state == TCP_LAST_ACK; /* in the process' own context */
	__u8 source = connects ? OWNER_CONNECT : closes ? OWNER_ACCEPT : OWNER_NONE;
	__u8 dir = state == TCP_SYN_SENT ? DIR_OUT : accepted ? DIR_IN : DIR_UNKNOWN;
	__u8 bits = state == TCP_FIN_WAIT1 ? BIT_FIN_LOCAL : state == TCP_LAST_ACK ? BIT_FIN_REMOTE : 0;
	__u64 start_ns = connects || accepted ? bpf_ktime_get_ns() : 0;
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	bool kernel = tp && of_kernel(sk, tp);
	long slot;

	if (start_ns) {
		if (track(sk, cookie, old, state, source, start_ns, listener) < 0)
			remember_late(cookie, source, dir, bits, start_ns, kernel);
		return -1;
	}
	if (!claim(cookie))
		return await_slot(cookie);
	slot = find_slot(cookie);
	if (slot < 0 && track(sk, cookie, old, state, source, 0, -1) < 0)
		remember_late(cookie, source, dir, bits, 0, kernel);
	unclaim(cookie);
	return slot;
}
