/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* All maps. User space sets max_entries before loading; the sizes here are placeholders. */
#pragma once

/* Slot table of TCP sockets. Written by lifecycle hooks and sweep, read by user space through mmap. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hot);
} tt_hot SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct conn);
} tt_slots SEC(".maps");

/* Where a socket is copied to, to be read, by a kernel without bpf_rdonly_cast: a page holds almost two. */
struct copy {
	__u64 words[512];
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct copy);
} tt_copy SEC(".maps");

/* Slots that moved in this sweep. An array's elements are 8 bytes at least: sixteen slot numbers in each save half. */
struct slot_list {
	__u32 slot[16];
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct slot_list);
} tt_changed SEC(".maps");

/* Index from socket cookie to slot: two possible buckets of one cache line each. */
struct bucket {
	__u32 e[16];
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	/* nobody maps it: but then it begins with a page, and a bucket with a line */
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bucket);
} tt_index SEC(".maps");

/* Slots that were used and are free again; never-used ones are handed out by counters.slots_used. */
struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 1);
	__type(value, __u32);
} tt_free SEC(".maps");

/* Slots that were freed on a CPU, for the next connection there, which finds their memory in its cache. */
#define NEAR 8
#define NEAR_CPUS 64
struct near {
	__u32 slot[16]; /* NEAR slots plus one, 0 is none; a cache line */
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE); /* as of the index */
	__uint(max_entries, NEAR_CPUS);
	__type(key, __u32);
	__type(value, struct near);
} tt_near SEC(".maps");

/* The table, its index and its free slots for UDP flows; user space reads the flows through mmap, without a list. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flow);
} tt_flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bucket);
} tt_flow_index SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 1);
	__type(value, __u32);
} tt_flow_free SEC(".maps");

/* UDP sockets that processes hold. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, struct udp_row);
} tt_udp_socks SEC(".maps");

/* Closed connections and new cgroups on their way to user space, told apart by their length. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} tt_ring SEC(".maps");

/* DNS messages, in a ring of their own: whoever floods it takes no closed connections away. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} tt_dns SEC(".maps");

/* Changes of state, likewise. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} tt_transitions SEC(".maps");

/* Answers where only a trampoline hears them: bpf_skb_output() alone reaches all of a packet's bytes from
 * there (since 5.5), and it writes to perf's buffers alone. */
struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} tt_heard SEC(".maps");

/* Counters, alone in their section, which user space reads through mmap. */
struct counters tt_counters SEC(".data.counters");

/* Congestion controls met so far, found by open addressing on their key; user space reads them through mmap. */
struct cc_name tt_cc[CC_NAMES] SEC(".data.cc");

#define COUNT(field) __sync_fetch_and_add(&tt_counters.field, 1)

/*
 * Rows that the ring had no room for and datagrams of flows that have no place, by owner and remote. Read by
 * user space once counters.ring_full or flows_full says that there are any. Not an LRU: that would forget
 * without a word. Half is for remotes, so that an owner keeps a sum however many there are.
 */
#define TOTALS 8192
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TOTALS);
	__type(key, struct total_key);
	__type(value, struct total);
} tt_totals SEC(".maps");

/* Owners of connections that found no slot, so that their last row still names them. */
struct late_owner {
	__u32 tgid, pid_start;
	char comm[16];
	__u64 start_ns;
	__u8 source, dir, bits;
	__u8 unused[5];
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, struct late_owner);
} tt_late SEC(".maps");

/*
 * Who is just making a row for this key. Hooks and iterators may come upon the same
 * socket or flow at the same moment; one makes the row, the others wait for it. The
 * claim on a connection that ended without a slot stays until its socket is gone, so
 * that no iterator takes it for a live one.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u32);
} tt_claims SEC(".maps");

/*
 * Sockets that were just made from a listener, and its cookie, each for some microseconds.
 * Two that share a place may both write it: the check is from the same of them.
 */
#define NEWBORNS 1024
struct newborn {
	__u64 listener; /* its cookie */
	__u32 check;    /* of cookie and address */
};
static struct newborn newborns[NEWBORNS];

/* How long connections waited to be accepted, by listener; listeners beyond the bound have none. */
#define WAITS 128
struct waits {
	__u32 n[WAITS];
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct waits);
} tt_waits SEC(".maps");

/* The peers of datagrams that are being written in parts, by socket. */
struct peer {
	__u8 addr[16];
	__u16 port;
	__u16 unused;
	__u32 cork_len; /* as flow.cork_len, where there is no flow */
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct peer);
} tt_corked SEC(".maps");

/* What one hook of a send or receive call knows and the next one needs: the peer, the datagrams. */
struct call {
	__u64 peer_cookie, gso_sk, sender_cookie;
	__u8 peer[16], sender[16];
	__u16 peer_port, sender_port;
	__u16 gso_segs, unused;
};
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct call);
} tt_call SEC(".maps");

/*
 * Datagrams that wait in a socket's receive queue: where each is from and what it
 * holds. As many as the default receive buffer takes small ones.
 */
#define LETTERS 256
#define NAMELESS ~0U
#define NAMED_FOR_GOOD 1024 /* after so many, letters are no longer written */
struct letter {
	__u8 addr[16];
	__u16 port;
	__u16 segs;
	__u32 len;
} __attribute__((aligned(8)));
struct mailbox {
	struct bpf_spin_lock lock;
	__u32 head, tail;
	__u32 named;     /* reads in a row that asked for the sender; NAMELESS once one did not */
	__u32 more_segs; /* merged datagrams and bytes for which there was no letter left */
	__u64 more_bytes;
	__u64 pushed; /* jiffies of the newest letter */
	struct letter letters[LETTERS];
};
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct mailbox);
} tt_mail SEC(".maps");
