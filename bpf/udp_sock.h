/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What UDP's sockets do count: what waits to be read, and what they dropped. */
#pragma once

volatile bool list_udp_socks; /* the owners' pass notes UDP sockets too */

/* What a socket has dropped (sk_drops_read); since 6.18 UDP counts elsewhere. */
static __always_inline __u32 dropped_by(struct sock *sk)
{
	__u32 n = BPF_CORE_READ(sk, sk_drops.counter);

	if (bpf_core_field_exists(sk->sk_drop_counters)) {
		struct numa_drop_counters *of = BPF_CORE_READ(sk, sk_drop_counters);

		if (of)
			n = BPF_CORE_READ(of, drops0.counter) + BPF_CORE_READ(of, drops1.counter);
	}
	return n;
}

/* Gauges and drops. */
static __always_inline void read_udp(struct udp_row *u)
{
	struct sock *sk = (struct sock *)u->sk;

	u->drops = dropped_by(sk);
	/* as udp_rqueue_get(): what was read but not yet given back does not wait */
	u->recv_queue = BPF_CORE_READ(sk, sk_backlog.rmem_alloc.counter) -
			BPF_CORE_READ((struct udp_sock *)sk, forward_deficit);
	u->recv_buffer = BPF_CORE_READ(sk, sk_rcvbuf);
	u->send_queue = BPF_CORE_READ(sk, sk_wmem_alloc.refs.counter) - 1; /* sk_wmem_alloc_get() */
	u->rport = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
}

/* Notes a socket that a process holds, for read_udp_socks. */
static __always_inline void note_udp(struct sock *sk, __u64 cookie, struct task_struct *t)
{
	struct udp_row u = {};

	if (!sk->__sk_common.skc_num || bpf_map_lookup_elem(&tt_udp_socks, &cookie))
		return; /* one that is not bound receives nothing */
	u.cookie = cookie;
	u.sk = (__u64)sk;
	u.lport = sk->__sk_common.skc_num;
	copy_addr(u.laddr, &sk->__sk_common, false);
	copy_addr(u.raddr, &sk->__sk_common, true);
	u.netns = sk->__sk_common.skc_net.net->ns.inum;
	u.cgroup = sk->sk_cgrp_data.cgroup->kn->id;
	u.uid = sk->sk_uid.val;
	u.ifindex = sk->__sk_common.skc_bound_dev_if;
	u.tgid = t->tgid;
	u.pid_start = start_of(t);
	bpf_probe_read_kernel(u.comm, sizeof(u.comm), t->group_leader->comm);
	read_udp(&u);
	bpf_map_update_elem(&tt_udp_socks, &cookie, &u, BPF_NOEXIST);
}

/* Is that socket still at its place? Nobody holds one that was freed. */
static __always_inline bool still_there(struct sock *sk, __u64 cookie)
{
	return BPF_CORE_READ(sk, __sk_common.skc_cookie.counter) == cookie &&
	       BPF_CORE_READ(sk, __sk_common.skc_refcnt.refs.counter);
}

static long read_udp_sock(void *map, __u64 *cookie, struct udp_row *u, void *unused)
{
	struct udp_row now = *u;
	struct sock *sk = (struct sock *)now.sk;

	read_udp(&now);
	if (still_there(sk, *cookie)) /* all that was read was its own */
		*u = now;
	else
		u->gone = 1;
	return 0;
}

/* Run by user space once a tick. bpf_for_each_map_elem 5.13. */
SEC("syscall")
int tt_read_udp(void *ctx)
{
	bpf_for_each_map_elem(&tt_udp_socks, read_udp_sock, NULL, 0);
	return 0;
}
