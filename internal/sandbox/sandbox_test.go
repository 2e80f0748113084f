package sandbox

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"unsafe"

	"github.com/elastic/go-seccomp-bpf/arch"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"

	"tcptop/internal/rights"
)

func ptr[T any](p *T) unsafe.Pointer { return unsafe.Pointer(p) }

// never is what no confined process may do, whatever it has kept.
var never = []string{
	"exec", "start a process", "load a program", "make a map", "attach", "pin", "take a program by id",
	"raise a capability", "become another user", "trace", "read memory", "mount", "unshare", "enter a mount space",
	"load a module", "perf", "io_uring", "type into a terminal", "and so in 64 bits", "signal all", "packet socket", "listen",
}

// outside is what Landlock refuses.
var outside = []string{"read outside", "read through a link", "read through ..", "read through proc", "write outside"}

// place makes the directories and a process that is not ours.
func place(t *testing.T) (in, out string, env []string) {
	dir := t.TempDir()
	in, out = filepath.Join(dir, "in"), filepath.Join(dir, "out")
	for _, d := range []string{in, out} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, f := range []string{"file", "old"} {
			if err := os.WriteFile(filepath.Join(d, f), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.Symlink(out+"/file", in+"/link"); err != nil {
		t.Fatal(err)
	}
	other := exec.Command("sleep", "60")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Process.Kill(); _ = other.Wait() })
	return in, out, []string{insideEnv + "=" + in, outsideEnv + "=" + out, pidEnv + "=" + strconv.Itoa(other.Process.Pid)}
}

// TestAgent answers at what listens already and connects to what it was told of.
func TestAgent(t *testing.T) {
	_, _, env := place(t)
	got := confined(t, Config{Calls: Calls{Measure: true, Answer: true, Reach: []uint16{4318}}}, env...)
	refused(t, got)
	want(t, got, "EPERM", "write inside", "write outside", "signal")
	want(t, got, "", "take a connection", "IP socket", "netlink socket")
}

// TestCallsOfEachArchitecture: the library leaves out the names that an architecture
// lacks, and what the program then calls instead must be allowed too.
func TestCallsOfEachArchitecture(t *testing.T) {
	instead := map[string]string{ // of what newer architectures never had
		"access": "faccessat", "epoll_wait": "epoll_pwait", "getpgrp": "getpgid", "lstat": "fstatat", "mkdir": "mkdirat",
		"newfstatat": "fstatat", "open": "openat", "poll": "ppoll", "readlink": "readlinkat", "rename": "renameat",
		"select": "pselect6", "stat": "fstatat", "time": "clock_gettime", "unlink": "unlinkat",
		"fstatat": "newfstatat", "arch_prctl": "prctl",
	}
	for _, machine := range []*arch.Info{arch.X86_64, arch.AARCH64} {
		listed := slices.Concat(process, reading, writing, talking)
		known := func(name string) bool { _, there := machine.SyscallNames[name]; return there }
		for _, name := range listed {
			if other := instead[name]; !known(name) && (!known(other) || !slices.Contains(listed, other)) {
				t.Errorf("%s: %s is not to be had, nor is anything allowed instead", machine.Name, name)
			}
		}
	}
}

func want(t *testing.T, got tried, refusal string, names ...string) {
	t.Helper()
	for _, name := range names {
		if got.Did[name] != refusal {
			t.Errorf("%s: %q, want %q", name, got.Did[name], refusal)
		}
	}
}

// TestMeasuring keeps what a live screen needs and nothing else: the strongest
// capabilities are still there, and serve nothing but what they are kept for.
func TestMeasuring(t *testing.T) {
	_, _, env := place(t)
	got := confined(t, Config{Keep: 1<<unix.CAP_SYS_ADMIN | 1<<unix.CAP_SYS_PTRACE | 1<<unix.CAP_DAC_READ_SEARCH, Calls: Calls{Measure: true}}, env...)
	refused(t, got)
	want(t, got, "EPERM", "write inside", "write outside", "rename inside", "rename to outside", "signal", "IP socket", "take a connection")
	want(t, got, "", "read inside", "read outside", "read a link", "netlink socket", "unix socket", "sleep and read proc")
	if got.Held.Kept.Has(unix.CAP_DAC_READ_SEARCH) { // what TestFiles refuses can be done
		want(t, got, "", "open by handle")
	}
	holds(t, got, 1<<unix.CAP_SYS_ADMIN|1<<unix.CAP_SYS_PTRACE|1<<unix.CAP_DAC_READ_SEARCH)
}

// TestActing may write, signal and ask the DNS.
func TestActing(t *testing.T) {
	_, _, env := place(t)
	got := confined(t, Config{Keep: 1 << unix.CAP_KILL, Calls: Calls{Measure: true, Write: true, Act: true, Ask: true}}, env...)
	refused(t, got, "signal all") // it may: nothing keeps K from a process
	want(t, got, "", "write inside", "rename inside", "signal", "IP socket")
	holds(t, got, 1<<unix.CAP_KILL)
}

// TestFiles leaves two directories and /proc, and takes everything else.
func TestFiles(t *testing.T) {
	if _, err := ll.LandlockGetABIVersion(); err != nil {
		t.Skipf("needs a kernel with Landlock (5.13, lsm=landlock): %v", err)
	}
	in, _, env := place(t)
	cfg := Config{Keep: 1 << unix.CAP_DAC_READ_SEARCH, Strict: true, Calls: Calls{Measure: true, Write: true},
		Files: &Files{Read: []string{"/proc", "/nonexistent"}, Write: []string{in}}}
	got := confined(t, cfg, env...)
	refused(t, got)
	want(t, got, "EACCES", outside...)
	want(t, got, "EACCES", "read a link")
	want(t, got, "", "read inside", "write inside", "rename inside", "sleep and read proc")
	for _, name := range []string{"rename to outside", "open by handle"} {
		if got.Did[name] == "" {
			t.Errorf("%s: done", name)
		}
	}
	if got.Held.Landlock == 0 || len(got.Held.Lacks) > 0 {
		t.Errorf("held: %+v", got.Held)
	}
	holds(t, got, 1<<unix.CAP_DAC_READ_SEARCH)
}

// TestReading is the least: a recording that is read has no need of anything.
func TestReading(t *testing.T) {
	in, _, env := place(t)
	got := confined(t, Config{Files: &Files{Read: []string{in, "/proc"}}}, env...)
	refused(t, got)
	want(t, got, "EPERM", "write inside", "rename inside", "netlink socket", "IP socket", "signal", "open by handle")
	want(t, got, "", "read inside")
	holds(t, got, 0)
}

// TestWritableRoot never opens all files to be written.
func TestWritableRoot(t *testing.T) {
	rules, err := (&Files{Write: []string{"/", "/.", "/nonexistent", "/etc/hostname"}}).rules()
	if err != nil || len(rules) != 0 {
		t.Errorf("%v, %v", rules, err)
	}
}

// refused checks what no confined process may, but for the exceptions.
func refused(t *testing.T, got tried, except ...string) {
	t.Helper()
	if got.Failed != "" {
		t.Fatal(got.Failed)
	}
	if !got.Held.Seccomp {
		t.Fatal("no seccomp: what it keeps from a process is not seen here")
	}
	for _, name := range never {
		if !slices.Contains(except, name) {
			want(t, got, "EPERM", name)
		}
	}
	if len(got.Did) < len(never) {
		t.Errorf("tried %v", slices.Collect(maps.Keys(got.Did)))
	}
}

// holds looks at every thread: those from before and those that came later.
func holds(t *testing.T, got tried, keep rights.Set) {
	t.Helper()
	have, err := rights.Effective()
	if err != nil {
		t.Fatal(err)
	}
	caps := fmt.Sprintf("%016x", uint64(have&keep))
	if len(got.Threads) < 3 {
		t.Errorf("%d threads", len(got.Threads))
	}
	for _, th := range got.Threads {
		for name, value := range map[string]string{"NoNewPrivs": "1", "Seccomp": "2", "CapEff": caps, "CapPrm": caps,
			"CapInh": "0000000000000000", "CapAmb": "0000000000000000"} {
			if th[name] != value {
				t.Errorf("thread %s: %s %s, want %s", th["Pid"], name, th[name], value)
			}
		}
		if have.Has(unix.CAP_SETPCAP) && th["CapBnd"] != caps {
			t.Errorf("thread %s: CapBnd %s, want %s", th["Pid"], th["CapBnd"], caps)
		}
	}
}
