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
		return &conn.PermissionError{Origin: conn.FromBPF, Remedy: "boot with lockdown=integrity, or without lockdown",
			Err: errors.New("lockdown is at confidentiality, where programs may not read the kernel's memory")}
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
