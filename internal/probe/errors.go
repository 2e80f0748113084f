package probe

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
)

// refused says of what the kernel did not take who can do something about it.
func refused(t *tier, err error) error {
	said := verdicts(err)
	switch {
	case unreadable.MatchString(said): // security_locked_down(LOCKDOWN_BPF_READ_KERNEL)
		return &conn.PermissionError{Origin: conn.FromBPF, Err: errors.New("lockdown is at confidentiality, where programs may not read the kernel's memory")}
	case !objected(err) && errors.Is(err, fs.ErrPermission):
		return &conn.PermissionError{Origin: conn.FromBPF, Err: errors.New(oneLine(err))}
	}
	return &conn.UnsupportedError{
		Origin: conn.FromBPF,
		What:   fmt.Sprintf("what measuring %s needs (%s; %s or newer has it)", t.name, oneLine(err), t.needs),
		Detail: said,
		Err:    err,
	}
}

// unreadable is how the verifier words it, up to 6.1 and after.
var unreadable = regexp.MustCompile(`(unknown func|cannot use helper) bpf_probe_read(_kernel)?#`)

// hookError says which hook the kernel refused, in one line.
type hookError struct {
	program string
	err     error
}

func (e *hookError) Error() string { return e.program + ": " + e.reason() }

func (e *hookError) reason() string {
	if ve, ok := errors.AsType[*ebpf.VerifierError](e.err); ok { // its text quotes the log
		return ve.Cause.Error()
	}
	if errors.Is(e.err, unix.EPERM) { // its text guesses
		return unix.EPERM.Error()
	}
	return strings.TrimPrefix(oneLine(e.err), "program "+e.program+": ")
}

func (e *hookError) Unwrap() error { return e.err }

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// objected reports whether the verifier read a program and found fault with it.
func objected(err error) bool {
	ve, ok := errors.AsType[*ebpf.VerifierError](err)
	return ok && len(ve.Log) > 0
}

// verdicts is what the verifier said to each program in err.
func verdicts(err error) string {
	switch e := err.(type) { //nolint:errorlint // walks the tree itself
	case *hookError:
		if ve, ok := errors.AsType[*ebpf.VerifierError](e.err); ok {
			return fmt.Sprintf("%s: %+v\n", e.program, ve)
		}
		return fmt.Sprintf("%s: %v\n", e.program, e.err)
	case interface{ Unwrap() []error }:
		var all strings.Builder
		for _, err := range e.Unwrap() {
			all.WriteString(verdicts(err))
		}
		return all.String()
	}
	return err.Error() + "\n"
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

// missing names the wanted capabilities that are not there.
func (c *capabilities) missing() []string {
	var missing []string
	for _, w := range wanted {
		if !c.has(w.bit) && !(w.admin && c.has(unix.CAP_SYS_ADMIN)) {
			missing = append(missing, w.name)
		}
	}
	return missing
}
