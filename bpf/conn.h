/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What kernel and user space share; bpf2go makes the Go types from these. */
#pragma once

/* How far a slot is in its life. Only OPEN slots have a socket behind them that may be read. */
enum phase {
	PHASE_FREE,
	PHASE_OPEN,
	PHASE_PENDING, /* closed, but nobody knows whose it was: user space looks for the owner, then reports it */
	PHASE_DONE,    /* closed and reported; the socket may connect again */
	PHASE_IDLE,    /* UDP: user space has seen no traffic for long: to be taken out */
	PHASE_DYING,   /* UDP: out of the index, may still be counted into by a program that found it before */
	PHASE_DEAD,    /* UDP: final, user space reports it in this tick and gives the place back */
	PHASE_GONE,    /* left by the sweep: user space gives the slot back */
};

enum owner_source {
	OWNER_NONE,
	OWNER_CONNECT,
	OWNER_ACCEPT,
	OWNER_FILES,
};

enum dir {
	DIR_UNKNOWN,
	DIR_IN,
	DIR_OUT,
	DIR_LISTEN,
};

/* Written by the lifecycle hooks alone, so that a sweep that runs meanwhile takes none back. */
enum conn_bits {
	BIT_FIN_LOCAL = 1 << 0,  /* our side sent its FIN first */
	BIT_FIN_REMOTE = 1 << 1, /* the peer's FIN came first */
	BIT_KERNEL = 1 << 2,     /* owned by the kernel itself */
	BIT_WAITS = 1 << 3,      /* nobody has accepted it: connect_us is the slot of its listener */
};

/*
 * Why a connection ended, where the socket tells it at that moment and its error does
 * not. What is said to be reset was reset by our side: tcp_send_reset comes after the row.
 */
enum why {
	WHY_UNKNOWN,
	WHY_UNREAD,     /* reset: closed with data that nobody had read */
	WHY_LINGER,     /* reset: closed with SO_LINGER and no time */
	WHY_DISCONNECT, /* reset: connected to AF_UNSPEC */
	WHY_UNACCEPTED, /* reset: its listener closed */
	WHY_KEEPALIVE,  /* timed out: probes of an idle connection */
	WHY_RETRANS,    /* timed out: segments */
	WHY_PROBES,     /* timed out: probes of a closed window */
	WHY_SHUT,       /* our side had closed; then the peer reset, or we did, on data that nobody would read */
	WHY_NO_PORT,    /* connect() found no free local port */
};
#define WHY_MASK 15
#define SYN_RETRIES_SHIFT 4 /* above it: how often the SYN was sent again */
#define SYN_RETRIES_MAX 15

/* Written by whoever copies the counters. */
enum limit_bits {
	LIMIT_APP = 1 << 0,    /* the delivery rate was measured while there was too little to send */
	LIMIT_CWND = 1 << 1,   /* the congestion window was full */
	LIMIT_SNDBUF = 1 << 2, /* the send buffer takes no more */
	LIMIT_ECN = 1 << 3,    /* both sides agreed on ECN */
	LIMIT_CHRONO = 3 << 4, /* which chronograph runs: none, busy, peer's window, send buffer */
};
#define LIMIT_CHRONO_SHIFT 4

/*
 * One cache line holds two of these: what a sweep reads of an idle socket.
 * The cookie is written last when a slot is filled and first cleared when it is
 * freed: a reader that sees the same cookie before and after has one socket's data.
 */
struct hot {
	__u64 cookie;
	__u64 sk;
	__u64 stamp; /* tcp_sock.tcp_mstamp (us) at the last copy */
	__u32 phase;
	__u8 again;  /* copy once more even if the stamp stands still */
	__u8 listen; /* listeners have no stamp: always copied */
	__u16 unused;
};

/*
 * One TCP socket, 256 bytes. For a listener send_queue, recv_queue and unsent are the
 * backlog's limit, the backlog and the drops, as in ss(8) and inet_diag; bytes_received
 * are the connections that came, those that waited at first included, lost_out those
 * in their handshake, reord_seen whether it was ever flooded with SYNs.
 */
struct conn {
	__u64 cookie;
	__u64 start_ns; /* SYN sent or connection accepted; 0 when it is older than tcptop */
	__u64 stamp_us; /* last packet either way */
	__u64 bytes_sent, bytes_retrans;
	__u64 bytes_received; /* without the FIN, which the kernel's counter includes */
	__u64 pacing_rate;
	__u64 cgroup;
	__u64 segs_in, segs_out; /* the kernel's 32-bit counters, extended */
	__u32 total_retrans, lost_out, reord_seen, srtt_us;
	__u32 rttvar_us, min_rtt_us, cwnd, ssthresh;
	__u16 mss;
	__u8 limits, why;
	__u32 snd_wnd, rcv_wnd, send_queue;
	__u32 unsent, recv_queue, rate_delivered, rate_interval_us;
	__u32 connect_us; /* how long our connect took, or how long an accepted one waited; 0 is not known */
	__u32 chrono[3];  /* jiffies merely busy, limited by the peer's window, by our send buffer, up to now */
	__u32 netns, uid;
	__u32 ifindex; /* the device that it is bound to, else the one that its packets come by; 0 is not known */
	__u32 tgid;
	__u32 pid_start; /* group leader's start since boot in 1/100 s */
	__u16 gen;       /* connections of this socket before this one */
	__u8 bits, err;  /* err: sk_err when it closed, an errno below 134 */
	__u8 state, dir, owner_source, last_state;
	__u16 lport, rport;
	__u8 laddr[16], raddr[16];
	char comm[16];
	__u32 cc;           /* congestion control's key, see tt_cc; 0 is none */
	__u32 delivered_ce; /* segments that arrived with a mark of congestion */
	__u8 ca_state, probes;
	__u16 pass;    /* the pass over open files that last saw its owner hold it, PASS_TAKEN; 0 is none yet */
	__u16 holders; /* processes that held it then; written by user space after each pass */
	__u16 copied;  /* jiffies, the low bits, when the counters were copied */
};

/* With the pass in which a connection got the owner that it has. */
#define PASS_TAKEN 0x8000

/* A process that holds a socket and is not its owner; of a UDP socket, whose slot is NO_SLOT, any. */
#define NO_SLOT 0xffffffffu
struct holder {
	__u64 cookie;
	__u32 slot, tgid;
};

/* A process, as a list of who holds a socket names it. */
struct task {
	__u32 tgid, pid_start;
	char comm[16];
};

/* The names behind the keys of congestion controls. */
#define CC_NAMES 64
#define CC_TRIES 8
struct cc_name {
	__u32 key;
	char name[16];
};

/* A connection's end, through the ring. */
struct closed {
	struct conn c;
	__u64 end_ns;
};

/* A connection's change of state between its opening and its end, where these are asked for. */
struct transition {
	__u64 cookie;
	__u64 time_ns;
	__u16 gen;
	__u8 from, to;
	__u32 unused;
};

/* A new cgroup of the unified hierarchy, through the same ring. Longer paths, which nobody
 * makes, are cut: Kubernetes in a container in a container has 300 bytes. */
#define CGROUP_PATH 512
struct cgroup_made {
	__u64 id;
	char path[CGROUP_PATH];
};

/* One UDP flow: a socket and a remote address. */
struct flow {
	__u64 key; /* hash of cookie, raddr, rport */
	__u64 cookie;
	__u64 tx_bytes, rx_bytes, tx_packets, rx_packets;
	__u64 start_ns;
	__u8 raddr[16], laddr[16];
	__u16 lport, rport;
	__u32 netns;
	__u64 cgroup;
	__u32 uid, ifindex, tgid, pid_start;
	char comm[16];
	__u32 phase;
	__u32 cork_len;    /* of the datagram being written in parts; 0 is none */
	__u32 send_errors; /* calls that failed */
	__u8 dir, owner_source, kernel, send_errno;
};

/* A UDP socket that a process holds, as the last tick found it. */
struct udp_row {
	__u64 cookie, sk, cgroup;
	__u8 laddr[16], raddr[16];
	__u32 netns, uid, ifindex, tgid, pid_start;
	__u32 drops, recv_queue, recv_buffer, send_queue;
	__u16 lport, rport; /* rport: 0 of one that is not connected */
	__u32 gone;
	char comm[16];
};

/* A time-wait or syn-recv socket, which has no counters, or one that there is no slot for. */
struct mini {
	__u64 cookie;
	__u8 laddr[16], raddr[16];
	__u16 lport, rport;
	__u32 netns, uid, tgid, pid_start;
	__u8 state, owner_source;
	__u8 slotless; /* the last three members are those of a socket without a slot alone */
	__u8 unused;
	char comm[16];
	__u64 cgroup, rx_bytes, tx_bytes;
};

/* What has no row, summed by whose it was and where it led. */
struct total_key {
	__u32 tgid, uid;
	__u64 cgroup;
	char comm[16];
	__u8 raddr[16]; /* zero is not known, or that of all for which there was no room */
	__u8 proto;
	__u8 unused[7];
};

struct total {
	__u64 n; /* TCP's connections, UDP's datagrams */
	__u64 tx_bytes, rx_bytes;
};

/* A DNS message that a socket has sent or is about to receive, as much of it as there is room for. */
#define DNS_ASKED 272 /* a header and the longest question: 12 + 255 + 4 bytes */
#define DNS_TOLD 1232 /* what resolvers let servers send (DNS flag day 2020) */
struct dns_message {
	__u64 time_ns;
	__u64 sk; /* which socket: its address, since a cookie may not be there yet */
	__u8 server[16];
	__u32 netns, uid, tgid; /* of who asks */
	__u16 len;              /* of what follows, the message or its beginning */
	__u8 cut;               /* it is the beginning */
	__u8 answer;
};

/* Cumulative; in 64 bits also because a used 32-bit fetch-and-add compiles to a plain add. */
struct counters {
	__u64 slots_used; /* high-water mark of the slot table */
	__u64 flows_used;
	__u64 table_full;       /* connections that found no slot */
	__u64 ring_full;        /* closed connections that found no room in the ring */
	__u64 flows_full;       /* datagrams, and sends that failed, whose flow found no slot */
	__u64 totals_full;      /* rows and datagrams that not even the totals had room for */
	__u64 dns_full;         /* DNS messages that found no room in their ring */
	__u64 transitions_full; /* changes of state that found no room in their ring */
	__u64 second_buckets;   /* index entries that found their first bucket full */
};

/* Argument of the sweep programs; user space runs them over [start, start+n). */
struct sweep_args {
	__u32 start, n;
	__u32 changed; /* in: how many entries of the list are used; out: the same after this run */
	__u32 stale;
	__u32 gone; /* slots that it has left to user space */
	__u32 jiffies;
	__u64 now_ns; /* of the same moment, at the end */
};
