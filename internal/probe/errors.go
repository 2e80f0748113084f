package probe

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// PermissionError says which capabilities are missing.
type PermissionError struct {
	Missing []string // "CAP_BPF" …; empty when the kernel refused for another reason
	Err     error
}

func (e *PermissionError) Error() string {
	if len(e.Missing) > 0 {
		return "measuring in the kernel needs " + strings.Join(e.Missing, ", ")
	}
	return fmt.Sprintf("the kernel does not permit eBPF here: %v", e.Err)
}

func (e *PermissionError) Unwrap() error { return e.Err }

// UnsupportedError says what this kernel lacks.
type UnsupportedError struct {
	What string
	Err  error
}

func (e *UnsupportedError) Error() string { return "this kernel lacks " + e.What }

func (e *UnsupportedError) Unwrap() error { return e.Err }

// classify turns what the kernel said into who can do something about it.
func classify(doing string, err error) error {
	var ve *ebpf.VerifierError
	switch {
	case errors.As(err, &ve):
		return &UnsupportedError{What: fmt.Sprintf("something that tcptop's programs need (%s: %v)", doing, ve), Err: err}
	case errors.Is(err, fs.ErrPermission):
		return &PermissionError{Err: fmt.Errorf("%s: %w", doing, err)}
	case errors.Is(err, ebpf.ErrNotSupported), errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOTSUP):
		return &UnsupportedError{What: fmt.Sprintf("what %s needs (%v)", doing, err), Err: err}
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// wanted are the capabilities without which nothing can be loaded or attached.
// CAP_SYS_ADMIN stands for the first two (include/linux/capability.h, bpf_capable
// and perfmon_capable).
var wanted = []struct {
	bit   uint
	name  string
	admin bool // CAP_SYS_ADMIN will do
}{
	{unix.CAP_BPF, "CAP_BPF", true},
	{unix.CAP_PERFMON, "CAP_PERFMON", true},
	{unix.CAP_NET_ADMIN, "CAP_NET_ADMIN", false},
}

// capabilities are the effective ones of this process.
type capabilities [2]unix.CapUserData

func (c *capabilities) has(bit uint) bool { return c[bit/32].Effective&(1<<(bit%32)) != 0 }

func ownCapabilities() (*capabilities, error) {
	var c capabilities
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if err := unix.Capget(&header, &c[0]); err != nil {
		return nil, fmt.Errorf("read own capabilities: %w", err)
	}
	return &c, nil
}

// check returns a *PermissionError that names what is missing.
func (c *capabilities) check() error {
	var missing []string
	for _, w := range wanted {
		if !c.has(w.bit) && !(w.admin && c.has(unix.CAP_SYS_ADMIN)) {
			missing = append(missing, w.name)
		}
	}
	if len(missing) > 0 {
		return &PermissionError{Missing: missing}
	}
	return nil
}
