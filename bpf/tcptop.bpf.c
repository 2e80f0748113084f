// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * tcptop in the kernel. TCP is not probed where data flows: struct tcp_sock counts
 * everything already (RFC 4898), and a program that user space runs once a tick
 * copies what moved. Only what happens once per connection is hooked. UDP keeps no
 * counters, so its send and receive calls are (udp_send.h, udp_recv.h).
 */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>
#include "conn.h"
#include "maps.h"
#include "index.h"
#include "tcp.h"
#include "why.h"
#include "listen.h"
#include "total.h"
#include "lifecycle.h"
#include "transition.h"
#include "cgroup.h"
#include "sweep.h"
#include "udp_sock.h"
#include "inventory.h"
#include "flow.h"
#include "dns.h"
#include "udp_send.h"
#include "udp_recv.h"
#include "udp_call.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Types that no map has, kept in the object's BTF for bpf2go. */
const struct closed *type_closed __attribute__((unused));
const struct transition *type_transition __attribute__((unused));
const struct cgroup_made *type_cgroup_made __attribute__((unused));
const struct mini *type_mini __attribute__((unused));
const struct dns_message *type_dns_message __attribute__((unused));
const struct sweep_args *type_sweep_args __attribute__((unused));
const struct holder *type_holder __attribute__((unused));
const struct task *type_task __attribute__((unused));

/*
 * Why this hook: every TCP state change passes here, whoever causes it, on every
 * kernel since 4.16, and tp_btf needs neither kprobes nor trampolines. It runs
 * before the state is stored (inet_sk_state_store, net/ipv4/af_inet.c).
 */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(tt_set_state, struct sock *sk, int oldstate, int newstate)
{
	struct tcp_sock *tp;
	struct conn *c;
	struct hot *h;
	__u64 cookie;
	long slot, listener = -1;
	bool fresh;

	if (sk->sk_protocol != IPPROTO_TCP)
		return 0;
	if (cfg_transitions)
		note_transition(sk, oldstate, newstate);
	switch (newstate) {
	case TCP_SYN_RECV: /* a connection once its handshake is done */
		if (oldstate == TCP_LISTEN)
			note_birth(sk);
		return 0;
	case TCP_CLOSE_WAIT: /* a segment brought these, whose time the sweep sees */
	case TCP_FIN_WAIT2:
	case TCP_CLOSING:
		return 0;
	}
	if (oldstate == TCP_SYN_RECV && newstate == TCP_ESTABLISHED)
		listener = note_arrival(sk);
	fresh = !cookie_of(sk); /* a socket that is nobody's yet; no iterator takes it before its state is stored */
	cookie = lasting_cookie(sk);
	slot = fresh ? -1 : find_slot(cookie);
	if (newstate == TCP_CLOSE) {
		if (oldstate != TCP_CLOSE)
			ended(sk, cookie, slot, oldstate);
		return 0;
	}
	if (slot < 0)
		slot = opened(sk, cookie, oldstate, newstate, listener);
	if (slot < 0)
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	c = conn_at(slot);
	h = hot_at(slot);
	if (!tp || !c || !h)
		return 0;
	if (h->phase != PHASE_OPEN) {
		if (newstate == TCP_SYN_SENT || newstate == TCP_LISTEN)
			reopen(slot, h, c, sk, newstate);
		return 0;
	}
	switch (newstate) {
	case TCP_ESTABLISHED:
		copy_ends(c, sk); /* the local port and address are chosen after SYN_SENT */
		if (oldstate == TCP_SYN_SENT && c->start_ns)
			note_connected(c, sk);
		break;
	case TCP_FIN_WAIT1:
		/* only close(), shutdown() and exit lead here, in the process' own context */
		c->bits |= BIT_FIN_LOCAL;
		closes(slot, c, sk, tp);
		break;
	case TCP_LAST_ACK:
		/* likewise, after the peer's FIN */
		c->bits |= BIT_FIN_REMOTE;
		closes(slot, c, sk, tp);
		break;
	}
	c->state = newstate;
	h->stamp = 0; /* the state has moved even if no counter has */
	h->again = 1;
	return 0;
}

/*
 * Why this hook: a slot lives as long as its socket, which may outlive its
 * connection; this is where every TCP socket ends (tcp_v4_destroy_sock, also for
 * IPv6), since 4.16. It also catches a CLOSE that came while the inventory was
 * putting the socket in.
 */
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(tt_destroy_sock, struct sock *sk)
{
	__u64 cookie = cookie_of(sk);
	struct tcp_sock *tp;
	struct conn *c;
	struct hot *h;
	long slot;

	if (!cookie)
		return 0;
	slot = find_slot(cookie);
	if (slot < 0) {
		unclaim(cookie);
		return 0;
	}
	c = conn_at(slot);
	h = hot_at(slot);
	tp = bpf_skc_to_tcp_sock(sk);
	if (!c || !h || !tp)
		return 0;
	if (__sync_val_compare_and_swap(&h->phase, PHASE_OPEN, PHASE_DONE) == PHASE_OPEN) {
		__u8 last = c->state;

		note_end(c, sk, tp, last);
		report_closed(c, sk, tp, cookie, last);
	} else if (h->phase == PHASE_PENDING) {
		__u8 last = c->last_state;

		if (closing_here(sk))
			closes(slot, c, sk, tp);
		if (__sync_val_compare_and_swap(&h->phase, PHASE_PENDING, PHASE_DONE) == PHASE_PENDING) {
			report_closed(c, sk, tp, cookie, last);
		}
	}
	if (h->listen)
		bpf_map_delete_elem(&tt_waits, &cookie);
	free_slot(slot, cookie);
	return 0;
}
