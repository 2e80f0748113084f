package main

import "slices"

// place is a kernel that boots hardened, or without a part that others have: what an
// unhardened machine can't be made into while it runs.
type place struct {
	name    string
	on      []string // kernels
	options string   // for the kernel's command line; what it does not know goes to init
	limits  []limit  // beside the kernel's own
}

// places are tried with tcptop itself, each backend and the doctor.
func places() []place {
	const confidential = "tcptop: the kernel does not permit eBPF here: lockdown is at confidentiality, .*"
	return []place{
		{
			name: "lockdown at integrity", on: []string{"6.1", "6.12-arm64"}, options: "lockdown=integrity",
		},
		{
			name: "lockdown at confidentiality", on: []string{"6.1", "6.12", "7.3", "6.12-arm64"}, options: "lockdown=confidentiality",
			limits: []limit{{what: "eBPF; sock_diag measures instead", denies: []string{"bpf"}, says: confidential}},
		},
		{
			name: "unprivileged_bpf_disabled at 0, perf_event_paranoid at 3", on: []string{"6.12"},
			options: "sysctl.kernel.unprivileged_bpf_disabled=0 sysctl.kernel.perf_event_paranoid=3",
		},
		{
			name: "unprivileged_bpf_disabled at 2, perf_event_paranoid at 4", on: []string{"6.1"},
			options: "sysctl.kernel.unprivileged_bpf_disabled=2 sysctl.kernel.perf_event_paranoid=4",
		},
		{
			name: "cgroup v1 only", on: []string{"6.1", "6.12"}, options: "cgroup=v1", // trampolines need no cgroup2
		},
		{
			name: "no sock_diag modules", on: []string{"7.3"}, options: "without=_diag",
			limits: []limit{{refuses: []string{"diag"}, says: `tcptop: this kernel lacks sock_diag \(CONFIG_INET_DIAG: .*`}},
		},
		{
			name: "no udp_diag", on: []string{"6.12"}, options: "without=udp_diag",
			limits: []limit{{says: `tcptop: sock_diag measures, without UDP \(module udp_diag: not there\).*`}},
		},
		{
			name: "no tcp_diag", on: []string{"6.12"}, options: "without=tcp_diag",
			limits: []limit{{says: `tcptop: sock_diag measures, without TCP \(module tcp_diag: not there\).*`, blind: []string{"diag"}}},
		},
		{
			name: "lockdown at confidentiality, no sock_diag modules", on: []string{"6.12"},
			options: "lockdown=confidentiality without=_diag",
			limits: []limit{{
				what: "everything", denies: []string{"bpf", "auto"}, refuses: []string{"diag"},
				says: confidential + "|" + `tcptop: this kernel lacks sock_diag.*`,
			}},
		},
		{
			name: "no sock_diag modules", on: []string{"5.10"}, options: "without=_diag",
			limits: []limit{{what: "everything", refuses: []string{"auto", "diag"}, says: `tcptop: this kernel lacks .*`}},
		},
	}
}

// placesOf returns the places of one kernel.
func placesOf(name string) []place {
	return slices.DeleteFunc(places(), func(p place) bool { return !slices.Contains(p.on, name) })
}
