package probe

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
	"tcptop/internal/rights"
)

// try asks bpf(2) for a map that takes CAP_BPF: the library, refused, blames the limit
// of locked memory or an old kernel.
func try() error {
	const lruHash = 9 // BPF_MAP_TYPE_LRU_HASH, linux/bpf.h
	attr := struct{ kind, keySize, valueSize, maxEntries uint32 }{lruHash, 4, 4, 1}
	fd, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_MAP_CREATE, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	switch errno {
	case 0:
		return unix.Close(int(fd))
	case unix.EPERM, unix.EACCES:
		return &conn.PermissionError{Origin: conn.FromBPF, Err: fmt.Errorf("bpf(2): %w", errno)}
	case unix.ENOSYS:
		return &conn.UnsupportedError{Origin: conn.FromBPF, What: "bpf(2)", Err: errno}
	}
	return nil
}

// tellNamespaces says what the namespaces of a container hide.
func (p *Probe) tellNamespaces() {
	if rights.Hidden("pid") {
		p.missing = append(p.missing, "older sockets of processes outside this pid namespace")
	}
	if p.cfg.UDP && rights.Hidden("cgroup") {
		p.missing = append(p.missing, "the remotes of unconnected UDP sockets outside this cgroup namespace")
	}
}
