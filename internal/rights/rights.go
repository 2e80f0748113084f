// Package rights says what this process may: which capabilities tcptop can use and
// which of them are there, and whether its namespaces are the host's.
package rights

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Capability is one that tcptop can use (capabilities(7)).
type Capability struct {
	Bit  uint
	Name string
	Lost string // what is lost without it
	BPF  bool   // nothing can be loaded or attached without it
}

// Capabilities are all of them.
func Capabilities() []Capability {
	return []Capability{
		{unix.CAP_BPF, "CAP_BPF", "eBPF", true},
		{unix.CAP_PERFMON, "CAP_PERFMON", "eBPF", true},
		{unix.CAP_NET_ADMIN, "CAP_NET_ADMIN", "eBPF, closing sockets", true},
		{unix.CAP_SYS_PTRACE, "CAP_SYS_PTRACE", "other users' processes", false},
		{unix.CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH", "other users' processes", false},
		{unix.CAP_SYS_ADMIN, "CAP_SYS_ADMIN", "sockets without a process in other network namespaces", false},
	}
}

// Set is capabilities, a bit for each.
type Set uint64

// Effective are those that this process has.
func Effective() (Set, error) {
	var c [2]unix.CapUserData
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if err := unix.Capget(&header, &c[0]); err != nil {
		return 0, fmt.Errorf("read own capabilities: %w", err)
	}
	return Set(c[0].Effective) | Set(c[1].Effective)<<32, nil
}

// Has reports whether a capability is in the set.
func (s Set) Has(bit uint) bool { return s&(1<<bit) != 0 }

// LackingForBPF names the capabilities that loading and attaching still takes.
// CAP_SYS_ADMIN stands for the first two (include/linux/capability.h, bpf_capable and
// perfmon_capable).
func (s Set) LackingForBPF() (names []string) {
	for _, c := range Capabilities() {
		admin := s.Has(unix.CAP_SYS_ADMIN) && (c.Bit == unix.CAP_BPF || c.Bit == unix.CAP_PERFMON)
		if c.BPF && !s.Has(c.Bit) && !admin {
			names = append(names, c.Name)
		}
	}
	return names
}

// Initial is the link that /proc shows for the host's own namespace of a kind, whose
// inode is the same on every kernel (include/linux/proc_ns.h); empty where it is not.
func Initial(kind string) string {
	inode := map[string]uint32{"user": 4026531837, "pid": 4026531836, "cgroup": 4026531835}[kind]
	if inode == 0 {
		return ""
	}
	return fmt.Sprintf("%s:[%d]", kind, inode)
}

// Hidden reports whether this process is in another namespace of a kind than the host;
// not where /proc does not tell.
func Hidden(kind string) bool {
	l, err := os.Readlink("/proc/self/ns/" + kind)
	return err == nil && l != Initial(kind)
}

// OnHost reports whether a capability is there and holds on the host: that of another
// user namespace holds for nothing of the host's.
func OnHost(bit uint) bool {
	if l, err := os.Readlink("/proc/self/ns/user"); err != nil || l != Initial("user") {
		return false
	}
	s, err := Effective()
	return err == nil && s.Has(bit)
}
