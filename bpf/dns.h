/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What this host asks the DNS and what it is told, so that user space can say which
 * name an address was looked up by. The messages are copied whole, up to what fits;
 * nothing is parsed here. User space believes an answer only if the same socket had
 * asked that question of that server, so queries are copied too. No hook of its own:
 * those that count UDP pass port 53 on to here.
 */
#pragma once

const volatile bool cfg_dns;       /* false: the verifier removes all of this */
const volatile __u64 cfg_dns_wake; /* bytes in the ring at which user space is woken to empty it */

#define DNS_PORT_BE 0x3500
#define UDP_HEADER 8

static __always_inline struct udphdr *udp_header(struct sk_buff *skb)
{
	return bpf_rdonly_cast(skb->head + skb->transport_header, bpf_core_type_id_kernel(struct udphdr));
}

/* A member of a packet's UDP header, also where the kernel has no cast. */
#define HEADER_READ(skb, member)              \
	(CAN_CAST ? udp_header(skb)->member : \
		    BPF_CORE_READ((struct udphdr *)((skb)->head + (skb)->transport_header), member))

/* The address that a packet is from or, if to, for. */
static __always_inline void packet_addr(__u8 *addr, struct sk_buff *skb, bool to)
{
	unsigned char *ip = skb->head + skb->network_header;
	__be32 v4;

	if (skb->protocol == ETH_P_IP_BE) {
		bpf_probe_read_kernel(&v4, sizeof(v4), ip + (to ? 16 : 12));
		map_v4(addr, v4);
	} else {
		bpf_probe_read_kernel(addr, 16, ip + (to ? 24 : 8));
	}
}

/* No wake-up for each message, as for closed connections. */
static __always_inline void dns_submit(struct dns_message *m)
{
	bool full = bpf_ringbuf_query(&tt_dns, BPF_RB_AVAIL_DATA) >= cfg_dns_wake;

	bpf_ringbuf_submit(m, full ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}

/* A connected socket knows its server before any translation (Docker's resolver has another port behind it). */
static __always_inline bool asks_dns(struct sock *sk, struct sk_buff *skb)
{
	__be16 port = sk->__sk_common.skc_dport;

	return (port ? port : HEADER_READ(skb, dest)) == DNS_PORT_BE;
}

static __always_inline bool told_by_dns(struct sock *sk, struct sk_buff *skb)
{
	__be16 port = sk->__sk_common.skc_dport;

	return (port ? port : HEADER_READ(skb, source)) == DNS_PORT_BE;
}

/* Room for a message in the ring, of which len bytes are to be copied; size is a constant. */
static __always_inline struct dns_message *dns_reserve(struct sock *sk, __u32 len, __u32 size, bool answer)
{
	struct dns_message *m = bpf_ringbuf_reserve(&tt_dns, sizeof(*m) + size, 0);

	if (!m) {
		COUNT(dns_full);
		return NULL;
	}
	m->time_ns = bpf_ktime_get_ns();
	m->sk = (__u64)sk;
	m->netns = m->uid = m->tgid = 0;
	m->cut = len > size;
	m->len = len > size ? size : len;
	m->answer = answer;
	return m;
}

/* At most most, in a form that the verifier can follow. */
static __always_inline __u32 bounded(__u32 len, __u32 most)
{
	asm volatile("" : "+r"(len));
	return len > most ? most : len;
}

/* Notes a packet that goes to port 53. What UDP sends in one piece is linear. */
static __always_inline void note_query(struct sock *sk, struct sk_buff *skb, struct call *call)
{
	__u32 len = skb->tail - skb->transport_header - UDP_HEADER;
	struct dns_message *m = dns_reserve(sk, len, DNS_ASKED, false);

	if (!m)
		return;
	if (sk->__sk_common.skc_dport)
		copy_addr(m->server, &sk->__sk_common, true);
	else if (call && call->peer_cookie && call->peer_cookie == cookie_of(sk))
		__builtin_memcpy(m->server, call->peer, 16);
	else
		packet_addr(m->server, skb, true);
	m->netns = sk->__sk_common.skc_net.net->ns.inum;
	m->uid = sk->sk_uid.val;
	m->tgid = bpf_get_current_pid_tgid() >> 32;
	bpf_probe_read_kernel(m + 1, bounded(len, DNS_ASKED), skb->head + skb->transport_header + UDP_HEADER);
	dns_submit(m);
}

static __always_inline void copy_answer(struct __sk_buff *ctx, struct sock *sk, struct sk_buff *skb, __u32 at,
					__u32 len, __u32 size)
{
	struct dns_message *m = dns_reserve(sk, len, size, true);

	if (!m)
		return;
	packet_addr(m->server, skb, false);
	len = bounded(len, size);
	if (!len || bpf_skb_load_bytes(ctx, at, m + 1, len))
		m->len = 0;
	dns_submit(m);
}

static __noinline void note_long_answer(struct __sk_buff *ctx, struct sock *sk, struct sk_buff *skb, __u32 at,
					__u32 len)
{
	copy_answer(ctx, sk, skb, at, len, DNS_TOLD);
}

static __noinline void note_short_answer(struct __sk_buff *ctx, struct sock *sk, struct sk_buff *skb, __u32 at,
					 __u32 len)
{
	copy_answer(ctx, sk, skb, at, len, DNS_ASKED);
}

/* Notes a packet that comes from port 53, wherever its bytes lie. */
static __always_inline void note_answer(struct __sk_buff *ctx, struct sock *sk, struct sk_buff *skb)
{
	__u32 at = skb->transport_header - skb->network_header + UDP_HEADER;
	__u32 len = skb->len - at;

	if (len > DNS_ASKED)
		note_long_answer(ctx, sk, skb, at, len);
	else
		note_short_answer(ctx, sk, skb, at, len);
}

/* Notes a datagram from port 53 that a reader has taken: its header is no longer before skb->data. */
static __always_inline void note_read_answer(struct sock *sk, struct sk_buff *skb, const __u8 *server)
{
	__u32 len = skb->len;
	struct dns_message m = {
		.time_ns = bpf_ktime_get_ns(),
		.sk = (__u64)sk,
		.cut = len > DNS_TOLD,
		.len = len > DNS_TOLD ? DNS_TOLD : len,
		.answer = 1,
	};

	__builtin_memcpy(m.server, server, 16);
	/* perf counts what finds no room, and user space hears of it */
	bpf_skb_output(skb, &tt_heard, BPF_F_CURRENT_CPU | (__u64)m.len << 32, &m, sizeof(m));
}
