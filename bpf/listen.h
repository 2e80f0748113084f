/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Listeners: what comes to each, and how long it waits to be accepted. */
#pragma once

static const struct waits no_waits;

/* Listeners beyond the bound of tt_waits are not timed. */
static __always_inline void begin_listener(struct conn *c, struct tcp_sock *tp, __u64 cookie)
{
	bpf_map_update_elem(&tt_waits, &cookie, &no_waits, BPF_NOEXIST);
	copy_listener(c, tp);
	c->bytes_received = c->recv_queue;
}

/* Half of an address, as a number: the verifier takes no pointer into a sum, and the compiler does not know. */
static __always_inline __u32 address_bits(struct sock *sk)
{
	__u64 low;

	asm volatile("r0 = %1; w0 = w0; %0 = r0" : "=r"(low) : "r"(sk) : "r0");
	return low >> 4;
}

static __always_inline struct newborn *newborn_at(struct sock *sk)
{
	__u32 at = address_bits(sk) >> 2;

	return &newborns[(at ^ at >> 10) & (NEWBORNS - 1)];
}

static __always_inline __u32 newborn_check(struct sock *sk, __u64 listener)
{
	return address_bits(sk) ^ (__u32)listener;
}

/*
 * A socket was made from a listener (inet_csk_clone_lock). Nothing else tells a connection's
 * listener, of which SO_REUSEPORT makes many with one address: but the copy is so fresh that
 * its empty list of what is to be sent later still leads to itself where it was copied from
 * (tcp_init_sock; tcp_create_openreq_child makes it the copy's own).
 */
static __always_inline void note_birth(struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct newborn *n = newborn_at(sk);
	struct sock *from;
	__u64 listener;

	if (!tp)
		return;
	from = (void *)tp->tsq_node.next - bpf_core_field_offset(struct tcp_sock, tsq_node);
	listener = BPF_CORE_READ(from, __sk_common.skc_cookie.counter);
	n->listener = listener;
	n->check = newborn_check(sk, listener);
}

/*
 * A connection was established and waits to be accepted (inet_csk_reqsk_queue_add).
 * Returns the slot of its listener, or -1.
 */
static __always_inline long note_arrival(struct sock *sk)
{
	struct newborn *n = newborn_at(sk);
	__u64 listener = n->listener;
	long slot = listener && n->check == newborn_check(sk, listener) ? find_slot(listener) : -1;
	struct conn *l;
	struct hot *h;

	if (slot < 0)
		return -1;
	l = conn_at(slot);
	h = hot_at(slot);
	if (!l || !h || !h->listen)
		return -1;
	__sync_fetch_and_add(&l->bytes_received, 1);
	h->again = 1;
	return slot;
}

/* The cookie of the listener of a connection that nobody has accepted yet; 0 is not known. */
static __always_inline __u64 listener_of(const struct conn *c)
{
	struct hot *h = c->bits & BIT_WAITS ? hot_at(c->connect_us) : NULL;

	return h && h->listen ? h->cookie : 0;
}

/* Values in quarters of their octave, from 0 on: none is more than an eighth off. */
static __always_inline __u32 wait_bucket(__u32 us)
{
	__u32 shift = 0;

	for (int i = 16; i; i >>= 1) {
		if ((__u64)us >> (shift + i + 2))
			shift += i;
	}
	return ((shift << 2) + (us >> shift)) & (WAITS - 1);
}

/*
 * A connection has been handed to a process, which is current: how long did it wait?
 * Where nobody else tells the owner sooner, this does. A listener of 0 is the one whose
 * it was at first.
 */
static __always_inline void note_accepted(__u64 cookie, __u64 listener)
{
	long slot = find_slot(cookie);
	struct waits *w;
	struct conn *c;
	struct hot *h;
	__u64 us;

	if (slot < 0)
		return;
	c = conn_at(slot);
	h = hot_at(slot);
	if (!c || !h || c->dir != DIR_IN || !c->start_ns || (c->connect_us && !(c->bits & BIT_WAITS)))
		return;
	if (!listener)
		listener = listener_of(c);
	us = (bpf_ktime_get_ns() - c->start_ns) / 1000;
	c->connect_us = us > ~0U ? ~0U : us ? us : 1;
	c->bits &= ~BIT_WAITS;
	if (!owned(c))
		own_slot(slot, OWNER_ACCEPT, false);
	if (h->phase == PHASE_OPEN) {
		h->stamp = 0; /* no counter has moved */
		h->again = 1;
	}
	w = bpf_map_lookup_elem(&tt_waits, &listener);
	if (w)
		__sync_fetch_and_add(&w->n[wait_bucket(c->connect_us)], 1);
	slot = find_slot(listener);
	h = slot < 0 ? NULL : hot_at(slot);
	if (h && h->listen)
		h->again = 1;
}

/*
 * Why this hook: every accept of TCP returns here, in the context of the process that
 * gets the connection. What it takes changed in 6.10: the return value is asked for,
 * not taken from its place (5.17).
 */
SEC("fexit/inet_csk_accept")
int BPF_PROG(tt_accept)
{
	__u64 listener = 0, sk = 0;

	if (bpf_get_func_ret(ctx, &sk) || !sk || bpf_get_func_arg(ctx, 0, &listener))
		return 0;
	note_accepted(BPF_CORE_READ((struct sock *)sk, __sk_common.skc_cookie.counter),
		      BPF_CORE_READ((struct sock *)listener, __sk_common.skc_cookie.counter));
	return 0;
}

static __always_inline int asked_for_peer(struct bpf_sock_addr *ctx)
{
	if (ctx->protocol == IPPROTO_TCP && ctx->sk)
		note_accepted(bpf_get_socket_cookie(ctx), 0);
	return 1;
}

/*
 * Why these hooks: accept() asks the new connection for its peer's address where the
 * program wants to know it, as most do (do_accept, net/socket.c); others ask by
 * getpeername() soon after. In the process' context, 5.8.
 */
SEC("cgroup/getpeername4")
int tt_getpeername4(struct bpf_sock_addr *ctx)
{
	return asked_for_peer(ctx);
}

SEC("cgroup/getpeername6")
int tt_getpeername6(struct bpf_sock_addr *ctx)
{
	return asked_for_peer(ctx);
}
