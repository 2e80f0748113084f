// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Less than tcptop's own hooks on connections that come and go, for the benchmark that
 * compares them: nothing at all, and what names who connected and how much was moved
 * with a hash by socket and a ring. They measure cost, not contents.
 */
#include "../../../bpf/kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Nothing at all, where tcptop's own hooks are: the price of being called, and of the statistics. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(tb_no_state, struct sock *sk, int oldstate, int newstate)
{
	return 0;
}

SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(tb_no_destroy, struct sock *sk)
{
	return 0;
}

SEC("cgroup/getpeername4")
int tb_no_accept(struct bpf_sock_addr *ctx)
{
	return 1;
}

struct birth {
	__u64 start_ns;
	__u32 tgid;
	char comm[16];
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct birth);
} tb_births SEC(".maps");

struct end {
	struct birth birth;
	__u64 end_ns, sent, received;
	__u32 local, remote;
	__u16 lport, rport;
};
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 24);
} tb_ends SEC(".maps");

static __always_inline void born(struct sock *sk)
{
	struct birth b = {.start_ns = bpf_ktime_get_ns()};
	__u64 key = (__u64)sk;

	b.tgid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(b.comm, sizeof(b.comm));
	bpf_map_update_elem(&tb_births, &key, &b, BPF_ANY);
}

/* An end of which nobody knows the birth is told too. */
static __always_inline void died(struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	__u64 key = (__u64)sk;
	struct birth *b = bpf_map_lookup_elem(&tb_births, &key);
	struct end *e = bpf_ringbuf_reserve(&tb_ends, sizeof(*e), 0);

	if (e && tp) {
		if (b)
			e->birth = *b;
		e->end_ns = bpf_ktime_get_ns();
		e->sent = tp->bytes_sent;
		e->received = tp->bytes_received;
		e->local = sk->__sk_common.skc_rcv_saddr;
		e->remote = sk->__sk_common.skc_daddr;
		e->lport = sk->__sk_common.skc_num;
		e->rport = sk->__sk_common.skc_dport;
	}
	if (e)
		bpf_ringbuf_submit(e, BPF_RB_NO_WAKEUP);
	if (b)
		bpf_map_delete_elem(&tb_births, &key);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(tb_state, struct sock *sk, int oldstate, int newstate)
{
	if (sk->sk_protocol != IPPROTO_TCP)
		return 0;
	if (newstate == TCP_SYN_SENT || newstate == TCP_SYN_RECV)
		born(sk);
	else if (newstate == TCP_CLOSE)
		died(sk);
	return 0;
}
