// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Other ways to sum UDP by flow, as little as each can do, for the benchmark that
 * compares them with tcptop's own hooks. They measure cost, not contents: IPv4 only,
 * and none knows all that tcptop shows.
 */
#include "../../../bpf/kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct key {
	__u64 cookie;
	__u32 addr, port;
};
struct sums {
	__u64 tx_bytes, tx_packets, rx_bytes, rx_packets;
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct key);
	__type(value, struct sums);
} tb_flows SEC(".maps");

static __always_inline void add(struct key *k, __u64 tx, __u64 rx)
{
	struct sums zero = {}, *s = bpf_map_lookup_elem(&tb_flows, k);

	if (!s) {
		bpf_map_update_elem(&tb_flows, k, &zero, BPF_NOEXIST);
		s = bpf_map_lookup_elem(&tb_flows, k);
	}
	if (!s)
		return;
	if (tx) {
		__sync_fetch_and_add(&s->tx_bytes, tx);
		__sync_fetch_and_add(&s->tx_packets, 1);
	} else {
		__sync_fetch_and_add(&s->rx_bytes, rx);
		__sync_fetch_and_add(&s->rx_packets, 1);
	}
}

void *bpf_cast_to_kern_ctx(void *obj) __ksym;

/* The packet says both ends, at the price of reading its headers. */
static __always_inline int packet(struct __sk_buff *ctx, bool egress)
{
	struct sk_buff *skb = bpf_cast_to_kern_ctx(ctx);
	struct sock *sk = skb->sk;
	struct key k = {};
	__be16 port;
	__u64 len;

	if (!sk || sk->sk_protocol != IPPROTO_UDP || skb->protocol != ETH_P_IP_BE)
		return 1;
	bpf_probe_read_kernel(&k.addr, 4, skb->head + skb->network_header + (egress ? 16 : 12));
	bpf_probe_read_kernel(&port, 2, skb->head + skb->transport_header + (egress ? 2 : 0));
	k.port = bpf_ntohs(port);
	k.cookie = bpf_get_socket_cookie(ctx);
	len = skb->len - 28;
	add(&k, egress ? len : 0, egress ? 0 : len);
	return 1;
}

SEC("cgroup_skb/egress")
int tb_skb_out(struct __sk_buff *ctx)
{
	return packet(ctx, true);
}

SEC("cgroup_skb/ingress")
int tb_skb_in(struct __sk_buff *ctx)
{
	return packet(ctx, false);
}

/* The call knows the socket and its peer if it has one. */
static __always_inline int call(struct sock *sk, int ret, struct key *k, bool sent)
{
	k->cookie = bpf_get_socket_cookie(sk);
	if (sk->__sk_common.skc_dport) {
		k->addr = sk->__sk_common.skc_daddr;
		k->port = bpf_ntohs(sk->__sk_common.skc_dport);
	}
	add(k, sent ? ret : 0, sent ? 0 : ret);
	return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(tb_call_send, struct sock *sk, int ret, int flags)
{
	struct key k = {};

	return sk->sk_protocol != IPPROTO_UDP || ret <= 0 ? 0 : call(sk, ret, &k, true);
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(tb_call_recv, struct sock *sk, int ret, int flags)
{
	struct key k = {};

	return sk->sk_protocol != IPPROTO_UDP || ret <= 0 ? 0 : call(sk, ret, &k, false);
}

/* The same with the peers of unconnected sockets, which cgroup hooks inside the call know. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct key);
} tb_peer SEC(".maps");

static __always_inline int keep(struct bpf_sock_addr *ctx)
{
	struct key *k = bpf_task_storage_get(&tb_peer, bpf_get_current_task_btf(), 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (k) {
		k->addr = ctx->user_ip4;
		k->port = bpf_ntohs(ctx->user_port);
	}
	return 1;
}

SEC("cgroup/sendmsg4")
int tb_peer_to(struct bpf_sock_addr *ctx)
{
	return keep(ctx);
}

SEC("cgroup/recvmsg4")
int tb_peer_from(struct bpf_sock_addr *ctx)
{
	return keep(ctx);
}

static __always_inline int peer_call(struct sock *sk, int ret, bool sent)
{
	struct key k = {}, *kept;

	if (sk->sk_protocol != IPPROTO_UDP || ret <= 0)
		return 0;
	kept = bpf_task_storage_get(&tb_peer, bpf_get_current_task_btf(), 0, 0);
	if (kept)
		k = *kept;
	return call(sk, ret, &k, sent);
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(tb_peer_send, struct sock *sk, int ret, int flags)
{
	return peer_call(sk, ret, true);
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(tb_peer_recv, struct sock *sk, int ret, int flags)
{
	return peer_call(sk, ret, false);
}

/* Nothing at all, where tcptop's own hooks are: the price of being called, and of the statistics. */
SEC("tp_btf/sock_send_length")
int BPF_PROG(tb_no_send, struct sock *sk, int ret, int flags)
{
	return 0;
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(tb_no_recv, struct sock *sk, int ret, int flags)
{
	return 0;
}

SEC("tp_btf/net_dev_queue")
int BPF_PROG(tb_no_queue, struct sk_buff *skb)
{
	return 0;
}

SEC("cgroup_skb/ingress")
int tb_no_ingress(struct __sk_buff *ctx)
{
	return 1;
}
