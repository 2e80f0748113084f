/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* TCP: slots, what is copied from a socket, and whose it is. */
#pragma once

const volatile __u32 cfg_slots;      /* slots in the table */
const volatile __u32 cfg_index_mask; /* buckets of the index, less one */

volatile __u16 owners_pass; /* the number of the pass over open files that runs now; 0 is none */
volatile __u32 own_tid;     /* the thread that runs it */

void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym __weak;

/*
 * May any address be read as the type that lies there, by plain loads (6.2)? CO-RE makes
 * this a constant, and what is never reached is neither checked nor run: a kernel
 * without it copies first (bpf_probe_read_kernel).
 */
#define CAN_CAST bpf_core_enum_value_exists(enum special_kfunc_type, KF_bpf_rdonly_cast)

static __always_inline struct hot *hot_at(__u32 slot)
{
	return bpf_map_lookup_elem(&tt_hot, &slot);
}

static __always_inline struct conn *conn_at(__u32 slot)
{
	return bpf_map_lookup_elem(&tt_slots, &slot);
}

/* The slot of a cookie, or -1. */
__noinline long find_slot(__u64 cookie)
{
	__u64 hash = scramble(cookie);
	__u32 tag = (__u32)(hash >> 56) << 24, at = first_bucket(cookie);

	for (int side = 0; side < SIDES; side++) {
		__u32 k = at & cfg_index_mask;
		struct bucket *b = bpf_map_lookup_elem(&tt_index, &k);

		if (!b)
			return -1;
		for (int i = 0; i < BUCKET; i++) {
			__u32 e = b->e[i], slot = (e & SLOT_MASK) - 1;
			struct hot *h;

			if (!(e & SLOT_MASK) || (e & ~SLOT_MASK) != tag)
				continue;
			h = hot_at(slot);
			if (h && h->cookie == cookie)
				return slot;
		}
		at = second_bucket(hash);
	}
	return -1;
}

static long look_for_slot(__u32 i, struct waiting *w)
{
	w->slot = find_slot(w->key);
	return w->slot >= 0;
}

/* The slot that somebody else is making for a cookie, or -1. */
__noinline long await_slot(__u64 cookie)
{
	struct waiting w = {.key = cookie, .slot = -1};

	bpf_loop(PATIENCE, look_for_slot, &w, 0);
	return w.slot;
}

static __always_inline __u64 cookie_of(struct sock *sk)
{
	return sk->__sk_common.skc_cookie.counter;
}

/* The helper makes a cookie where there is none yet; later it is there to be read, which is cheaper. */
static __always_inline __u64 lasting_cookie(struct sock *sk)
{
	__u64 cookie = cookie_of(sk);

	return cookie ? cookie : bpf_get_socket_cookie(sk);
}

static __always_inline bool owned(const struct conn *c)
{
	return c->tgid || (c->bits & BIT_KERNEL);
}

/*
 * Is this one of the kernel's own sockets, such as those of its file systems? Whoever is
 * current when it is used has nothing to do with it. The subflows of an MPTCP socket are
 * made in the same way (mptcp_subflow_create_socket), but are the process' that has it.
 */
static __always_inline bool of_kernel(struct sock *sk, struct tcp_sock *tp)
{
	return BPF_CORE_READ_BITFIELD(sk, sk_kern_sock) && !(bpf_core_field_exists(tp->is_mptcp) && tp->is_mptcp);
}

/* When a process started, since boot in 1/100 s. */
static __always_inline __u32 start_of(struct task_struct *t)
{
	return t->group_leader->start_boottime / 10000000;
}

/* A process' name, whose sixteen bytes are read as four words where that can be. */
static __always_inline void copy_comm(char *dst, struct task_struct *t)
{
	struct in6_addr *words;
	__u32 *d = (__u32 *)dst;

	if (!CAN_CAST) {
		bpf_probe_read_kernel(dst, sizeof(t->comm), t->group_leader->comm);
		return;
	}
	words = bpf_rdonly_cast(t->group_leader->comm, bpf_core_type_id_kernel(struct in6_addr));
	d[0] = words->in6_u.u6_addr32[0];
	d[1] = words->in6_u.u6_addr32[1];
	d[2] = words->in6_u.u6_addr32[2];
	d[3] = words->in6_u.u6_addr32[3];
}

static __always_inline void set_owner(struct conn *c, struct task_struct *t, __u8 source)
{
	c->owner_source = source;
	copy_comm(c->comm, t);
	c->pid_start = start_of(t);
	c->tgid = t->tgid;
}

static __always_inline bool owns(const struct conn *c, struct task_struct *t)
{
	return c->tgid == (__u32)t->tgid && c->pid_start == start_of(t);
}

/*
 * Makes current the owner of a slot, whose socket is of_kernel or not. Its threads are
 * the process, those that the kernel made for it too (io_uring's). A kernel thread only
 * puts away what processes have left (delayed_fput, io_ring_exit_work, unix_gc) and
 * tells nothing of them. Nor does the thread in which a pass holds one file after the other.
 */
__noinline int own_slot(__u32 slot, __u8 source, bool kernel)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct conn *c = conn_at(slot);

	if (!c)
		return -1;
	if (kernel && (source == OWNER_CONNECT || (t->flags & PF_KTHREAD))) {
		c->bits |= BIT_KERNEL;
		c->owner_source = source;
		return 0;
	}
	if ((t->flags & PF_KTHREAD) || (owners_pass && (__u32)bpf_get_current_pid_tgid() == own_tid))
		return 0;
	if (owns(c, t)) /* and may have run another program since */
		source = c->owner_source;
	set_owner(c, t, source);
	return 0;
}

/* Writes an IPv4 address in its v4-mapped form. */
static __always_inline void map_v4(__u8 *dst, __be32 addr)
{
	__u32 *d = (__u32 *)dst;

	d[0] = d[1] = 0;
	d[2] = 0xffff0000; /* ::ffff:0:0/96 as it lies in memory on a little-endian machine */
	d[3] = addr;
}

static __always_inline void copy_addr(__u8 *dst, const struct sock_common *k, bool remote)
{
	__u32 *d = (__u32 *)dst;

	if (k->skc_family == AF_INET) {
		map_v4(dst, remote ? k->skc_daddr : k->skc_rcv_saddr);
		return;
	}
	const struct in6_addr *a = remote ? &k->skc_v6_daddr : &k->skc_v6_rcv_saddr;
	d[0] = a->in6_u.u6_addr32[0];
	d[1] = a->in6_u.u6_addr32[1];
	d[2] = a->in6_u.u6_addr32[2];
	d[3] = a->in6_u.u6_addr32[3];
}

/* From where to where. */
static __always_inline void copy_ends(struct conn *c, struct sock *sk)
{
	struct sock_common *k = &sk->__sk_common;

	c->lport = k->skc_num;
	if (!c->lport) /* CLOSE gives the port back before it says so */
		c->lport = bpf_ntohs(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
	c->rport = bpf_ntohs(k->skc_dport);
	copy_addr(c->laddr, k, false);
	copy_addr(c->raddr, k, true);
	c->ifindex = k->skc_bound_dev_if;
}

static __always_inline void copy_identity(struct conn *c, struct sock *sk)
{
	copy_ends(c, sk);
	c->netns = sk->__sk_common.skc_net.net->ns.inum;
	c->uid = sk->sk_uid.val;
	c->cgroup = sk->sk_cgrp_data.cgroup->kn->id;
}

/* Connections of a listener in their handshake (inet_csk_reqsk_queue_len). */
static __always_inline __u32 in_handshake(struct tcp_sock *tp)
{
	return tp->inet_conn.icsk_accept_queue.qlen.counter;
}

/* Has a listener ever had more of them than it takes, and dropped SYNs or sent cookies? (tcp_syn_flood_action) */
static __always_inline bool syn_flooded(struct tcp_sock *tp)
{
	return tp->inet_conn.icsk_accept_queue.synflood_warned;
}

static __always_inline void copy_listener(struct conn *c, struct tcp_sock *tp)
{
	struct sock *sk = (struct sock *)tp;

	c->send_queue = sk->sk_max_ack_backlog;
	c->recv_queue = sk->sk_ack_backlog;
	c->unsent = sk->sk_drops.counter;
	c->lost_out = in_handshake(tp);
	c->reord_seen = syn_flooded(tp);
}

/* How far one sequence number is ahead of another; 0 when it is behind, as in tcp_get_info(). */
static __always_inline __u32 ahead(__u32 a, __u32 b)
{
	return (__s32)(a - b) > 0 ? a - b : 0;
}

static __always_inline __u8 fin_received(struct sock *sk)
{
	/* tcp_fin() sets SOCK_DONE right after it took the FIN's sequence number, which bytes_received counts */
	return sk->__sk_common.skc_flags >> SOCK_DONE_BIT & 1;
}

/* Keeps the name of a congestion control: one place for all connections that use it. */
static __noinline int name_cc(const struct tcp_congestion_ops *ops, __u32 key)
{
	for (__u32 i = 0; i < CC_TRIES; i++) {
		struct cc_name *n = &tt_cc[(key + i) & (CC_NAMES - 1)];
		__u32 other = n->key ? n->key : __sync_val_compare_and_swap(&n->key, 0, key);

		if (other == key)
			return 0;
		if (!other)
			return BPF_CORE_READ_INTO(&n->name, ops, name);
	}
	return -1;
}

/* A process may choose another at any time (setsockopt TCP_CONGESTION). */
static __always_inline void copy_cc(struct conn *c, struct tcp_sock *tp)
{
	const struct tcp_congestion_ops *ops = tp->inet_conn.icsk_ca_ops;
	__u32 key = CAN_CAST ? ops->key : BPF_CORE_READ(ops, key);

	if (!key || key == c->cc)
		return;
	c->cc = key;
	name_cc(ops, key);
}

/* Would a program that waits for room in the send buffer go on waiting? (sk_stream_is_writeable: less than a third is free) */
static __always_inline bool sndbuf_full(struct sock *sk)
{
	return sk->sk_wmem_queued + (sk->sk_wmem_queued >> 1) > sk->sk_sndbuf;
}

/*
 * What the sender waited for, and for how long. The time of the chronograph that runs
 * counts up to now, as in tcp_get_info_chrono_stats().
 */
static __always_inline void copy_limits(struct conn *c, struct tcp_sock *tp, struct sock *sk)
{
	__u8 runs = BPF_CORE_READ_BITFIELD(tp, chrono_type);
	__u32 now = bpf_jiffies64(), since = now - tp->chrono_start;

	c->copied = now;
	c->chrono[0] = tp->chrono_stat[0] + (runs == 1 ? since : 0);
	c->chrono[1] = tp->chrono_stat[1] + (runs == 2 ? since : 0);
	c->chrono[2] = tp->chrono_stat[2] + (runs == 3 ? since : 0);
	c->limits = (BPF_CORE_READ_BITFIELD(tp, rate_app_limited) ? LIMIT_APP : 0) |
		    (BPF_CORE_READ_BITFIELD(tp, is_cwnd_limited) ? LIMIT_CWND : 0) |
		    (sndbuf_full(sk) ? LIMIT_SNDBUF : 0) | (tp->ecn_flags & ECN_AGREED ? LIMIT_ECN : 0) |
		    runs << LIMIT_CHRONO_SHIFT;
	c->ca_state = BPF_CORE_READ_BITFIELD(&tp->inet_conn, icsk_ca_state);
	c->probes = tp->inet_conn.icsk_probes_out;
	c->delivered_ce = tp->delivered_ce;
}

/* Counters and gauges: everything that moves. Not inlined: a hook's code has to come from memory, too. */
static __noinline void copy_counters(struct conn *c, struct tcp_sock *tp, struct sock *sk)
{
	c->stamp_us = tp->tcp_mstamp;
	if (!sk->__sk_common.skc_bound_dev_if)
		c->ifindex = sk->sk_rx_dst_ifindex;
	c->bytes_sent = tp->bytes_sent;
	c->bytes_retrans = tp->bytes_retrans;
	c->bytes_received = tp->bytes_received - fin_received(sk);
	c->segs_in += (__u32)(tp->segs_in - (__u32)c->segs_in);
	c->segs_out += (__u32)(tp->segs_out - (__u32)c->segs_out);
	c->total_retrans = tp->total_retrans;
	c->lost_out = tp->lost_out;
	c->reord_seen = tp->reord_seen;
	c->srtt_us = tp->srtt_us >> 3;
	c->rttvar_us = tp->mdev_us >> 2; /* as tcp_get_info() calls it */
	c->min_rtt_us = tp->rtt_min.s[0].v;
	c->cwnd = tp->snd_cwnd;
	c->ssthresh = tp->snd_ssthresh;
	c->mss = tp->mss_cache;
	c->snd_wnd = tp->snd_wnd;
	c->rcv_wnd = tp->rcv_wnd;
	c->send_queue = tp->write_seq - tp->snd_una;
	c->unsent = ahead(tp->write_seq, tp->snd_nxt);
	c->recv_queue = ahead(tp->rcv_nxt, tp->copied_seq);
	c->rate_delivered = tp->rate_delivered;
	c->rate_interval_us = tp->rate_interval_us;
	c->pacing_rate = sk->sk_pacing_rate;
	copy_cc(c, tp);
	c->state = sk->__sk_common.skc_state;
	copy_limits(c, tp, sk);
}

/*
 * Who opened a connection that is older than tcptop. The handshake acknowledged the
 * client's SYN, which bytes_acked counts (tcp_snd_una_update), but a server's socket
 * starts after its own: so the client's is one ahead of the payload, and of the FIN
 * if that was sent.
 */
__noinline int direction_of(__u64 sent, __u64 acked, __u8 state)
{
	if (state == TCP_LISTEN)
		return DIR_LISTEN;
	if (state == TCP_SYN_SENT)
		return DIR_OUT;
	if (acked == sent + 1)
		return DIR_OUT;
	return acked == sent ? DIR_IN : DIR_UNKNOWN;
}

static __always_inline __u8 direction(struct tcp_sock *tp, __u8 state)
{
	__u64 sent = tp->bytes_sent - tp->bytes_retrans;

	if (state != TCP_ESTABLISHED && state != TCP_CLOSE_WAIT && tp->write_seq == tp->snd_nxt)
		sent++; /* our FIN has gone out too */
	return direction_of(sent, tp->bytes_acked + (__u32)(tp->snd_nxt - tp->snd_una), state);
}

/*
 * Takes two slots that were never used, keeps one for the next connection on this CPU, and
 * returns the other: they share a line of tt_hot. -1 if there are no two.
 */
static __always_inline long take_pair(struct near *here)
{
	__u64 *used = &tt_counters.slots_used, n;
	__u32 second;

	if (*used + 2 > cfg_slots)
		return -1;
	n = __sync_fetch_and_add(used, 2);
	if (n + 2 > cfg_slots) {
		__sync_fetch_and_add(used, -2);
		return -1;
	}
	second = n + 1;
	if (!near_push(here, second))
		bpf_map_push_elem(&tt_free, &second, BPF_ANY);
	return n;
}

/* Takes a slot for a socket; the caller fills it and calls publish(). count is whether it counts where there is none. */
__noinline long take_slot(bool count)
{
	struct near *here = near_here();
	struct waiting other = {.slot = -1};
	long slot = here ? near_pop(here) : -1;
	__u32 freed;

	if (slot < 0 && bpf_map_pop_elem(&tt_free, &freed) == 0)
		slot = freed;
	if (slot < 0 && here)
		slot = take_pair(here);
	if (slot < 0)
		slot = slot_unused(&tt_counters.slots_used, cfg_slots);
	if (slot < 0) {
		bpf_loop(NEAR_CPUS, near_elsewhere, &other, 0);
		slot = other.slot;
	}
	if (slot < 0 && count)
		COUNT(table_full);
	return slot;
}

/* Takes a slot from its socket, in or out of the index. */
static __always_inline bool vacate(__u32 slot, __u64 cookie, __u32 phase)
{
	struct hot *h = hot_at(slot);

	if (!h)
		return false;
	index_remove(&tt_index, cfg_index_mask, cookie, slot);
	h->phase = phase;
	h->sk = 0;
	__sync_lock_test_and_set(&h->cookie, 0);
	return true;
}

/* Gives a slot back; one that was published leaves the index. */
__noinline int free_slot(__u32 slot, __u64 cookie)
{
	struct near *here = near_here();

	if (!vacate(slot, cookie, PHASE_FREE))
		return -1;
	if (!here || !near_push(here, slot))
		bpf_map_push_elem(&tt_free, &slot, BPF_ANY);
	return 0;
}

/*
 * Likewise, for programs that user space runs: these may sleep, and 6.1 lets nothing
 * that may sleep use a stack. User space gives it back.
 */
__noinline int abandon_slot(__u32 slot, __u64 cookie)
{
	return vacate(slot, cookie, PHASE_GONE) ? 0 : -1;
}

/* From here on sweeps and lookups see the slot. */
__noinline int publish(__u32 slot, __u64 cookie, bool listen)
{
	struct hot *h = hot_at(slot);

	if (!h)
		return -1;
	h->stamp = 0;
	h->again = 1;
	h->listen = listen;
	h->phase = PHASE_OPEN;
	__sync_lock_test_and_set(&h->cookie, cookie);
	if (index_add(&tt_index, cfg_index_mask, cookie, slot))
		return 0;
	COUNT(table_full);
	free_slot(slot, cookie);
	return -1;
}

static __always_inline void clear_conn(struct conn *c)
{
	__builtin_memset(c, 0, sizeof(*c));
}
