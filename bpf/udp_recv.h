/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What UDP delivers to readers. The call says that a datagram was read, but of an
 * unconnected socket not from whom, and of a merged one (GRO) not how many it was;
 * the packet says both, before it is queued. So a packet for such a socket leaves a
 * letter in the socket's mailbox, and each read takes one out and counts it. Letters
 * may swap places when packets race, but each is counted once, for its own flow.
 */
#pragma once

static __always_inline bool takes_merged(struct sock *sk)
{
	struct udp_sock *up = bpf_rdonly_cast(sk, bpf_core_type_id_kernel(struct udp_sock));

	return up->udp_flags & 1UL << UDP_GRO_BIT;
}

/* Connected and unmerged: the call alone says it all. */
static __always_inline bool plain(struct sock *sk)
{
	return sk->__sk_common.skc_dport && !takes_merged(sk);
}

static __always_inline void write_letter(struct letter *l, struct sk_buff *skb)
{
	unsigned char *ip = skb->head + skb->network_header, *udp = skb->head + skb->transport_header;
	__u32 *d = (__u32 *)l->addr;
	__be16 port;

	if (skb->protocol == ETH_P_IP_BE) {
		d[0] = d[1] = 0;
		d[2] = 0xffff0000;
		bpf_probe_read_kernel(&d[3], 4, ip + 12);
	} else {
		bpf_probe_read_kernel(l->addr, 16, ip + 8);
	}
	bpf_probe_read_kernel(&port, sizeof(port), udp);
	l->port = bpf_ntohs(port);
	l->segs = BPF_CORE_READ((struct skb_shared_info *)(skb->head + skb->end), gso_segs);
	if (!l->segs)
		l->segs = 1;
}

static __always_inline bool same_letter(struct letter *a, struct letter *b)
{
	__u64 *p = (__u64 *)a, *q = (__u64 *)b;

	return p[0] == q[0] && p[1] == q[1] && p[2] == q[2];
}

static __always_inline void count_received(struct sock *sk, __u64 cookie, struct letter *l, __u8 source)
{
	struct flow *f = flow_of(sk, cookie, l->addr, l->port, source);

	if (!f)
		return;
	__sync_fetch_and_add(&f->rx_bytes, l->len);
	__sync_fetch_and_add(&f->rx_packets, l->segs);
	f->last_ns = bpf_ktime_get_ns();
}

void *bpf_cast_to_kern_ctx(void *obj) __ksym;

/*
 * Why this hook: it sees each packet once, with the socket that it is for, just
 * before it is queued (udp_queue_rcv_one_skb). It is not UDP's alone: TCP's packets
 * leave it after one compare. A mailbox that is full counts the datagram at once.
 */
SEC("cgroup_skb/ingress")
int tt_ingress(struct __sk_buff *ctx)
{
	struct sk_buff *skb = bpf_cast_to_kern_ctx(ctx);
	struct sock *sk = skb->sk;
	struct mailbox *box;
	struct bpf_sock *s;
	struct letter l;

	if (!sk || sk->sk_protocol != IPPROTO_UDP || plain(sk))
		return 1;
	s = ctx->sk;
	if (!s)
		return 1;
	s = bpf_sk_fullsock(s);
	if (!s)
		return 1;
	box = bpf_sk_storage_get(&tt_mail, s, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!box)
		return 1;
	write_letter(&l, skb);
	l.len = skb->len - (skb->transport_header - skb->network_header) - 8;
	bpf_spin_lock(&box->lock);
	if (box->tail - box->head < LETTERS) {
		box->letters[box->tail & (LETTERS - 1)] = l;
		box->tail++;
		bpf_spin_unlock(&box->lock);
		return 1;
	}
	bpf_spin_unlock(&box->lock);
	count_received(sk, bpf_get_socket_cookie(ctx), &l, OWNER_NONE);
	return 1;
}

/*
 * Why this hook: a packet that found no room in the receive queue was not delivered;
 * its letter is taken back (__udp_queue_rcv_skb; the packet is an argument since 6.11).
 */
SEC("tp_btf/udp_fail_queue_rcv_skb")
int BPF_PROG(tt_fail_queue, int rc, struct sock *sk, struct sk_buff *skb)
{
	struct mailbox *box;
	struct letter l;

	if (plain(sk))
		return 0;
	box = bpf_sk_storage_get(&tt_mail, sk, 0, 0);
	if (!box)
		return 0;
	write_letter(&l, skb);
	l.len = skb->len;
	bpf_spin_lock(&box->lock);
	for (int i = 1; i <= LETTERS; i++) {
		struct letter *last = &box->letters[(box->tail - 1) & (LETTERS - 1)];
		struct letter *at = &box->letters[(box->tail - i) & (LETTERS - 1)];

		if (box->tail - box->head < (__u32)i)
			break;
		if (!same_letter(at, &l))
			continue;
		*at = *last;
		box->tail--;
		break;
	}
	bpf_spin_unlock(&box->lock);
	return 0;
}

/*
 * Why this hook: the return value of every receive on every socket, in the reader's
 * context (call_trace_sock_recv_length, net/socket.c, since 6.3). It also runs for
 * TCP, where it costs a compare. A peek delivers nothing.
 */
SEC("tp_btf/sock_recv_length")
int BPF_PROG(tt_recv_length, struct sock *sk, int ret, int flags)
{
	struct mailbox *box;
	struct letter l = {};

	if (sk->sk_protocol != IPPROTO_UDP || ret < 0 || (flags & (MSG_PEEK | MSG_ERRQUEUE)))
		return 0;
	if (plain(sk)) {
		if (!ret && (sk->sk_shutdown & RCV_SHUTDOWN))
			return 0; /* the end of a shut down socket, not an empty datagram */
		connected_peer(sk, l.addr, &l.port);
		l.segs = 1;
		l.len = ret;
		count_received(sk, bpf_get_socket_cookie(sk), &l, OWNER_ACCEPT);
		return 0;
	}
	box = bpf_sk_storage_get(&tt_mail, sk, 0, 0);
	if (!box)
		return 0;
	bpf_spin_lock(&box->lock);
	if (box->tail != box->head) {
		l = box->letters[box->head & (LETTERS - 1)];
		box->head++;
	}
	bpf_spin_unlock(&box->lock);
	if (l.segs)
		count_received(sk, bpf_get_socket_cookie(sk), &l, OWNER_ACCEPT);
	return 0;
}
