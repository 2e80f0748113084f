/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The other way to count UDP, for kernels whose tracepoints and cgroup programs know
 * too little (udp_send.h, udp_recv.h): trampolines on UDP's own functions. They cost
 * TCP nothing and see call and packet at once. Their arguments have been the same from
 * 5.10 to 7.3; udp_recvmsg's have not, and are not used. arm64 has no trampolines in
 * 6.1, and a kernel may refuse them.
 */
#pragma once

/* include/linux/in.h, in6.h: an address as sendmsg() names it */
struct named4 {
	__u16 family;
	__be16 port;
	__be32 addr;
};
struct named6 {
	__u16 family;
	__be16 port;
	__be32 flow;
	__u8 addr[16];
};

/* The peer that this call named; false if it named none. */
static __always_inline bool named_peer(struct msghdr *msg, bool six, struct peer *to)
{
	struct named6 name = {};

	if (!msg->msg_name || bpf_probe_read_kernel(&name, six ? sizeof(name) : sizeof(struct named4), msg->msg_name))
		return false;
	if (six)
		__builtin_memcpy(to->addr, name.addr, 16);
	else
		map_v4(to->addr, ((struct named4 *)&name)->addr);
	to->port = bpf_ntohs(name.port);
	return true;
}

/*
 * Did this call go on writing a datagram that an earlier one began? Then the first
 * one's peer is the peer, whatever this one named.
 */
static __always_inline bool goes_on(__u64 cookie, struct peer *corked, bool pending, __u32 cork_len, __u32 ret)
{
	long place = find_flow(flow_key(cookie, corked->addr, corked->port));
	struct flow *f = place < 0 ? NULL : flow_at(place);
	__u32 before = f ? f->cork_len : corked->cork_len;

	if (!before)
		return false;
	return pending ? cork_len > ret + 8 : before != cork_len;
}

static __always_inline void sent(struct sock *sk, struct msghdr *msg, bool six, int ret)
{
	struct peer to = {}, *corked = NULL;
	struct call *call = this_call(0);
	__u64 cookie = lasting_cookie(sk);
	__u32 cork_len;
	bool pending;

	if (ret < 0) {
		if (call)
			call->gso_segs = 0;
		if (named_peer(msg, six, &to) || connected_peer(sk, to.addr, &to.port))
			count_failed(sk, cookie, &to, ret);
		return;
	}
	pending = UDP_READ(sk, pending);
	cork_len = UDP_READ(sk, inet.cork.base.length);
	if (cork_len)
		corked = bpf_map_lookup_elem(&tt_corked, &cookie);
	if (corked && goes_on(cookie, corked, pending, cork_len, ret))
		to = *corked;
	else if (!named_peer(msg, six, &to))
		connected_peer(sk, to.addr, &to.port);
	count_sent(sk, cookie, call, &to, ret, pending, cork_len);
}

/*
 * Why these hooks: they are UDP's alone, and know the socket, the name and what was
 * really sent. udpv6_sendmsg() hands v4-mapped peers, whose name it rewrites, to
 * udp_sendmsg() and returns what that did: counted there, it is not counted again.
 */
SEC("fexit/udp_sendmsg")
int BPF_PROG(tt_udp_sendmsg, struct sock *sk, struct msghdr *msg, unsigned long len, int ret)
{
	struct call *call;

	if (sk->sk_protocol != IPPROTO_UDP)
		return 0;
	if (sk->__sk_common.skc_family == AF_INET6) {
		call = this_call(BPF_LOCAL_STORAGE_GET_F_CREATE);
		if (call)
			call->peer_cookie = lasting_cookie(sk);
	}
	sent(sk, msg, false, ret);
	return 0;
}

SEC("fexit/udpv6_sendmsg")
int BPF_PROG(tt_udpv6_sendmsg, struct sock *sk, struct msghdr *msg, unsigned long len, int ret)
{
	struct call *call;

	if (sk->sk_protocol != IPPROTO_UDP)
		return 0;
	call = this_call(0);
	if (call && call->peer_cookie && call->peer_cookie == cookie_of(sk)) {
		call->peer_cookie = 0;
		return 0;
	}
	sent(sk, msg, true, ret);
	return 0;
}

/*
 * Why this hook: up to 6.4 sendfile(2) and splice(2) begin a datagram by an empty
 * udp_sendmsg() and add pages to it here. Where pages can't be added this sends them by
 * another udp_sendmsg(), which has counted them: then the cork is as long as it was.
 */
SEC("fexit/udp_sendpage")
int BPF_PROG(tt_udp_sendpage, struct sock *sk, void *page, int offset, unsigned long size, int flags, int ret)
{
	__u32 cork_len = UDP_READ(sk, inet.cork.base.length);
	__u64 cookie = lasting_cookie(sk);
	struct peer *to;
	struct flow *f;
	__u32 *open;

	if (sk->sk_protocol != IPPROTO_UDP || ret < 0)
		return 0;
	to = bpf_map_lookup_elem(&tt_corked, &cookie);
	if (!to)
		return 0;
	f = flow_of(sk, cookie, to->addr, to->port, OWNER_CONNECT);
	open = f ? &f->cork_len : &to->cork_len;
	if (!*open || *open == cork_len)
		return 0;
	*open = UDP_READ(sk, pending) ? cork_len : 0;
	if (f)
		__sync_fetch_and_add(&f->tx_bytes, ret);
	else
		count_flowless(sk, to->addr, 0, ret, 0);
	return 0;
}

/*
 * Why this hook: a reader gives each datagram that it took to this function, with what
 * it got of it; a peek's length is negative, and of an empty datagram that was only
 * peeked at the queue still holds a reference. The packet says who sent it and, merged
 * ones too, how many it is. In the reader's own context (udp_recvmsg, udpv6_recvmsg).
 */
SEC("fentry/skb_consume_udp")
int BPF_PROG(tt_consume, struct sock *sk, struct sk_buff *skb, int len)
{
	struct letter l = {};
	struct flow *f;

	if (sk->sk_protocol != IPPROTO_UDP || len < 0 || (!len && skb->users.refs.counter > 1))
		return 0;
	write_letter(&l, skb);
	if (cfg_dns && l.port == 53)
		note_read_answer(sk, skb, l.addr);
	f = flow_of(sk, lasting_cookie(sk), l.addr, l.port, OWNER_ACCEPT);
	if (!f) {
		count_flowless(sk, l.addr, l.segs, 0, len);
		return 0;
	}
	__sync_fetch_and_add(&f->rx_bytes, len);
	__sync_fetch_and_add(&f->rx_packets, l.segs);
	return 0;
}
