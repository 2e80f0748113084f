/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Sums by owner and remote of what has no row. */
#pragma once

static __u64 total_remotes; /* sums that have a remote */

static const struct total no_total;

/* The sum of a key, made if there is room; NULL where there is none. */
static __always_inline struct total *total_of(struct total_key *k)
{
	struct total *t = bpf_map_lookup_elem(&tt_totals, k);

	if (t)
		return t;
	bpf_map_update_elem(&tt_totals, k, &no_total, BPF_NOEXIST); /* or somebody else just did */
	return bpf_map_lookup_elem(&tt_totals, k);
}

/* The same with its remote, unless there are too many: NULL then, and for what has none. */
static __always_inline struct total *total_of_remote(struct total_key *k)
{
	struct total *t = bpf_map_lookup_elem(&tt_totals, k);
	__u64 *remote = (__u64 *)k->raddr;

	if (t || !(remote[0] | remote[1]) || total_remotes >= TOTALS / 2)
		return t;
	if (!bpf_map_update_elem(&tt_totals, k, &no_total, BPF_NOEXIST))
		__sync_fetch_and_add(&total_remotes, 1);
	return bpf_map_lookup_elem(&tt_totals, k);
}

/*
 * Sums n connections or datagrams by whose they are and where they lead. Beyond the bounds
 * the remote goes first, then the process: user and cgroup still tell whose they are.
 */
__noinline int add_total(struct total_key *of, __u32 n, __u64 tx, __u64 rx)
{
	struct total_key k;
	struct total *t;

	if (!of)
		return -1;
	k = *of; /* 6.1 takes no argument for a key */
	t = total_of_remote(&k);
	if (!t) {
		__builtin_memset(k.raddr, 0, sizeof(k.raddr));
		t = total_of(&k);
	}
	if (!t) {
		k.tgid = 0;
		__builtin_memset(k.comm, 0, sizeof(k.comm));
		t = total_of(&k);
	}
	if (!t) {
		__sync_fetch_and_add(&tt_counters.totals_full, n);
		return -1;
	}
	__sync_fetch_and_add(&t->n, n);
	__sync_fetch_and_add(&t->tx_bytes, tx);
	__sync_fetch_and_add(&t->rx_bytes, rx);
	return 0;
}
