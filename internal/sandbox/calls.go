package sandbox

import (
	"errors"
	"slices"

	"github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/sys/unix"
)

// Calls are the kinds of system calls that are made besides what every program needs:
// memory, threads, time, reading files, what is open already.
type Calls struct {
	Measure bool // run what is loaded into the kernel, ask netlink, visit other network namespaces
	Write   bool // make, write, rename and remove files
	Act     bool // signal other processes
	Ask     bool // ask the DNS
	Answer  bool // take connections from what listens already

	Reach []uint16 // connect to these TCP ports
}

var errNoSeccomp = errors.New("no seccomp")

// enter forbids all other system calls (EPERM), in every thread (TSYNC, since 3.17).
func (c Calls) enter() error {
	if !seccompOffered() {
		return errNoSeccomp
	}
	names, err := arch.GetInfo("")
	if err != nil {
		return err
	}
	policy := c.policy(func(name string) bool { _, there := names.SyscallNames[name]; return there })
	if err := seccomp.LoadFilter(seccomp.Filter{Flag: seccomp.FilterFlagTSync, Policy: policy}); err != nil {
		return err
	}
	// A thread that could not follow is no error of the call (seccomp(2)).
	if _, _, errno := unix.RawSyscall(unix.SYS_GETPRIORITY, 0, 0, 0); errno == 0 {
		return errors.New("the filter does not hold")
	}
	return nil
}

// seccompOffered is whether the kernel has it, and the library numbers for this machine.
func seccompOffered() bool {
	_, err := arch.GetInfo("")
	return err == nil && seccomp.Supported()
}

// policy lists what is allowed, of the calls that this architecture has.
func (c Calls) policy(known func(string) bool) seccomp.Policy {
	names := slices.Concat(process, reading, talking)
	args := slices.Concat(threads, ioctls, sockets(c))
	if c.Write {
		names = append(names, writing...)
	} else {
		args = append(args, readOnly...)
	}
	if c.Measure {
		names, args = append(names, "open_by_handle_at"), append(args, measuring...)
	}
	if c.Answer {
		names = append(names, "accept", "accept4")
	}
	if c.Act {
		names = append(names, "kill", "pidfd_send_signal")
	} else {
		args = append(args, toSelf()...)
	}
	names = slices.DeleteFunc(names, func(n string) bool { return !known(n) })
	args = slices.DeleteFunc(args, func(a seccomp.NameWithConditions) bool { return !known(a.Name) })
	return seccomp.Policy{
		DefaultAction: seccomp.ActionErrno,
		Syscalls: []seccomp.SyscallGroup{
			{Action: seccomp.ActionAllow, Names: names, NamesWithCondtions: args},
			// Whoever is told that a call is not there takes the older one, as libc does for threads.
			{Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS), Names: []string{"clone3", "openat2", "faccessat2"}},
		},
	}
}

// process is what a Go program does without files.
var process = []string{
	"mmap", "munmap", "mprotect", "mremap", "madvise", "mincore", "brk", "mlock", "munlock",
	"exit", "exit_group", "futex", "gettid", "getpid", "getppid", "getpgid", "getpgrp", "getsid",
	"set_robust_list", "rseq", "set_tid_address", "arch_prctl", "prctl", "membarrier",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigsuspend", "sigaltstack", "restart_syscall", "tgkill",
	"sched_getaffinity", "sched_yield", "getcpu",
	"nanosleep", "clock_nanosleep", "clock_gettime", "clock_getres", "gettimeofday", "time",
	"timer_create", "timer_settime", "timer_delete", "setitimer",
	"epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "eventfd2", "poll", "ppoll", "select", "pselect6", "pipe2",
	"getuid", "geteuid", "getgid", "getegid", "getgroups", "capget", "getrusage", "times", "prlimit64", "getrlimit",
	"uname", "sysinfo", "getrandom", "wait4", "waitid",
}

// reading is what files are read with once they are open, and looked for. newfstatat is
// fstatat where there was no older one.
var reading = []string{
	"read", "readv", "pread64", "preadv", "write", "writev", "pwrite64", "pwritev", "close", "close_range", "lseek", "fcntl", "dup", "dup3",
	"fstat", "newfstatat", "fstatat", "stat", "lstat", "statx", "statfs", "fstatfs", "access", "faccessat",
	"readlink", "readlinkat", "getdents64", "getcwd", "fadvise64", "fsync", "fdatasync",
	"splice", "copy_file_range", "sendfile", "name_to_handle_at", "pidfd_open",
}

// writing is what changes files.
var writing = []string{
	"open", "openat", "ftruncate", "fallocate", "flock", "mkdir", "mkdirat", "unlink", "unlinkat",
	"rename", "renameat", "renameat2", "fchmod", "umask", "utimensat",
}

// talking is what sockets do once they are there. None listens.
var talking = []string{
	"connect", "bind", "getsockname", "getpeername", "sendto", "recvfrom", "sendmsg", "recvmsg", "sendmmsg", "recvmmsg",
	"setsockopt", "getsockopt", "shutdown",
}

// with is a call that is allowed where an argument is as it should be; a call that is
// listed several times is allowed if one of them fits.
func with(name string, argument uint32, op seccomp.Operation, values ...uint64) (all []seccomp.NameWithConditions) {
	for _, v := range values {
		all = append(all, seccomp.NameWithConditions{Name: name, Conditions: []seccomp.Condition{{Argument: argument, Operation: op, Value: v}}})
	}
	return all
}

// threads may be made, processes and namespaces may not.
var threads = []seccomp.NameWithConditions{{Name: "clone", Conditions: []seccomp.Condition{
	{Argument: 0, Operation: seccomp.BitsSet, Value: unix.CLONE_THREAD},
	{Argument: 0, Operation: seccomp.BitsNotSet, Value: unix.CLONE_NEWNS | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET |
		unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP},
}}}

// ioctls are those of a terminal, its input queue aside (TIOCSTI), and of perf's buffers.
var ioctls = with("ioctl", 1, seccomp.Equal,
	unix.TCGETS, unix.TCSETS, unix.TCSETSW, unix.TCSETSF, unix.TIOCGWINSZ, unix.TIOCGPGRP, unix.TIOCINQ,
	unix.PERF_EVENT_IOC_ENABLE, unix.PERF_EVENT_IOC_DISABLE)

// sockets are of the families that are needed: container runtimes listen on unix sockets.
func sockets(c Calls) []seccomp.NameWithConditions {
	families := []uint64{unix.AF_UNIX}
	if c.Measure {
		families = append(families, unix.AF_NETLINK)
	}
	if c.Ask || len(c.Reach) > 0 {
		families = append(families, unix.AF_INET, unix.AF_INET6)
	}
	return with("socket", 0, seccomp.Equal, families...)
}

// writes are the flags of open(2) by which files change.
const writes = unix.O_WRONLY | unix.O_RDWR | unix.O_CREAT | unix.O_TRUNC

var readOnly = slices.Concat(
	with("open", 1, seccomp.BitsNotSet, writes),
	with("openat", 2, seccomp.BitsNotSet, writes))

// measuring is what goes on once programs are loaded: no more are, and nothing is attached.
var measuring = slices.Concat(
	with("bpf", 0, seccomp.Equal,
		unix.BPF_MAP_LOOKUP_ELEM, unix.BPF_MAP_UPDATE_ELEM, unix.BPF_MAP_DELETE_ELEM, unix.BPF_MAP_GET_NEXT_KEY,
		unix.BPF_MAP_LOOKUP_AND_DELETE_ELEM, unix.BPF_MAP_LOOKUP_BATCH, unix.BPF_MAP_LOOKUP_AND_DELETE_BATCH,
		unix.BPF_PROG_TEST_RUN, unix.BPF_OBJ_GET_INFO_BY_FD, unix.BPF_ITER_CREATE),
	with("setns", 1, seccomp.Equal, unix.CLONE_NEWNET))

// toSelf are the signals of a program to itself and its job: it stops, as Ctrl-Z has it.
func toSelf() []seccomp.NameWithConditions {
	return with("kill", 0, seccomp.Equal, 0, uint64(unix.Getpid()))
}
