package testkit

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// mustEnv set to "must" turns every reason to skip a kernel test into a failure.
const mustEnv = "TCPTOP_KERNEL_TESTS"

// Kernel requires root and a kernel that takes BPF objects. Elsewhere the test
// is skipped with what would lift it, or fails under TCPTOP_KERNEL_TESTS=must.
func Kernel(t testing.TB) {
	t.Helper()
	Root(t)
	if _, err := os.Stat("/sys/kernel/btf/vmlinux"); err != nil {
		skip(t, "needs a kernel with BTF (CONFIG_DEBUG_INFO_BTF), 5.10 or newer: any kernel of the VM matrix: "+err.Error())
	}
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err != nil {
		skip(t, "needs bpf(2), which this container or lockdown refuses: run on the host or in a VM: "+err.Error())
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
}

// Root requires uid 0 and the right to make network namespaces, as NetNS does.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		skip(t, "needs root: run `make test` or `make test-kernel` as root or through sudo")
	}
	if err := onOwnThread(func() error { return unix.Unshare(unix.CLONE_NEWNET) }); err != nil {
		if errors.Is(err, unix.EPERM) {
			skip(t, "needs CAP_SYS_ADMIN, which this container lacks: run on the host or in a VM")
		}
		t.Fatalf("unshare: %v", err)
	}
}

// Tools requires programs on PATH, such as ss or nft.
func Tools(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			skip(t, "needs "+name+": lifted by a machine that has it installed (.ci/run installs it)")
		}
	}
}

func skip(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv(mustEnv) == "must" {
		t.Fatalf("%s=must forbids to skip: %s", mustEnv, reason)
	}
	t.Skip(reason)
}
