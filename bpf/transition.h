/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The changes of state between a connection's opening and its end, for whoever asks for them. */
#pragma once

const volatile bool cfg_transitions;       /* false: the verifier removes all of this */
const volatile __u64 cfg_transitions_wake; /* bytes in the ring at which user space is woken to empty it */

/*
 * What begins a connection its row tells: a closed socket connects or listens, a
 * handshake is done. Before that a socket made from a listener has no cookie that lasts
 * (inet_csk_clone_lock).
 */
static __always_inline bool begins(int from, int to)
{
	return from == TCP_CLOSE || (from == TCP_LISTEN && to == TCP_SYN_RECV) ||
	       (from == TCP_SYN_RECV && (to == TCP_ESTABLISHED || to == TCP_CLOSE));
}

/* Before anything else notes the change: a connection's end is in its ring only after all of its transitions. */
static __always_inline void note_transition(struct sock *sk, int from, int to)
{
	struct transition *t;
	struct conn *c = NULL;
	__u64 cookie;
	long slot;

	if (begins(from, to))
		return;
	t = bpf_ringbuf_reserve(&tt_transitions, sizeof(*t), 0);
	if (!t) {
		COUNT(transitions_full);
		return;
	}
	cookie = lasting_cookie(sk);
	slot = find_slot(cookie);
	if (slot >= 0)
		c = conn_at(slot);
	t->cookie = cookie;
	t->time_ns = bpf_ktime_get_ns();
	t->gen = c ? c->gen : 0;
	t->from = from;
	t->to = to;
	t->unused = 0;
	bpf_ringbuf_submit(t, bpf_ringbuf_query(&tt_transitions, BPF_RB_AVAIL_DATA) >= cfg_transitions_wake ?
				      BPF_RB_FORCE_WAKEUP :
				      BPF_RB_NO_WAKEUP);
}
