package main

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// limit is what some kernels can't do, and how that shows. A limit that does not
// show on one of its kernels is as wrong as one that shows elsewhere.
type limit struct {
	on      []string // kernels
	what    string   // for docs/kernel-support.md; empty where it is nobody's concern
	refuses []string // backends that end with status 69
	denies  []string // backends that end with status 77
	blind   []string // backends that show no TCP
	says    string   // what tcptop says on standard error, whatever the backend
	fails   string   // tests that fail, whatever becomes of their subtests; or such subtests
	skips   string   // tests that are skipped
	lacks   string   // what the BTF check misses
	only    string   // tests to run there: the others would all fail for this one reason, most by waiting
	not     string   // tests that are left out there, likewise
}

// limits is the whole table; patterns are regular expressions that match all of a name
// or a message.
func limits() []limit {
	return []limit{
		{
			on:      []string{"5.10"},
			what:    "eBPF: TCP's programs need Linux 6.1; sock_diag measures instead",
			refuses: []string{"bpf"},
			says:    "(tcptop: this kernel lacks|hint: ).*",
			fails:   "TestContract/bpf|TestDiagLikeProbe|TestNoStdin",
			lacks: "kfunc .*|tracepoint sock_(send|recv)_length|helper Fn(ForEachMapElem|GetCurrentTaskBtf|GetFunc(Arg|Ret)|Loop|SockFromFile)|map type TaskStorage|" +
				"program type Syscall|tt_ingress: .*udp_sock.*|tt_[a-z_]+: .*\"(tcp|mptcp)_sock\".*|tt_(destroy_sock|inventory|set_state|sweep): .*\"sock\"\\[0:[0-9]+\\].*",
			only: "Test(Contract|Diag.*|NoStdin)",
		},
		{
			on:    []string{"5.10", "6.1", "6.12", "6.1-arm64", "6.12-arm64"},
			lacks: `tt_(owners|read_udp): .*("numa_drop_counters"|"sock"\[0:[0-9]+\]).*`, // 6.18, asked for before it is read
		},
		{
			on:    []string{"6.1", "6.1-arm64"},
			lacks: "kfunc .*|tracepoint sock_(send|recv)_length", // what takes their place is tried at load
		},
		{
			on:    []string{"6.12", "6.18", "7.3", "6.12-arm64", "7.3-arm64"},
			lacks: "function udp_sendpage", // gone since 6.5, and not needed from then on
		},
		{
			on:    []string{"6.18"},
			lacks: `tt_(destroy_sock|set_state): .*"tcp_sock"\[0:0:3:0:0\].*`, // keepalive's own timer: after 6.18, and in the later 6.1 and 6.12; asked for before it is read
		},
		{
			// The kernel runs no hook for events that come while a program is preempted in the
			// same hook: a short connection may have no row, a flow no owner. It is counted
			// (Loss.Skipped), but nothing exact can be asked of these.
			on:  []string{"7.3", "7.3-arm64"},
			not: "Test(Short|TableFull|Beyond|RingFullStopped|UDP.*)",
		},
		{
			// Emulated arm64 is too slow to keep a path steady: segments wait for so long that they
			// are sent again, and seven ticks of half a second were missed.
			on:  []string{"6.1-arm64", "6.12-arm64", "7.3-arm64"},
			not: "TestLimitNetem",
		},
		{
			on:    []string{"6.1-arm64"},
			what:  "UDP: trampolines are refused",
			says:  "tcptop: not measured here: UDP, whose programs this kernel refuses.*",
			fails: "TestUDP",
			not:   "Test(UDP.+|Confined|KernelSockets|Names.*|Signal.*|Kill|Pair|Rights.*|BulkFormats|Tier.*|RingFullStopped|DiagUDP)",
		},
	}
}

// elsewhere are tests that are left to the host. Most are of what no kernel changes and
// start tcptop up to 30 times, at seconds each under emulation: options, what is escaped,
// pipes and their speed. TestRingFull has to have 2,000 processes, which takes minutes;
// of the two in TestPair none has its last tick within half a second; others need
// container runtimes, tun, sleep(1) or tbf, which guests don't have: they have TestLimitNetem instead of TestLimit.
const elsewhere = "TestRingFull|TestPair|TestIface|TestNetNSName|TestUDPOwners|TestLimit|TestContainerd|TestKubernetes|TestPodman|TestRecord.*|TestNamesForged|TestNamesOff|TestFlags|TestSortTop|TestUDPFlags|TestTicks|TestHostileComm|TestHead|TestSignalInSweep|TestReader.*|TestSlowReader"

func names() []string {
	var all []string
	for _, k := range kernels() {
		all = append(all, k.name)
	}
	return all
}

// limitsOf returns the limits of one kernel.
func limitsOf(name string) []limit {
	return slices.DeleteFunc(limits(), func(l limit) bool { return !slices.Contains(l.on, name) })
}

// scope returns which tests a whole run has on a kernel, empty: all, and which it has not.
func scope(name string) (only, not string) {
	not = elsewhere
	for _, l := range limitsOf(name) {
		only = cmp.Or(only, l.only)
		if l.not != "" {
			not += "|" + l.not
		}
	}
	return only, not
}

// selection is the pattern for go test of those tests that a pattern of the user and
// one of the table match, without others.
func selection(tests []string, run, only, not string) string {
	top, sub, deep := strings.Cut(run, "/")
	var chosen []string
	for _, name := range tests {
		if regexp.MustCompile(top).MatchString(name) && (only == "" || matches(only, name)) && !matches(not, name) {
			chosen = append(chosen, name)
		}
	}
	pattern := "^(" + strings.Join(chosen, "|") + ")$"
	if deep {
		pattern += "/" + sub
	}
	return pattern
}

// matches reports whether the pattern matches all of s; an empty one matches nothing.
func matches(pattern, s string) bool {
	return pattern != "" && regexp.MustCompile(`^(?:`+pattern+`)$`).MatchString(s)
}
