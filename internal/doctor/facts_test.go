package doctor

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"tcptop/internal/sandbox"
)

const (
	allCaps = "000001ffffffffff"
	mounts  = "22 27 0:21 / /proc rw,relatime - proc proc rw,hidepid=2\n"
)

func status(capEff, seccomp string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte("Name:\ttcptop\nCapEff:\t" + capEff + "\nSeccomp:\t" + seccomp + "\n")}
}

func TestFacts(t *testing.T) {
	for _, c := range []struct {
		name string
		fact func(host) Fact
		root fstest.MapFS
		want Fact
	}{
		{"all capabilities", host.capabilities, fstest.MapFS{"proc/self/status": status(allCaps, "0")},
			Fact{Name: "capabilities", Value: "CAP_BPF CAP_PERFMON CAP_NET_ADMIN CAP_SYS_PTRACE CAP_DAC_READ_SEARCH CAP_SYS_ADMIN"}},
		{"no capabilities", host.capabilities, fstest.MapFS{"proc/self/status": status("0", "0")},
			Fact{Name: "capabilities", Value: "none that tcptop can use", Bad: true,
				Note: "without CAP_BPF (eBPF), CAP_PERFMON (eBPF), CAP_NET_ADMIN (eBPF, closing sockets), CAP_SYS_PTRACE (other users' processes), " +
					"CAP_DAC_READ_SEARCH (other users' processes), CAP_SYS_ADMIN (sockets without a process in other network namespaces)"}},
		{"no /proc", host.capabilities, fstest.MapFS{}, Fact{Name: "capabilities", Value: "not readable", Bad: true}},
		{"no filter", host.seccomp, fstest.MapFS{"proc/self/status": status("0", "0")}, Fact{Name: "seccomp", Value: "none"}},
		{"filter", host.seccomp, fstest.MapFS{"proc/self/status": status("0", "2")},
			Fact{Name: "seccomp", Value: "filter", Note: "may forbid bpf(2) whatever the capabilities are"}},
		{"hidden", host.proc, fstest.MapFS{"proc/self/mountinfo": {Data: []byte(mounts)}},
			Fact{Name: "/proc", Value: "with hidepid", Note: "other users' processes are hidden from all but root and the gid= group"}},
		{"no /proc at all", host.proc, fstest.MapFS{},
			Fact{Name: "/proc", Value: "missing", Bad: true, Note: "owners and namespaces cannot be looked up"}},
		{"sysctl", host.paranoid, fstest.MapFS{"proc/sys/kernel/perf_event_paranoid": {Data: []byte("3\n")}},
			Fact{Name: "kernel.perf_event_paranoid", Value: "3", Note: "does not matter: tcptop opens no perf events"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, c.fact(host{c.root})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestConfinement says what --sandbox can hold to on this kernel.
func TestConfinement(t *testing.T) {
	for _, c := range []struct {
		held sandbox.Held
		want Fact
	}{
		{sandbox.Held{Landlock: 7, Seccomp: true}, Fact{Name: "sandbox", Value: "capabilities, no new privileges, seccomp, Landlock 7"}},
		{sandbox.Held{Seccomp: true, Lacks: []string{"Landlock (files)"}}, Fact{Name: "sandbox", Value: "capabilities, no new privileges, seccomp",
			Note: "without Landlock (files), so --sandbox strict is refused"}},
	} {
		if diff := cmp.Diff(c.want, confinement(c.held)); diff != "" {
			t.Error(diff)
		}
	}
}
