package kernel

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Offsets into struct seccomp_data (linux/seccomp.h): the low halves of what fits into 32
// bits, on machines that are little-endian.
const (
	atNumber = 0
	atFirst  = 16 // argument
	atThird  = 32
)

// load, unless and ret are classic BPF: read a word of the data, go on unless it is not
// value (then skip), and return.
func load(offset uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
}

func unless(value uint32, skip uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: value, Jf: skip}
}

func ret(with uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: with}
}

// denyBPF answers bpf(2) with an error, as the filters of container runtimes do.
func denyBPF(errno unix.Errno) []unix.SockFilter {
	return []unix.SockFilter{
		load(atNumber),
		unless(unix.SYS_BPF, 1),
		ret(unix.SECCOMP_RET_ERRNO | uint32(errno)),
		ret(unix.SECCOMP_RET_ALLOW),
	}
}

// denySockDiag refuses sockets to sock_diag and no others.
var denySockDiag = []unix.SockFilter{
	load(atNumber),
	unless(unix.SYS_SOCKET, 5),
	load(atFirst),
	unless(unix.AF_NETLINK, 3),
	load(atThird),
	unless(unix.NETLINK_SOCK_DIAG, 1),
	ret(unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)),
	ret(unix.SECCOMP_RET_ALLOW),
}

// refuse puts a filter on this thread and on what it execs. It needs CAP_SYS_ADMIN.
func refuse(filter []unix.SockFilter) error {
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: unsafe.SliceData(filter)}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&program)))
	runtime.KeepAlive(filter)
	if errno != 0 {
		return errno
	}
	return nil
}
