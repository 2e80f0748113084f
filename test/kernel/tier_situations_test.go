package kernel

import (
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"tcptop/internal/probe"
)

// The exit statuses that say no (sysexits.h).
const (
	unsupported  = 69
	noPermission = 77
)

// situation is a place that gives tcptop less than a root shell on the host does, and
// what is promised there.
type situation struct {
	name  string
	as    *syscall.SysProcAttr // who starts it, and where
	steps []string
	alone bool // in network and pid namespaces of its own

	blind, noProc bool // sock_diag finds no owners of other users' sockets, or of any

	bpf, diag int      // status of --backend bpf and diag; 0 is that it measures
	cause     []string // what stderr names where bpf is refused
	without   []string // what stderr names that --backend auto does not measure

	tier   string // what the doctor says
	status int    // and how it exits
}

// source is what --backend auto measures with; "" is that nothing measures.
func (s *situation) source() string {
	switch 0 {
	case s.bpf:
		return "bpf"
	case s.diag:
		return "diag"
	}
	return ""
}

func user(caps ...uintptr) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}, AmbientCaps: caps}
}

func spaces(flags uintptr) *syscall.SysProcAttr { return &syscall.SysProcAttr{Cloneflags: flags} }

// mapped is root in a user namespace that an ordinary user made.
func mapped(flags uintptr) *syscall.SysProcAttr {
	one := []syscall.SysProcIDMap{{ContainerID: 0, HostID: nobody, Size: 1}}
	return &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER | flags, UidMappings: one, GidMappings: one, Credential: &syscall.Credential{},
	}
}

const container = unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC

// byDiag is what stderr says where sock_diag has taken over, and what else it lacks.
func byDiag(lacks ...string) []string {
	return append([]string{"sock_diag measures instead", "shorter than a tick", "of UDP"}, lacks...)
}

// What a process lacks that cannot look into others, as stderr names it.
const (
	otherUsers  = "other users' sockets"
	otherSpaces = "other network namespaces"
)

// trampolines reports whether this kernel has them: they count UDP without cgroup2.
func trampolines() bool {
	return slices.ContainsFunc(probe.Examine().Hooks, func(h probe.Hook) bool { return h.Program == "tt_consume" && h.Why == "" })
}

// situations are all that a kernel which can do everything can be in without a reboot.
func situations() []situation {
	noCgroup2 := situation{name: "no cgroup2", as: spaces(unix.CLONE_NEWNS), steps: []string{stepPrivate, stepNoCgroup2}, tier: "full"}
	if !trampolines() {
		noCgroup2.without, noCgroup2.tier, noCgroup2.status = []string{"the remote", "UDP"}, "bpf", unsupported
	}
	const notPermitted = "does not permit eBPF"
	allCapabilities := []string{"CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN"}
	ownMounts := spaces(unix.CLONE_NEWNS)
	return []situation{
		{name: "root", tier: "full"},
		{name: "three capabilities", as: user(unix.CAP_BPF, unix.CAP_PERFMON, unix.CAP_NET_ADMIN), blind: true,
			without: []string{"CAP_SYS_ADMIN"}, tier: "bpf", status: noPermission},
		{name: "two capabilities", as: user(unix.CAP_BPF, unix.CAP_PERFMON), blind: true,
			bpf: noPermission, cause: []string{"CAP_NET_ADMIN"},
			without: byDiag(otherUsers, otherSpaces, "CAP_SYS_PTRACE", "CAP_SYS_ADMIN"), tier: "diag", status: noPermission},
		{name: "plain user", as: user(), blind: true,
			bpf: noPermission, cause: allCapabilities,
			without: byDiag(otherUsers, otherSpaces, "CAP_SYS_PTRACE", "CAP_SYS_ADMIN"), tier: "diag", status: noPermission},
		{name: "container", as: spaces(container | unix.CLONE_NEWCGROUP), alone: true,
			steps:   []string{stepPrivate, stepProc, stepCgroup2, stepLoopback},
			without: []string{"namespace", "cgroup"}, tier: "bpf", status: unsupported},
		{name: "user namespace", as: mapped(0), blind: true,
			bpf: noPermission, cause: []string{notPermitted},
			without: byDiag(otherUsers, otherSpaces), tier: "diag", status: noPermission},
		{name: "container of a user", as: mapped(container), alone: true,
			steps: []string{stepPrivate, stepProc, stepLoopback},
			bpf:   noPermission, cause: []string{notPermitted},
			without: byDiag(otherUsers, otherSpaces), tier: "diag", status: noPermission},
		{name: "no BTF", as: ownMounts, steps: []string{stepPrivate, stepNoBTF},
			bpf: unsupported, cause: []string{"BTF"}, without: byDiag(), tier: "diag", status: unsupported},
		noCgroup2,
		{name: "no bpffs", as: ownMounts, steps: []string{stepPrivate, stepNoBPFFS}, tier: "full"},
		{name: "proc read-only", as: ownMounts, steps: []string{stepPrivate, stepProcRO}, tier: "full"},
		// The loader of the programs asks /proc where bpffs is mounted.
		{name: "no proc", as: ownMounts, steps: []string{stepPrivate, stepNoProc}, noProc: true,
			bpf: unsupported, cause: []string{"/proc"}, without: byDiag("processes", otherSpaces), tier: "diag", status: unsupported},
		{name: "bpf EPERM", steps: []string{stepBPFPerm},
			bpf: noPermission, cause: []string{notPermitted}, without: byDiag(), tier: "diag", status: noPermission},
		{name: "bpf ENOSYS", steps: []string{stepBPFNoSys},
			bpf: unsupported, cause: []string{"this kernel lacks"}, without: byDiag(), tier: "diag", status: unsupported},
		{name: "no sock_diag", steps: []string{stepNoDiag}, diag: noPermission, tier: "full"},
		{name: "neither", steps: []string{stepNoDiag, stepBPFPerm},
			bpf: noPermission, diag: noPermission, cause: []string{notPermitted}, tier: "none", status: noPermission},
	}
}
