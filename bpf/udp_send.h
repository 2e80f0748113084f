/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What UDP sends. Bytes come from the socket layer's tracepoint, which knows the
 * socket and what was really sent; the peer and the number of datagrams come from
 * hooks inside the same call, kept for it in the task's storage.
 */
#pragma once

/* Cgroup programs may do this in 6.16, but not in 6.12: there udp_call.h counts. */
static __always_inline struct call *this_call(__u64 flags)
{
	return bpf_task_storage_get(&tt_call, bpf_get_current_task_btf(), 0, flags);
}

static __always_inline struct udp_sock *udp_of(struct sock *sk)
{
	return bpf_rdonly_cast(sk, bpf_core_type_id_kernel(struct udp_sock));
}

static __always_inline struct skb_shared_info *shared_info(struct sk_buff *skb)
{
	return bpf_rdonly_cast(skb->head + skb->end, bpf_core_type_id_kernel(struct skb_shared_info));
}

/* A member of what udp_of() or shared_info() finds, also where the kernel has no cast. */
#define UDP_READ(sk, member) (CAN_CAST ? udp_of(sk)->member : BPF_CORE_READ((struct udp_sock *)(sk), member))
#define SHARED_READ(skb, member)               \
	(CAN_CAST ? shared_info(skb)->member : \
		    BPF_CORE_READ((struct skb_shared_info *)((skb)->head + (skb)->end), member))

/* The peer that a connected socket has; false for an unconnected one. */
static __always_inline bool connected_peer(struct sock *sk, __u8 *addr, __u16 *port)
{
	if (!sk->__sk_common.skc_dport)
		return false;
	copy_addr(addr, &sk->__sk_common, true);
	*port = bpf_ntohs(sk->__sk_common.skc_dport);
	return true;
}

/*
 * How many datagrams did this send call begin? One, but none where it went on
 * writing a corked one (MSG_MORE, UDP_CORK): that has grown. A cork that was let go
 * by its socket option has not.
 */
static __always_inline __u32 datagrams_begun(__u32 *open, bool pending, __u32 cork_len, __u32 len)
{
	__u32 before = *open;

	*open = pending ? cork_len : 0;
	if (pending)
		return cork_len <= len + 8; /* nothing but this part and the UDP header */
	return !before || before == cork_len;
}

/*
 * Where this call has sent to: the peer that it named, the peer that the socket is
 * connected to, or that of the corked datagram which it went on with, where naming it
 * again passes no hook.
 */
static __always_inline void find_peer(struct sock *sk, struct call *call, __u64 cookie, struct peer *to)
{
	struct peer *corked;

	if (call && call->peer_cookie == cookie) {
		__builtin_memcpy(to->addr, call->peer, 16);
		to->port = call->peer_port;
		call->peer_cookie = 0;
		return;
	}
	if (connected_peer(sk, to->addr, &to->port))
		return;
	corked = bpf_map_lookup_elem(&tt_corked, &cookie);
	if (corked)
		*to = *corked;
}

/* The number of datagrams that a send call has begun, by segments if it had its datagram cut into some. */
static __always_inline __u32 datagrams_sent(struct sock *sk, struct call *call, __u32 *open, bool pending,
					    __u32 cork_len, __u32 len)
{
	__u32 n = datagrams_begun(open, pending, cork_len, len);

	if (call && call->gso_segs) {
		if (call->gso_sk == (__u64)sk)
			n = call->gso_segs;
		call->gso_segs = 0;
	}
	return n;
}

/* Counts what a call has sent. pending and cork_len are the socket's, after it. */
static __always_inline void count_sent(struct sock *sk, __u64 cookie, struct call *call, struct peer *to, __u32 ret,
				       bool pending, __u32 cork_len)
{
	struct peer *corked;
	__u32 n, none = 0;
	struct flow *f;

	if (pending)
		bpf_map_update_elem(&tt_corked, &cookie, to, BPF_ANY);
	f = flow_of(sk, cookie, to->addr, to->port, OWNER_CONNECT);
	if (!f) {
		corked = bpf_map_lookup_elem(&tt_corked, &cookie);
		n = datagrams_sent(sk, call, corked ? &corked->cork_len : &none, pending, cork_len, ret);
		count_flowless(sk, to->addr, n, ret, 0);
		return;
	}
	n = datagrams_sent(sk, call, &f->cork_len, pending, cork_len, ret);
	__sync_fetch_and_add(&f->tx_bytes, ret);
	__sync_fetch_and_add(&f->tx_packets, n);
}

/*
 * Why this hook: the return value of every send on every socket, from write(2) to
 * io_uring, with the socket (call_trace_sock_send_length, net/socket.c, since 6.3).
 * It also runs for TCP, where it costs a compare.
 */
SEC("tp_btf/sock_send_length")
int BPF_PROG(tt_send_length, struct sock *sk, int ret, int flags)
{
	struct peer to = {};
	struct udp_sock *up;
	struct call *call;
	__u64 cookie;

	if (sk->sk_protocol != IPPROTO_UDP)
		return 0;
	up = udp_of(sk);
	cookie = lasting_cookie(sk);
	call = this_call(0);
	find_peer(sk, call, cookie, &to);
	if (ret >= 0)
		count_sent(sk, cookie, call, &to, ret, up->pending, up->inet.cork.base.length);
	else if (call)
		call->gso_segs = 0;
	if (ret < 0)
		count_failed(sk, cookie, &to, ret);
	return 0;
}

/*
 * Why this hook: of a segmented send (UDP_SEGMENT, by socket option or by message)
 * only the packet knows the number of datagrams. Every packet passes here; all but
 * UDP's segmented ones leave after one look, or two if names are asked for: what
 * goes to port 53 is noted here, still with its socket and in its sender's context.
 */
SEC("tp_btf/net_dev_queue")
int BPF_PROG(tt_dev_queue, struct sk_buff *skb)
{
	struct sock *sk = skb->sk;
	struct call *call;

	if (!sk || sk->sk_protocol != IPPROTO_UDP)
		return 0;
	if (!(SHARED_READ(skb, gso_type) & SKB_GSO_UDP_L4)) {
		if (cfg_dns && asks_dns(sk, skb))
			note_query(sk, skb, this_call(0));
		return 0;
	}
	call = this_call(BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!call)
		return 0;
	call->gso_sk = (__u64)sk; /* its cookie may not be there yet, and cannot be asked for here */
	call->gso_segs = SHARED_READ(skb, gso_segs);
	return 0;
}

/*
 * Why these hooks: they are UDP's alone, run only for sends that name their peer,
 * and know it as the program said it, before any translation (udp_sendmsg, since
 * 4.18).
 */
SEC("cgroup/sendmsg4")
int tt_sendmsg4(struct bpf_sock_addr *ctx)
{
	struct call *call = this_call(BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!call)
		return 1;
	map_v4(call->peer, ctx->user_ip4);
	call->peer_port = bpf_ntohs(ctx->user_port);
	call->gso_segs = 0;
	call->peer_cookie = bpf_get_socket_cookie(ctx);
	return 1;
}

SEC("cgroup/sendmsg6")
int tt_sendmsg6(struct bpf_sock_addr *ctx)
{
	struct call *call = this_call(BPF_LOCAL_STORAGE_GET_F_CREATE);
	__u32 *d;

	if (!call)
		return 1;
	d = (__u32 *)call->peer;
	d[0] = ctx->user_ip6[0];
	d[1] = ctx->user_ip6[1];
	d[2] = ctx->user_ip6[2];
	d[3] = ctx->user_ip6[3];
	call->peer_port = bpf_ntohs(ctx->user_port);
	call->gso_segs = 0;
	call->peer_cookie = bpf_get_socket_cookie(ctx);
	return 1;
}
