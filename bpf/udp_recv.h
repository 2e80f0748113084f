/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What UDP delivers to readers. The call says what was read. From whom it was is
 * known of a connected socket, and where the reader asks for the sender; how many
 * datagrams it was is one, but for sockets that take merged ones (GRO). What the call
 * leaves open only the packet knows, before it is queued: it leaves a letter in the
 * socket's mailbox, and the read takes that out.
 */
#pragma once

/* From letter to queue takes microseconds; what is older than this and not in the queue was never queued. */
#define DELIVERY_JIFFIES 8

/* How far packets that race for a queue may leave their letters out of order. */
#define OUT_OF_ORDER 16

static __always_inline bool takes_merged(struct sock *sk)
{
	return udp_of(sk)->udp_flags & 1UL << UDP_GRO_BIT;
}

static __always_inline void write_letter(struct letter *l, struct sk_buff *skb)
{
	__be16 port;

	packet_addr(l->addr, skb, false);
	bpf_probe_read_kernel(&port, sizeof(port), skb->head + skb->transport_header);
	l->port = bpf_ntohs(port);
	l->segs = SHARED_READ(skb, gso_segs);
	if (!l->segs)
		l->segs = 1;
}

static __always_inline bool same_letter(struct letter *a, struct letter *b)
{
	__u64 *p = (__u64 *)a, *q = (__u64 *)b;

	return p[0] == q[0] && p[1] == q[1] && p[2] == q[2];
}

void *bpf_cast_to_kern_ctx(void *obj) __ksym; /* 6.2 */

/*
 * Why this hook: it sees each packet once, with the socket that it is for, just
 * before it is queued (udp_queue_rcv_one_skb). It is not UDP's alone: TCP's packets
 * leave it after one compare.
 */
SEC("cgroup_skb/ingress")
int tt_ingress(struct __sk_buff *ctx)
{
	struct sk_buff *skb = bpf_cast_to_kern_ctx(ctx);
	struct sock *sk = skb->sk;
	struct mailbox *box;
	struct bpf_sock *s;
	struct letter l;
	bool merged;
	__u64 now;

	if (!sk || sk->sk_protocol != IPPROTO_UDP)
		return 1;
	if (cfg_dns && told_by_dns(sk, skb))
		note_answer(ctx, sk, skb);
	merged = takes_merged(sk);
	if (sk->__sk_common.skc_dport && !merged)
		return 1;
	s = ctx->sk;
	if (!s)
		return 1;
	s = bpf_sk_fullsock(s);
	if (!s)
		return 1;
	box = bpf_sk_storage_get(&tt_mail, s, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!box || (box->named == NAMED_FOR_GOOD && !merged))
		return 1;
	write_letter(&l, skb);
	l.len = skb->len - (skb->transport_header - skb->network_header) - 8;
	now = bpf_jiffies64();
	bpf_spin_lock(&box->lock);
	if (box->tail - box->head < LETTERS) {
		box->letters[box->tail & (LETTERS - 1)] = l;
		box->tail++;
		box->pushed = now;
	} else if (merged) {
		box->more_segs += l.segs;
		box->more_bytes += l.len;
	}
	bpf_spin_unlock(&box->lock);
	return 1;
}

/*
 * Why this hook: a packet that found no room in the receive queue was not delivered;
 * its letter, one of the newest, is taken back (__udp_queue_rcv_skb; the packet is an
 * argument since 6.11).
 */
SEC("tp_btf/udp_fail_queue_rcv_skb")
int BPF_PROG(tt_fail_queue, int rc, struct sock *sk, struct sk_buff *skb)
{
	struct mailbox *box = bpf_sk_storage_get(&tt_mail, sk, 0, 0);
	struct letter l;

	if (!box || box->head == box->tail)
		return 0;
	write_letter(&l, skb);
	l.len = skb->len;
	bpf_spin_lock(&box->lock);
	for (int i = 1; i <= 8; i++) {
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
 * Takes the letter of a datagram of which ret bytes were read: the first that fits,
 * else the first, of a read cut short. Letters that datagrams left which a filter or
 * a checksum stopped on the way go when the queue is empty. Where there was no letter
 * left for a merged datagram, the read takes its share of their sum.
 */
static __always_inline void take_letter(struct mailbox *box, struct sock *sk, __u32 ret, struct letter *l)
{
	bool drained = !sk->sk_receive_queue.qlen && !udp_of(sk)->reader_queue.qlen;
	__u64 now = bpf_jiffies64();

	bpf_spin_lock(&box->lock);
	if (box->tail != box->head) {
		__u32 at = box->head;

		for (int i = 0; i < OUT_OF_ORDER; i++) {
			if (box->head + i == box->tail)
				break;
			if (box->letters[(box->head + i) & (LETTERS - 1)].len == ret) {
				at = box->head + i;
				break;
			}
		}
		*l = box->letters[at & (LETTERS - 1)];
		box->letters[at & (LETTERS - 1)] = box->letters[box->head & (LETTERS - 1)];
		box->head++;
	} else if (box->more_bytes) {
		__u64 share = ret < box->more_bytes ? ret : box->more_bytes;

		l->segs = share * box->more_segs / box->more_bytes;
		box->more_segs -= l->segs;
		box->more_bytes -= share;
	}
	if (drained && now - box->pushed > DELIVERY_JIFFIES) {
		box->head = box->tail;
		box->more_segs = 0;
		box->more_bytes = 0;
	}
	bpf_spin_unlock(&box->lock);
}

/* Who sent what this call has read; false if only a letter can tell. */
static __always_inline bool known_sender(struct sock *sk, struct call *call, __u64 cookie, __u8 *addr, __u16 *port)
{
	if (call && call->sender_cookie == cookie) {
		__builtin_memcpy(addr, call->sender, 16);
		*port = call->sender_port;
		return true;
	}
	return connected_peer(sk, addr, port);
}

/*
 * Why this hook: the return value of every receive on every socket, in the reader's
 * context (call_trace_sock_recv_length, net/socket.c, since 6.3). It also runs for
 * TCP, where it costs a compare. A peek delivers nothing.
 */
SEC("tp_btf/sock_recv_length")
int BPF_PROG(tt_recv_length, struct sock *sk, int ret, int flags)
{
	struct letter l = {};
	struct mailbox *box;
	struct call *call;
	__u8 addr[16] = {};
	struct flow *f;
	__u16 port = 0;
	__u64 cookie;
	bool known;

	if (sk->sk_protocol != IPPROTO_UDP)
		return 0;
	cookie = lasting_cookie(sk);
	call = this_call(0);
	known = known_sender(sk, call, cookie, addr, &port);
	if (call)
		call->sender_cookie = 0;
	if (ret < 0 || (flags & (MSG_PEEK | MSG_ERRQUEUE)))
		return 0;
	box = bpf_sk_storage_get(&tt_mail, sk, 0, 0);
	if (box) {
		take_letter(box, sk, ret, &l);
		if (!known)
			box->named = NAMELESS;
		else if (box->named < NAMED_FOR_GOOD)
			box->named++;
	}
	if (!ret && !l.segs && (sk->sk_shutdown & RCV_SHUTDOWN))
		return 0; /* the end of a shut down socket, not an empty datagram */
	if (!known) {
		__builtin_memcpy(addr, l.addr, 16);
		port = l.port;
	}
	f = flow_of(sk, cookie, addr, port, OWNER_ACCEPT);
	if (!f) {
		count_flowless(sk, addr, l.segs ? l.segs : 1, 0, ret);
		return 0;
	}
	__sync_fetch_and_add(&f->rx_bytes, ret);
	__sync_fetch_and_add(&f->rx_packets, l.segs ? l.segs : 1);
	return 0;
}

/*
 * Why these hooks: they are UDP's alone and run only for reads that ask for the
 * sender, after the datagram was taken (udp_recvmsg, since 5.2).
 */
SEC("cgroup/recvmsg4")
int tt_recvmsg4(struct bpf_sock_addr *ctx)
{
	struct call *call = this_call(BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!call)
		return 1;
	map_v4(call->sender, ctx->user_ip4);
	call->sender_port = bpf_ntohs(ctx->user_port);
	call->sender_cookie = bpf_get_socket_cookie(ctx);
	return 1;
}

SEC("cgroup/recvmsg6")
int tt_recvmsg6(struct bpf_sock_addr *ctx)
{
	struct call *call = this_call(BPF_LOCAL_STORAGE_GET_F_CREATE);
	__u32 *d;

	if (!call)
		return 1;
	d = (__u32 *)call->sender;
	d[0] = ctx->user_ip6[0];
	d[1] = ctx->user_ip6[1];
	d[2] = ctx->user_ip6[2];
	d[3] = ctx->user_ip6[3];
	call->sender_port = bpf_ntohs(ctx->user_port);
	call->sender_cookie = bpf_get_socket_cookie(ctx);
	return 1;
}
