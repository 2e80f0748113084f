/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * From a 64-bit key to a slot number without a hash-map helper on the way.
 *
 * A key has two possible buckets of sixteen entries, one cache line each; an entry
 * is eight bits of the key's hash and the slot number plus one. With four entries
 * per slot a bucket holds four on average: that both of a key's are full does not
 * happen before the slots themselves run out. Cookies are sequential, and four in a
 * row share their first bucket, with the next one beside it: of a storm of new
 * connections the processor has the lines that it needs. Where runs of old ones fill
 * a bucket, the second lies where the hash says.
 *
 * The functions with external linkage, here and in the files after, are verified
 * once for themselves instead of on every path that leads to them.
 */
#pragma once

/* While nothing had to go to a second bucket, nobody has to look there: that halves a miss. */
#define SIDES (tt_counters.second_buckets ? 2 : 1)

#define BUCKET 16
#define SLOT_MASK 0xffffffu

static __always_inline __u64 scramble(__u64 key)
{
	key ^= key >> 33;
	key *= 0xff51afd7ed558ccdULL;
	key ^= key >> 33;
	key *= 0xc4ceb9fe1a85ec53ULL;
	key ^= key >> 33;
	return key;
}

static __always_inline __u32 first_bucket(__u64 key)
{
	return (__u32)(key >> 2);
}

static __always_inline __u32 second_bucket(__u64 hash)
{
	return (__u32)(hash >> 24) * 0x9e3779b1u;
}

/* Puts an entry into a bucket; false when it is full. */
static __always_inline bool bucket_add(struct bucket *b, __u32 entry)
{
	for (int i = 0; i < BUCKET; i++) {
		if (b->e[i] == 0 && __sync_val_compare_and_swap(&b->e[i], 0, entry) == 0)
			return true;
	}
	return false;
}

static __always_inline bool bucket_remove(struct bucket *b, __u32 entry)
{
	for (int i = 0; i < BUCKET; i++) {
		if (b->e[i] == entry) {
			b->e[i] = 0;
			return true;
		}
	}
	return false;
}

static __always_inline bool index_add(void *map, __u32 mask, __u64 key, __u32 slot)
{
	__u64 hash = scramble(key);
	__u32 entry = (__u32)(hash >> 56) << 24 | ((slot + 1) & SLOT_MASK);
	__u32 i = first_bucket(key) & mask, j = second_bucket(hash) & mask;
	struct bucket *b = bpf_map_lookup_elem(map, &i);

	if (b && bucket_add(b, entry))
		return true;
	COUNT(second_buckets);
	b = bpf_map_lookup_elem(map, &j);
	return b && bucket_add(b, entry);
}

static __always_inline void index_remove(void *map, __u32 mask, __u64 key, __u32 slot)
{
	__u64 hash = scramble(key);
	__u32 entry = (__u32)(hash >> 56) << 24 | ((slot + 1) & SLOT_MASK);
	__u32 i = first_bucket(key) & mask, j = second_bucket(hash) & mask;
	struct bucket *b = bpf_map_lookup_elem(map, &i);

	if (b && bucket_remove(b, entry))
		return;
	b = bpf_map_lookup_elem(map, &j);
	if (b)
		bucket_remove(b, entry);
}

/* One that was never used, or -1. */
static __always_inline long slot_unused(__u64 *used, __u32 max)
{
	__u64 n;

	if (*used >= max)
		return -1;
	n = __sync_fetch_and_add(used, 1);
	if (n < max)
		return n;
	__sync_fetch_and_add(used, -1);
	return -1;
}

/* A slot that is nobody's: one that was freed, else one that was never used; -1 when there is none. */
static __always_inline long slot_alloc(void *free, __u64 *used, __u32 max)
{
	__u32 slot;

	return bpf_map_pop_elem(free, &slot) == 0 ? slot : slot_unused(used, max);
}

/* How often to look for a row that somebody else is making: some ten microseconds. */
#define PATIENCE 2048

struct waiting {
	__u64 key;
	long slot;
};

/* Takes one of the slots that were freed on a CPU, or -1: what was freed last is first. */
static __always_inline long near_pop(struct near *n)
{
	for (int i = NEAR - 1; i >= 0; i--) {
		__u32 e = n->slot[i];

		if (e && __sync_val_compare_and_swap(&n->slot[i], e, 0) == e)
			return e - 1;
	}
	return -1;
}

static __always_inline bool near_push(struct near *n, __u32 slot)
{
	for (int i = 0; i < NEAR; i++) {
		if (!n->slot[i] && __sync_val_compare_and_swap(&n->slot[i], 0, slot + 1) == 0)
			return true;
	}
	return false;
}

static __always_inline struct near *near_here(void)
{
	__u32 cpu = bpf_get_smp_processor_id() & (NEAR_CPUS - 1);

	return bpf_map_lookup_elem(&tt_near, &cpu);
}

/* Takes a slot that was freed on another CPU. */
static long near_elsewhere(__u32 cpu, struct waiting *w)
{
	struct near *n = bpf_map_lookup_elem(&tt_near, &cpu);

	w->slot = n ? near_pop(n) : -1;
	return w->slot >= 0;
}

static __always_inline bool claim(__u64 key)
{
	__u32 one = 1;

	return bpf_map_update_elem(&tt_claims, &key, &one, BPF_NOEXIST) == 0;
}

static __always_inline void unclaim(__u64 key)
{
	bpf_map_delete_elem(&tt_claims, &key);
}
