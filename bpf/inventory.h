/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What was there before tcptop, and whose it is. */
#pragma once

volatile bool list_udp; /* the owners' pass also lists the cookies of UDP sockets */

static __always_inline void write_mini(struct seq_file *seq, struct sock_common *k, __u8 state, struct conn *listener)
{
	struct mini m = {};

	m.cookie = bpf_get_socket_cookie(k);
	m.lport = k->skc_num;
	m.rport = bpf_ntohs(k->skc_dport);
	copy_addr(m.laddr, k, false);
	copy_addr(m.raddr, k, true);
	m.netns = k->skc_net.net->ns.inum;
	m.state = state;
	if (listener) {
		m.uid = listener->uid;
		m.tgid = listener->tgid;
		m.pid_start = listener->pid_start;
		m.owner_source = listener->owner_source;
		__builtin_memcpy(m.comm, listener->comm, sizeof(m.comm));
	}
	bpf_seq_write(seq, &m, sizeof(m));
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
	if (find_slot(cookie) < 0) /* nothing changes meanwhile: the iterator holds the socket's lock */
		track((struct sock *)tp, cookie, k->skc_state, k->skc_state, OWNER_NONE, 0);
	return 0;
}

/*
 * Puts a socket found in a process' files into the table. Its state may change
 * meanwhile: if it has closed before the slot was there, nothing would ever end the row.
 */
static __always_inline long adopt(struct sock *sk, __u64 cookie)
{
	__u8 state = sk->__sk_common.skc_state;
	long slot;

	if (state == TCP_CLOSE || state == TCP_SYN_RECV || state == TCP_NEW_SYN_RECV || !claim(cookie))
		return -1;
	slot = find_slot(cookie);
	if (slot < 0)
		slot = track(sk, cookie, state, state, OWNER_NONE, 0);
	if (slot >= 0 && sk->__sk_common.skc_state == TCP_CLOSE) {
		struct hot *h = hot_at(slot);

		if (h && __sync_val_compare_and_swap(&h->phase, PHASE_OPEN, PHASE_DONE) == PHASE_OPEN)
			free_slot(slot, cookie);
		slot = -1;
	}
	unclaim(cookie);
	return slot;
}

/*
 * Why this iterator: it walks every process' files in one pass, whatever network
 * namespace their sockets are in, without /proc and without stopping anybody (5.8).
 */
SEC("iter/task_file")
int tt_owners(struct bpf_iter__task_file *ctx)
{
	struct task_struct *t = ctx->task;
	struct file *f = ctx->file;
	struct socket *socket;
	struct conn *c;
	struct sock *sk;
	__u64 cookie;
	long slot;

	if (!t || !f)
		return 0;
	socket = bpf_sock_from_file(f);
	if (!socket)
		return 0;
	sk = socket->sk;
	if (!sk || (sk->__sk_common.skc_family != AF_INET && sk->__sk_common.skc_family != AF_INET6))
		return 0;
	if (sk->sk_protocol == IPPROTO_UDP && list_udp) {
		cookie = bpf_get_socket_cookie(sk);
		bpf_seq_write(ctx->meta->seq, &cookie, sizeof(cookie));
		return 0;
	}
	if (sk->sk_protocol != IPPROTO_TCP)
		return 0;
	cookie = bpf_get_socket_cookie(sk);
	slot = find_slot(cookie);
	if (slot < 0)
		slot = adopt(sk, cookie);
	if (slot < 0)
		return 0;
	c = conn_at(slot);
	if (c && !owned(c))
		set_owner(c, t, OWNER_FILES);
	return 0;
}
