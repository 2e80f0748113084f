/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What user space runs once a tick: copies the counters of the sockets that moved. */
#pragma once

/*
 * A segment's arrival stamps the socket first and counts afterwards, so a copy
 * taken in between would look complete and never be taken again. Until a socket
 * has been quiet for this long it is copied once more.
 */
#define SETTLE_US 20000

/* After so many readings in a row that found another socket in its place, a socket is gone. */
#define GONE 8

void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym __weak;

struct sweep_state {
	__u32 start, changed, stale;
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
	       c->send_queue == tp->write_seq - tp->snd_una && c->recv_queue == ahead(tp->rcv_nxt, tp->copied_seq);
}

static __always_inline void sweep_listener(struct sweep_state *s, __u32 slot, struct hot *h, struct sock *sk)
{
	struct conn *c = conn_at(slot);

	if (!c)
		return;
	if (!h->again && c->recv_queue == sk->sk_ack_backlog && c->send_queue == sk->sk_max_ack_backlog &&
	    c->unsent == (__u32)sk->sk_drops.counter)
		return;
	copy_listener(c, sk);
	h->again = 0;
	list_slot(s, slot);
}

static __always_inline void sweep_open(struct sweep_state *s, __u32 slot, struct hot *h, __u64 sk)
{
	struct tcp_sock *tp = bpf_rdonly_cast((void *)sk, bpf_core_type_id_kernel(struct tcp_sock));
	struct conn *c;
	__u64 stamp;

	if (h->listen) {
		sweep_listener(s, slot, h, (struct sock *)tp);
		return;
	}
	stamp = tp->tcp_mstamp;
	if (stamp == h->stamp && !h->again)
		return;
	c = conn_at(slot);
	if (!c)
		return;
	if (stamp == h->stamp && same(c, tp)) {
		h->again = s->now_us - stamp < SETTLE_US || c->recv_queue || c->send_queue;
		return;
	}
	copy_counters(c, tp, (struct sock *)tp);
	if (!c->lport || c->state == TCP_SYN_SENT) /* chosen after the state change that made the slot */
		copy_identity(c, (struct sock *)tp);
	/* the socket may have gone, and its memory to another one, while it was read */
	if (h->sk != sk || cookie_of((struct sock *)tp) != c->cookie) {
		s->stale++;
		if (h->sk == sk && h->again++ >= GONE) /* its end went by: never read it again */
			free_slot(slot, h->cookie);
		return;
	}
	h->stamp = stamp;
	h->again = s->now_us - stamp < SETTLE_US || c->recv_queue || c->send_queue;
	list_slot(s, slot);
}

static long sweep_slot(__u32 i, struct sweep_state *s)
{
	__u32 slot = s->start + i;
	struct hot *h = hot_at(slot);
	__u64 sk;

	if (!h)
		return 1;
	sk = h->sk;
	if (!sk)
		return 0;
	if (h->phase == PHASE_OPEN)
		sweep_open(s, slot, h, sk);
	else if (h->phase == PHASE_PENDING)
		list_slot(s, slot);
	return 0;
}

/*
 * Why a syscall program: it runs when user space asks, in its context and on its
 * account, and nothing is attached. Kernel 5.14; bpf_loop 5.17; bpf_rdonly_cast 6.2.
 */
SEC("syscall")
int tt_sweep(struct sweep_args *a)
{
	struct sweep_state s = {
		.start = a->start,
		.changed = a->changed,
		.now_us = bpf_ktime_get_ns() / 1000,
	};

	bpf_loop(a->n, sweep_slot, &s, 0);
	a->changed = s.changed;
	a->stale = s.stale;
	return 0;
}
