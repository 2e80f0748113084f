package probe

// hook is a program of the object and what is not known without it. Where it hooks,
// and why there, is said at its source.
type hook struct {
	program, what string
}

// tier is a set of hooks that measure something together.
type tier struct {
	name  string
	needs string // the kernel that this was seen to work on, and newer ones
	lacks string // what this tier can't know
	hears bool   // DNS answers
	perf  bool   // by perf's buffers
	hooks []hook
	extra []hook // for what only some kernels have
}

// tcpTier is what TCP can't do without.
var tcpTier = tier{
	name: "TCP", needs: "Linux 6.1",
	hooks: []hook{
		{"tt_sweep", "counters and states of TCP connections"},
		{"tt_set_state", "TCP connections that open and close, and who opens them"},
		{"tt_destroy_sock", "the end of TCP sockets"},
	},
}

// passes find what was there before the hooks, each for itself.
var (
	ownersPass = hook{"tt_owners", "connections older than tcptop, and owners of accepted ones before they close"}
	tcpPass    = hook{"tt_inventory", "sockets that no process holds: time-wait, syn-recv and orphans"}
	// holdersPass only answers Probe.Holders.
	holdersPass = hook{"tt_holders", "which processes hold a socket beside its owner"}
	passes      = []hook{ownersPass, tcpPass, holdersPass}
)

// cgroupHook names what sockets only number.
var cgroupHook = hook{"tt_cgroup_mkdir", "units and containers that come and go within a tick"}

// acceptTiers time accepts; the first that this kernel takes is used.
var acceptTiers = []tier{
	{
		name: "accepts by trampoline", needs: "Linux 6.1, on arm64 6.12",
		hooks: []hook{{"tt_accept", "how long connections wait to be accepted"}},
	},
	{
		name: "accepts by getpeername", needs: "Linux 6.1, with cgroup2",
		hooks: []hook{
			{"tt_getpeername4", "how long IPv4 connections wait to be accepted"},
			{"tt_getpeername6", "how long IPv6 connections wait to be accepted"},
		},
	},
}

// udpSocks reads what UDP sockets count themselves.
var udpSocks = hook{"tt_read_udp", "what UDP sockets drop, and how full they are"}

// udpTiers count UDP; the first that this kernel takes is used.
var udpTiers = []tier{
	{
		name: "UDP by tracepoints", needs: "Linux 6.16", hears: true,
		hooks: []hook{
			{"tt_sendmsg4", "remotes of IPv4 UDP sends that name one"}, // refused soonest
			ageFlows, devQueue, sendLength, recvLength,
			{"tt_fail_queue", "UDP datagrams that found no room"},
			{"tt_sendmsg6", "remotes of IPv6 UDP sends that name one"},
			{"tt_recvmsg4", "remotes of IPv4 UDP reads that ask for one"},
			{"tt_recvmsg6", "remotes of IPv6 UDP reads that ask for one"},
			{"tt_ingress", "remotes of UDP reads that do not ask, and merged datagrams"},
		},
	},
	{
		name: "UDP by trampolines", needs: "Linux 6.1, on arm64 6.12", hears: true, perf: true,
		hooks: []hook{
			ageFlows, devQueue,
			{"tt_udp_sendmsg", "bytes and remotes of IPv4 UDP sends"},
			{"tt_udpv6_sendmsg", "bytes and remotes of IPv6 UDP sends"},
			{"tt_consume", "bytes and remotes of UDP reads"},
		},
		extra: []hook{{"tt_udp_sendpage", "bytes of UDP sends by sendfile(2) and splice(2)"}}, // up to 6.4
	},
	{
		name: "UDP by tracepoints, without cgroup2", needs: "Linux 6.12",
		lacks: "the remotes of UDP sockets that are not connected, and how many datagrams were merged into one",
		hooks: []hook{ageFlows, devQueue, sendLength, recvLength},
	},
}

var (
	ageFlows   = hook{"tt_age_flows", "the end of UDP flows"}
	devQueue   = hook{"tt_dev_queue", "how many datagrams a segmented UDP send is"}
	sendLength = hook{"tt_send_length", "bytes of UDP sends"}
	recvLength = hook{"tt_recv_length", "bytes of UDP reads"}
)
