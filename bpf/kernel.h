/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The kernel types that tcptop reads, cut down to the members that it reads.
 * Offsets here mean nothing: CO-RE rewrites every access to where the running
 * kernel keeps the member.
 */
#pragma once

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u16 __sum16;
typedef __u32 __wsum;
typedef _Bool bool;

#define true 1
#define false 0
#define NULL ((void *)0)

/* include/uapi/linux/bpf.h */
enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERF_EVENT_ARRAY = 4,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_STACK = 23,
	BPF_MAP_TYPE_SK_STORAGE = 24,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
};
enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
	BPF_F_NO_PREALLOC = 1U << 0,
	BPF_F_CLONE = 1U << 9,
	BPF_F_MMAPABLE = 1U << 10,
};
enum {
	BPF_RB_NO_WAKEUP = 1ULL << 0,
	BPF_RB_FORCE_WAKEUP = 1ULL << 1,
	BPF_RB_AVAIL_DATA = 0,
};
#define BPF_F_CURRENT_CPU 0xffffffffULL
enum { BPF_LOCAL_STORAGE_GET_F_CREATE = 1 }; /* also BPF_SK_STORAGE_GET_F_CREATE */

struct bpf_spin_lock {
	__u32 val;
};

/* kernel/bpf/verifier.c: no interface, but it names the kfuncs that this kernel has (6.2) */
enum special_kfunc_type { KF_bpf_rdonly_cast };

/* include/linux/socket.h, include/uapi/linux/in.h */
#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_MPTCP 262
#define MSG_PEEK 0x2
#define MSG_MORE 0x8000
#define MSG_ERRQUEUE 0x2000

/* include/uapi/asm-generic/errno.h */
#define EINTR 4
#define EAGAIN 11
#define EPIPE 32
#define ENETUNREACH 101
#define ECONNRESET 104
#define ETIMEDOUT 110
#define ECONNREFUSED 111
#define EHOSTUNREACH 113
#define MAX_ERRNO 133 /* what is above is the kernel's own, such as ERESTARTSYS */

/* include/uapi/linux/if_ether.h, in network byte order on a little-endian machine */
#define ETH_P_IP_BE 0x0008
#define ETH_P_IPV6_BE 0xdd86

/* include/net/tcp_states.h */
enum {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT,
	TCP_SYN_RECV,
	TCP_FIN_WAIT1,
	TCP_FIN_WAIT2,
	TCP_TIME_WAIT,
	TCP_CLOSE,
	TCP_CLOSE_WAIT,
	TCP_LAST_ACK,
	TCP_LISTEN,
	TCP_CLOSING,
	TCP_NEW_SYN_RECV,
};

/* enum sock_flags, include/net/sock.h */
#define SOCK_DEAD_BIT 0
#define SOCK_DONE_BIT 1
#define SOCK_LINGER_BIT 4
#define RCV_SHUTDOWN 1
#define SHUTDOWN_MASK 3

/* include/linux/sched.h */
#define PF_KTHREAD 0x00200000

/* TCP_ECN_OK, TCP_ECN_MODE_RFC3168 since 6.15, and TCP_ECN_MODE_ACCECN, include/net/tcp.h */
#define ECN_AGREED (1 << 0 | 1 << 4)

/* include/linux/skbuff.h */
#define SKB_GSO_UDP_L4 (1 << 17)

/* UDP_FLAGS_GRO_ENABLED, include/linux/udp.h: a nameless enum, out of CO-RE's reach */
#define UDP_GRO_BIT 3

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

typedef struct {
	__s64 counter;
} atomic64_t;

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	atomic_t refs;
} refcount_t;

typedef struct {
	__u32 val;
} kuid_t;

struct in6_addr {
	union {
		__be32 u6_addr32[4];
	} in6_u;
};

struct kernfs_node {
	__u64 id;
};

struct cgroup_root {
	int hierarchy_id;
};

struct cgroup {
	struct kernfs_node *kn;
	struct cgroup_root *root;
};

struct sock_cgroup_data {
	struct cgroup *cgroup;
};

typedef struct {
	int owned;
} socket_lock_t;

struct sk_buff_head {
	__u32 qlen;
};

struct sock;

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	int skc_bound_dev_if;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	atomic64_t skc_cookie;
	unsigned long skc_flags;
	refcount_t skc_refcnt;
	struct sock *skc_listener;
};

struct file;

struct socket {
	struct file *file;
	struct sock *sk;
};

struct numa_drop_counters { /* 6.18 */
	atomic_t drops0;
	atomic_t drops1;
};

struct hlist_node {
	struct hlist_node **pprev;
};

struct timer_list {
	struct hlist_node entry; /* pprev is NULL where it is not pending */
};

struct sock {
	struct sock_common __sk_common;
	socket_lock_t sk_lock;
	atomic_t sk_drops;
	struct numa_drop_counters *sk_drop_counters;
	struct {
		atomic_t rmem_alloc;
	} sk_backlog;
	int sk_rcvbuf;
	struct sk_buff_head sk_receive_queue;
	int sk_rx_dst_ifindex; /* 5.17 */
	refcount_t sk_wmem_alloc;
	int sk_err;
	int sk_err_soft;
	struct timer_list sk_timer; /* keepalive's where it has none of its own */
	struct socket *sk_socket;
	unsigned long sk_lingertime;
	__u16 sk_protocol;
	__u8 sk_shutdown;
	__u8 sk_kern_sock : 1;
	kuid_t sk_uid;
	__u32 sk_ack_backlog;
	__u32 sk_max_ack_backlog;
	int sk_wmem_queued;
	int sk_sndbuf;
	unsigned long sk_pacing_rate;
	struct sock_cgroup_data sk_cgrp_data;
};

struct inet_cork {
	unsigned int length;
};

struct inet_cork_full {
	struct inet_cork base;
};

struct inet_sock {
	struct sock sk;
	__be16 inet_sport;
	struct inet_cork_full cork;
};

struct request_sock_queue {
	__u8 synflood_warned; /* 0 or 1, in four bytes up to 6.12 */
	atomic_t qlen;
};

struct tcp_congestion_ops {
	__u32 key; /* jhash of the name (tcp_register_congestion_control); never 0 (tcp_ca_get_key_by_name) */
	char name[16];
};

struct inet_connection_sock {
	struct inet_sock icsk_inet;
	const struct tcp_congestion_ops *icsk_ca_ops;
	struct request_sock_queue icsk_accept_queue;
	struct timer_list icsk_keepalive_timer; /* after 6.18, and the later 6.1 and 6.12 */
	__u8 icsk_ca_state : 5;
	__u8 icsk_retransmits;
	__u8 icsk_pending; /* which timer will fire next; 0 from when it does */
	__u8 icsk_probes_out;
};

struct minmax_sample {
	__u32 t;
	__u32 v;
};

struct minmax {
	struct minmax_sample s[3];
};

struct list_head {
	struct list_head *next;
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u64 tcp_mstamp;
	__u64 bytes_sent;
	__u64 bytes_retrans;
	__u64 bytes_received;
	__u64 bytes_acked;
	__u32 segs_in;
	__u32 segs_out;
	__u32 total_retrans;
	__u32 lost_out;
	__u32 reord_seen;
	__u32 srtt_us;
	__u32 mdev_us;
	struct minmax rtt_min;
	__u32 snd_cwnd;
	__u32 snd_ssthresh;
	__u32 mss_cache;
	__u32 snd_wnd;
	__u32 rcv_wnd;
	__u32 write_seq;
	__u32 snd_nxt;
	__u32 snd_una;
	__u32 rcv_nxt;
	__u32 copied_seq;
	__u32 rate_delivered;
	__u32 rate_interval_us;
	__u32 delivered_ce;
	__u32 chrono_start;
	__u32 chrono_stat[3];
	__u8 chrono_type : 2;
	__u8 ecn_flags;
	__u8 rate_app_limited : 1;
	__u8 is_cwnd_limited : 1;
	bool is_mptcp; /* with CONFIG_MPTCP */
	struct list_head tsq_node;
};

struct mptcp_sock {
	struct sock *first;
};

struct udp_sock {
	struct inet_sock inet;
	unsigned long udp_flags; /* 6.7 */
	int pending;
	int forward_deficit;
	struct sk_buff_head reader_queue;
};

struct inet_timewait_sock {
	struct sock_common __tw_common;
	volatile unsigned char tw_substate;
};

struct tcp_timewait_sock {
	struct inet_timewait_sock tw_sk;
};

struct request_sock {
	struct sock_common __req_common;
};

struct inet_request_sock {
	struct request_sock req;
};

struct tcp_request_sock {
	struct inet_request_sock req;
};

struct task_struct {
	unsigned int flags;
	int tgid;
	struct task_struct *group_leader;
	__u64 start_boottime;
	char comm[16];
};

struct msghdr {
	void *msg_name;
	int msg_namelen;
};

struct sk_buff {
	struct sock *sk;
	refcount_t users;
	unsigned int len;
	__be16 protocol;
	__u16 transport_header;
	__u16 network_header;
	unsigned int tail;
	unsigned int end;
	unsigned char *head;
	unsigned char *data;
};

struct udphdr {
	__be16 source;
	__be16 dest;
	__be16 len;
};

struct skb_shared_info {
	unsigned short gso_size;
	unsigned short gso_segs;
	unsigned int gso_type;
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__tcp {
	struct bpf_iter_meta *meta;
	struct sock_common *sk_common;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

#pragma clang attribute pop

struct bpf_sock;

/* include/uapi/linux/bpf.h: a program context, its layout is the interface */
struct bpf_sock_addr {
	__u32 user_family;
	__u32 user_ip4;
	__u32 user_ip6[4];
	__u32 user_port;
	__u32 family;
	__u32 type;
	__u32 protocol;
	__u32 msg_src_ip4;
	__u32 msg_src_ip6[4];
	struct bpf_sock *sk;
};

/* likewise, up to the last member read */
struct __sk_buff {
	__u32 len;
	__u32 unread[41];
	struct bpf_sock *sk;
};
