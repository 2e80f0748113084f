/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* UDP flows: a socket and a remote address, with sums that the hooks on its calls add to. */
#pragma once

const volatile __u32 cfg_flows;
const volatile __u32 cfg_flow_mask;

static __always_inline struct flow *flow_at(__u32 slot)
{
	return bpf_map_lookup_elem(&tt_flows, &slot);
}

static __always_inline __u64 flow_key(__u64 cookie, const __u8 *raddr, __u16 rport)
{
	const __u64 *q = (const __u64 *)raddr;
	__u64 key = scramble(scramble(scramble(cookie) ^ q[0]) ^ q[1] ^ ((__u64)rport << 32));

	return key ? key : 1;
}

__noinline long find_flow(__u64 key)
{
	__u64 hash = scramble(key);
	__u32 tag = (__u32)(hash >> 56) << 24, at = first_bucket(key);

	for (int side = 0; side < SIDES; side++) {
		__u32 k = at & cfg_flow_mask;
		struct bucket *b = bpf_map_lookup_elem(&tt_flow_index, &k);

		if (!b)
			return -1;
		for (int i = 0; i < BUCKET; i++) {
			__u32 e = b->e[i], slot = (e & SLOT_MASK) - 1;
			struct flow *f;

			if (!(e & SLOT_MASK) || (e & ~SLOT_MASK) != tag)
				continue;
			f = flow_at(slot);
			if (f && f->key == key)
				return slot;
		}
		at = second_bucket(hash);
	}
	return -1;
}

static long look_for_flow(__u32 i, struct waiting *w)
{
	w->slot = find_flow(w->key);
	return w->slot >= 0;
}

/* The flow that somebody else is making for a key, or -1. */
__noinline long await_flow(__u64 key)
{
	struct waiting w = {.key = key, .slot = -1};

	bpf_loop(PATIENCE, look_for_flow, &w, 0);
	return w.slot;
}

/* Makes current the owner of a flow, but for one of the kernel's own sockets. */
__noinline int own_flow(__u32 slot, __u8 source, bool kernel)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct flow *f = flow_at(slot);

	if (!f)
		return -1;
	f->owner_source = source;
	if (kernel || (t->flags & PF_KTHREAD)) {
		f->kernel = 1;
		return 0;
	}
	copy_comm(f->comm, t);
	f->pid_start = start_of(t);
	f->tgid = t->tgid;
	return 0;
}

__noinline long take_flow(void)
{
	return slot_alloc(&tt_flow_free, &tt_counters.flows_used, cfg_flows);
}

/* From here on lookups and user space see the flow. */
__noinline int publish_flow(__u32 slot, __u64 key)
{
	struct flow *f = flow_at(slot);

	if (!f)
		return -1;
	f->phase = PHASE_OPEN;
	__sync_lock_test_and_set(&f->key, key);
	if (index_add(&tt_flow_index, cfg_flow_mask, key, slot))
		return 0;
	f->key = 0;
	f->phase = PHASE_FREE;
	bpf_map_push_elem(&tt_flow_free, &slot, BPF_ANY);
	return -1;
}

static __always_inline long new_flow(struct sock *sk, __u64 key, __u64 cookie, const __u8 *raddr, __u16 rport,
				     __u8 source)
{
	long slot = take_flow();
	struct flow *f = slot < 0 ? NULL : flow_at(slot);

	if (!f)
		return -1;
	f->cookie = cookie;
	f->tx_bytes = f->rx_bytes = f->tx_packets = f->rx_packets = 0;
	f->tgid = f->pid_start = f->kernel = f->cork_len = f->send_errors = f->send_errno = 0;
	f->start_ns = bpf_ktime_get_ns();
	__builtin_memcpy(f->raddr, raddr, 16);
	f->rport = rport;
	f->lport = sk->__sk_common.skc_num;
	copy_addr(f->laddr, &sk->__sk_common, false);
	f->netns = sk->__sk_common.skc_net.net->ns.inum;
	f->cgroup = sk->sk_cgrp_data.cgroup->kn->id;
	f->uid = sk->sk_uid.val;
	f->ifindex = sk->__sk_common.skc_bound_dev_if;
	f->dir = source == OWNER_CONNECT ? DIR_OUT : DIR_IN;
	f->owner_source = OWNER_NONE;
	return publish_flow(slot, key) ? -1 : slot;
}

/*
 * The flow of a socket and a remote, new if need be. source says how current is
 * concerned: OWNER_CONNECT sends, OWNER_ACCEPT receives.
 */
static __always_inline struct flow *flow_of(struct sock *sk, __u64 cookie, const __u8 *raddr, __u16 rport, __u8 source)
{
	__u64 key = flow_key(cookie, raddr, rport);
	long slot = find_flow(key);
	struct flow *f;

	if (slot < 0 && claim(key)) {
		slot = find_flow(key);
		if (slot < 0)
			slot = new_flow(sk, key, cookie, raddr, rport, source);
		unclaim(key);
	} else if (slot < 0) {
		slot = await_flow(key);
		if (slot < 0) /* better two rows than lost bytes */
			slot = new_flow(sk, key, cookie, raddr, rport, source);
	}
	if (slot < 0)
		return NULL;
	f = flow_at(slot);
	if (f && f->owner_source == OWNER_NONE)
		own_flow(slot, source, BPF_CORE_READ_BITFIELD(sk, sk_kern_sock));
	return f;
}

/* Sums n datagrams of which no flow tells, by current and their remote. */
static __always_inline void count_flowless(struct sock *sk, const __u8 *raddr, __u32 n, __u64 tx, __u64 rx)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct total_key k = {.proto = IPPROTO_UDP};

	__sync_fetch_and_add(&tt_counters.flows_full, n);
	k.uid = sk->sk_uid.val;
	k.cgroup = sk->sk_cgrp_data.cgroup->kn->id;
	__builtin_memcpy(k.raddr, raddr, 16);
	if (!BPF_CORE_READ_BITFIELD(sk, sk_kern_sock) && !(t->flags & PF_KTHREAD)) {
		k.tgid = t->tgid;
		copy_comm(k.comm, t);
	}
	add_total(&k, n, tx, rx);
}

/* Counts a send that failed; one that would have had to wait has not. */
static __always_inline void count_failed(struct sock *sk, __u64 cookie, struct peer *to, int err)
{
	struct flow *f;

	if (err == -EAGAIN || err == -EINTR || err < -MAX_ERRNO || !to->port)
		return;
	f = flow_of(sk, cookie, to->addr, to->port, OWNER_CONNECT);
	if (!f) {
		COUNT(flows_full);
		return;
	}
	f->send_errno = -err;
	__sync_fetch_and_add(&f->send_errors, 1);
}

static long age_flow(__u32 i, __u32 *start)
{
	__u32 slot = *start + i;
	struct flow *f = flow_at(slot);

	if (!f)
		return 1;
	switch (f->phase) {
	case PHASE_IDLE:
		index_remove(&tt_flow_index, cfg_flow_mask, f->key, slot);
		f->phase = PHASE_DYING;
		break;
	case PHASE_DYING:
		f->phase = PHASE_DEAD;
		break;
	}
	return 0;
}

/*
 * Takes the flows out that user space has found idle, a step per tick: they leave the
 * index first and are only reported a tick later, so that a datagram that was being
 * counted is not lost. The hooks themselves read no clock, which is most of what a
 * datagram would cost.
 */
SEC("syscall")
int tt_age_flows(struct sweep_args *a)
{
	__u32 start = a->start;

	bpf_loop(a->n, age_flow, &start, 0);
	return 0;
}
