/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What was there before tcptop, and whose it is. */
#pragma once

volatile bool list_udp;      /* the owners' pass also lists who holds UDP sockets */
volatile bool owners_let_go; /* this pass repeats one: who was not seen then no longer holds what was theirs */
volatile __u64 holders_of;   /* the cookie of the socket that tt_holders lists for */

static __always_inline void identify(struct mini *m, struct sock_common *k, __u8 state)
{
	m->cookie = bpf_get_socket_cookie(k);
	m->lport = k->skc_num;
	m->rport = bpf_ntohs(k->skc_dport);
	copy_addr(m->laddr, k, false);
	copy_addr(m->raddr, k, true);
	m->netns = k->skc_net.net->ns.inum;
	m->state = state;
}

static __always_inline void write_mini(struct seq_file *seq, struct sock_common *k, __u8 state, struct conn *listener)
{
	struct mini m = {};

	identify(&m, k, state);
	if (listener) {
		m.uid = listener->uid;
		m.tgid = listener->tgid;
		m.pid_start = listener->pid_start;
		m.owner_source = listener->owner_source;
		__builtin_memcpy(m.comm, listener->comm, sizeof(m.comm));
	}
	bpf_seq_write(seq, &m, sizeof(m));
}

/* A socket that there is no slot for: whose it is as far as that is known, and what it has carried so far. */
static __always_inline void write_slotless(struct seq_file *seq, struct sock_common *k, struct tcp_sock *tp,
					   __u64 cookie)
{
	struct late_owner *late = bpf_map_lookup_elem(&tt_late, &cookie);
	struct sock *sk = (struct sock *)tp;
	struct mini m = {};

	identify(&m, k, k->skc_state);
	m.slotless = 1;
	m.uid = sk->sk_uid.val;
	m.cgroup = sk->sk_cgrp_data.cgroup->kn->id;
	if (late) {
		m.tgid = late->tgid;
		m.pid_start = late->pid_start;
		m.owner_source = late->source;
		__builtin_memcpy(m.comm, late->comm, sizeof(m.comm));
	}
	if (k->skc_state != TCP_LISTEN) {
		m.tx_bytes = tp->bytes_sent - tp->bytes_retrans;
		m.rx_bytes = tp->bytes_received - fin_received(sk);
	}
	bpf_seq_write(seq, &m, sizeof(m));
}

/* A process holds a socket that there is no slot for: its last row, if nothing else, says so. */
static __always_inline void own_late(__u64 cookie, struct task_struct *t)
{
	struct late_owner fresh = {}, *l = bpf_map_lookup_elem(&tt_late, &cookie);

	if (!l) {
		bpf_map_update_elem(&tt_late, &cookie, &fresh, BPF_NOEXIST);
		l = bpf_map_lookup_elem(&tt_late, &cookie);
	}
	if (!l || l->source != OWNER_NONE || l->bits & BIT_KERNEL)
		return;
	copy_comm(l->comm, t);
	l->pid_start = start_of(t);
	l->tgid = t->tgid;
	l->source = OWNER_FILES;
}

/* One of the kernel's own sockets has no file, which every other has from when it is made or accepted. */
static __always_inline void mark_kernel(__u32 slot, struct sock *sk, struct tcp_sock *tp)
{
	struct conn *c = conn_at(slot);

	if (c && !owned(c) && of_kernel(sk, tp) && sk->sk_socket && !BPF_CORE_READ(sk, sk_socket, file))
		c->bits |= BIT_KERNEL;
}

/*
 * Why this iterator: it alone sees sockets that no process holds: orphans in their
 * last states, connections not yet accepted, time-wait and syn-recv sockets. One
 * network namespace per run (5.9). What has counters gets a slot; the small ones
 * are written out.
 */
SEC("iter/tcp")
int tt_inventory(struct bpf_iter__tcp *ctx)
{
	struct sock_common *k = ctx->sk_common;
	struct tcp_timewait_sock *tw;
	struct tcp_request_sock *rq;
	struct tcp_sock *tp;
	__u64 cookie;
	long slot;

	if (!k)
		return 0;
	tw = bpf_skc_to_tcp_timewait_sock(k);
	if (tw) {
		write_mini(ctx->meta->seq, k, tw->tw_sk.tw_substate, NULL);
		return 0;
	}
	rq = bpf_skc_to_tcp_request_sock(k);
	if (rq) {
		struct sock *l = rq->req.req.__req_common.skc_listener;
		/* the member lies in a union, which the verifier takes for a number: read, not followed */
		long slot = l ? find_slot(BPF_CORE_READ(l, __sk_common.skc_cookie.counter)) : -1;

		write_mini(ctx->meta->seq, k, TCP_SYN_RECV, slot < 0 ? NULL : conn_at(slot));
		return 0;
	}
	tp = bpf_skc_to_tcp_sock(k);
	if (!tp || k->skc_state == TCP_CLOSE)
		return 0;
	cookie = bpf_get_socket_cookie(k);
	slot = find_slot(cookie);
	if (slot < 0) /* nothing changes meanwhile: the iterator holds the socket's lock */
		slot = track((struct sock *)tp, cookie, k->skc_state, k->skc_state, OWNER_NONE, 0, -1);
	if (slot >= 0)
		mark_kernel(slot, (struct sock *)tp, tp);
	else
		write_slotless(ctx->meta->seq, k, tp, cookie);
	return 0;
}

/* Has a socket in this state a connection, or does it listen? */
static __always_inline bool lives(__u8 state)
{
	return state != TCP_CLOSE && state != TCP_SYN_RECV && state != TCP_NEW_SYN_RECV;
}

/*
 * Puts a socket found in a process' files into the table. Its state may change
 * meanwhile: if it has closed before the slot was there, nothing would ever end the row.
 */
static __always_inline long adopt(struct sock *sk, __u64 cookie)
{
	__u8 state = sk->__sk_common.skc_state;
	long slot;

	if (!lives(state) || !claim(cookie))
		return -1;
	slot = find_slot(cookie);
	if (slot < 0)
		slot = track(sk, cookie, state, state, OWNER_NONE, 0, -1);
	if (slot >= 0 && sk->__sk_common.skc_state == TCP_CLOSE) {
		struct hot *h = hot_at(slot);

		if (h && __sync_val_compare_and_swap(&h->phase, PHASE_OPEN, PHASE_DONE) == PHASE_OPEN)
			free_slot(slot, cookie);
		slot = -1;
	}
	unclaim(cookie);
	return slot;
}

/* The next sweep names this slot: what is known of its owner has changed. */
static __always_inline void renew(__u32 slot)
{
	struct hot *h = hot_at(slot);

	if (!h)
		return;
	h->stamp = 0;
	h->again = 1;
}

/* systemd keeps the sockets of the services that it starts, for the next one (sd_listen_fds(3)). */
static __always_inline bool keeps_for_others(const char *comm)
{
	return __builtin_memcmp(comm, "systemd", 8) == 0;
}

/*
 * Is a process that holds a connection to be its owner instead of the one that is? Of
 * several that hold one that was nobody's the oldest, which the others inherited it from.
 */
static __always_inline bool takes(struct conn *c, struct task_struct *t, const char *comm, bool seen)
{
	if (!owned(c))
		return true;
	if (c->bits & BIT_KERNEL)
		return false;
	if (keeps_for_others(c->comm))
		return !keeps_for_others(comm);
	if (seen)
		return (c->pass & PASS_TAKEN) && start_of(t) < c->pid_start && !keeps_for_others(comm);
	return owners_let_go;
}

/* Notes that a process holds a connection. */
static __always_inline void held(struct seq_file *seq, __u32 slot, struct conn *c, struct task_struct *t)
{
	struct holder h = {.cookie = c->cookie, .slot = slot};
	bool seen = (c->pass & ~PASS_TAKEN) == owners_pass;
	char comm[16];

	bpf_probe_read_kernel(comm, sizeof(comm), t->group_leader->comm);
	if (owns(c, t)) {
		if (__builtin_memcmp(c->comm, comm, sizeof(comm))) { /* it runs another program now */
			__builtin_memcpy(c->comm, comm, sizeof(comm));
			renew(slot);
		}
		if (!c->pass) {
			c->holders = 1;
			renew(slot);
		}
		if (!seen)
			c->pass = owners_pass;
		return;
	}
	h.tgid = t->tgid;
	if (takes(c, t, comm, seen)) {
		h.tgid = seen ? c->tgid : 0;
		set_owner(c, t, OWNER_FILES);
		if (!c->pass)
			c->holders = 1;
		c->pass = owners_pass | PASS_TAKEN;
		renew(slot);
	}
	if (h.tgid)
		bpf_seq_write(seq, &h, sizeof(h));
}

/* The socket of a file; NULL if it is none of the internet's. */
static __always_inline struct sock *sock_of(struct file *f)
{
	struct socket *socket = bpf_sock_from_file(f);
	struct sock *sk = socket ? socket->sk : NULL;

	if (!sk || (sk->__sk_common.skc_family != AF_INET && sk->__sk_common.skc_family != AF_INET6))
		return NULL;
	return sk;
}

/*
 * The cookie of the TCP socket behind an MPTCP one: its first subflow, which no file
 * leads to. What lies there is only read, so one older than tcptop has its slot from
 * the other iterator.
 */
static __always_inline __u64 first_cookie(struct sock *sk)
{
	struct sock *first;

	if (!bpf_core_type_exists(struct mptcp_sock))
		return 0;
	first = BPF_CORE_READ((struct mptcp_sock *)sk, first);
	return first ? BPF_CORE_READ(first, __sk_common.skc_cookie.counter) : 0;
}

/*
 * Why this iterator: it walks every process' files in one pass, whatever network
 * namespace their sockets are in, without /proc and without stopping anybody (5.8).
 * It holds the file, so a slot stays its socket's meanwhile.
 */
SEC("iter/task_file")
int tt_owners(struct bpf_iter__task_file *ctx)
{
	struct task_struct *t = ctx->task;
	struct file *f = ctx->file;
	struct conn *c;
	struct sock *sk;
	__u64 cookie;
	long slot;

	if (!t || !f)
		return 0;
	sk = sock_of(f);
	if (!sk)
		return 0;
	if (sk->sk_protocol == IPPROTO_UDP) {
		struct holder h = {.cookie = bpf_get_socket_cookie(sk), .slot = NO_SLOT, .tgid = t->tgid};

		if (list_udp_socks)
			note_udp(sk, h.cookie, t);
		if (list_udp)
			bpf_seq_write(ctx->meta->seq, &h, sizeof(h));
		return 0;
	}
	own_tid = (__u32)bpf_get_current_pid_tgid();
	if (sk->sk_protocol == IPPROTO_TCP) {
		cookie = bpf_get_socket_cookie(sk);
		slot = find_slot(cookie);
		if (slot < 0)
			slot = adopt(sk, cookie);
		if (slot < 0 && lives(sk->__sk_common.skc_state))
			own_late(cookie, t);
	} else if (sk->sk_protocol == IPPROTO_MPTCP) {
		slot = find_slot(first_cookie(sk));
	} else {
		return 0;
	}
	c = slot < 0 ? NULL : conn_at(slot);
	if (c)
		held(ctx->meta->seq, slot, c, t);
	return 0;
}

/* Why this iterator: as above; it lists the processes that hold one socket, when a person asks for them. */
SEC("iter/task_file")
int tt_holders(struct bpf_iter__task_file *ctx)
{
	struct task_struct *t = ctx->task;
	struct file *f = ctx->file;
	struct task who = {};
	struct sock *sk;
	__u64 cookie;

	if (!t || !f)
		return 0;
	sk = sock_of(f);
	if (!sk)
		return 0;
	cookie = sk->sk_protocol == IPPROTO_MPTCP ? first_cookie(sk) : cookie_of(sk);
	if (!cookie || cookie != holders_of)
		return 0;
	who.tgid = t->tgid;
	who.pid_start = start_of(t);
	bpf_probe_read_kernel(who.comm, sizeof(who.comm), t->group_leader->comm);
	bpf_seq_write(ctx->meta->seq, &who, sizeof(who));
	return 0;
}
