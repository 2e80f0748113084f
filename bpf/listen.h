/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Listeners: what comes to each, and how long it waits to be accepted. */
#pragma once

static const struct waits no_waits;

/*
 * From here on the sockets of this listener's connections say whose they are: each
 * inherits its storage (bpf_sk_storage_clone, net/core/bpf_sk_storage.c). Nothing else
 * tells a connection's listener, of which SO_REUSEPORT makes many with one address.
 */
static __always_inline void mark_listener(struct sock *sk, __u64 cookie)
{
	struct heir *h = bpf_sk_storage_get(&tt_heir, sk, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (h)
		h->listener = cookie;
	bpf_map_update_elem(&tt_waits, &cookie, &no_waits, BPF_NOEXIST);
}

static __always_inline void begin_listener(struct conn *c, struct sock *sk, struct tcp_sock *tp, __u64 cookie)
{
	mark_listener(sk, cookie);
	copy_listener(c, tp);
	c->bytes_received = c->recv_queue;
}

/* A connection was established and waits to be accepted (inet_csk_reqsk_queue_add). */
static __always_inline void note_arrival(struct sock *sk)
{
	struct heir *of = bpf_sk_storage_get(&tt_heir, sk, 0, 0);
	long slot = of ? find_slot(of->listener) : -1;
	struct conn *l;
	struct hot *h;

	if (slot < 0)
		return;
	l = conn_at(slot);
	h = hot_at(slot);
	if (!l || !h || !h->listen)
		return;
	__sync_fetch_and_add(&l->bytes_received, 1);
	h->again = 1;
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
 * Where nobody else tells the owner sooner, this does.
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
	if (!c || !h || c->dir != DIR_IN || c->connect_us || !c->start_ns)
		return;
	us = (bpf_ktime_get_ns() - c->start_ns) / 1000;
	c->connect_us = us > ~0U ? ~0U : us ? us : 1;
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
	struct heir *of;

	if (ctx->protocol != IPPROTO_TCP || !ctx->sk)
		return 1;
	of = bpf_sk_storage_get(&tt_heir, ctx->sk, 0, 0);
	if (of)
		note_accepted(bpf_get_socket_cookie(ctx), of->listener);
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
