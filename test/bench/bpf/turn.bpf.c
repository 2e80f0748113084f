// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * What it would take to time the turns of request and response, as little as it can
 * be, for the benchmark that says what that costs: tcptop does not do it
 * (docs/limit.md). At either hook the socket's last departure is known (tcp_wstamp_ns);
 * the first byte after it ends a turn.
 */
#include "../../../bpf/kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* more of struct tcp_sock than tcptop reads */
struct tcp_sock___turn {
	__u64 tcp_clock_cache, tcp_wstamp_ns, bytes_sent;
} __attribute__((preserve_access_index));

struct turn {
	__u64 sent; /* bytes that had been sent when the last turn ended */
	__u64 count[32];
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct turn);
} tb_turns SEC(".maps");

static __always_inline int turn(struct sock *sk)
{
	struct tcp_sock___turn *tp = (struct tcp_sock___turn *)bpf_skc_to_tcp_sock(sk);
	struct turn *t;
	__u64 took, bucket = 0;

	if (!tp)
		return 0;
	t = bpf_sk_storage_get(&tb_turns, sk, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!t || t->sent == tp->bytes_sent)
		return 0;
	t->sent = tp->bytes_sent;
	took = tp->tcp_clock_cache - tp->tcp_wstamp_ns;
	for (int i = 0; i < 5; i++) { /* log2 */
		__u32 half = 16 >> i;

		if (took >> half) {
			took >>= half;
			bucket += half;
		}
	}
	t->count[bucket & 31]++;
	return 0;
}

/* every segment that an established connection receives (tcp_rcv_established, 4.16) */
SEC("tp_btf/tcp_probe")
int BPF_PROG(tb_no_probe, struct sock *sk)
{
	return 0;
}

SEC("tp_btf/tcp_probe")
int BPF_PROG(tb_turn_probe, struct sock *sk)
{
	return turn(sk);
}

/* every read that takes bytes (tcp_rcv_space_adjust, 4.16) */
SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(tb_no_read, struct sock *sk)
{
	return 0;
}

SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(tb_turn_read, struct sock *sk)
{
	return turn(sk);
}
