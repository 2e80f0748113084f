package diag

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

// PermissionError says that sock_diag is there and refused, as by seccomp(2).
type PermissionError struct{ Err error }

func (e *PermissionError) Error() string {
	return fmt.Sprintf("sock_diag is not permitted here: %v", e.Err)
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
	switch {
	case errors.Is(err, fs.ErrPermission):
		return &PermissionError{Err: fmt.Errorf("%s: %w", doing, err)}
	case absent(err):
		return &UnsupportedError{What: "sock_diag (CONFIG_INET_DIAG: modules inet_diag, tcp_diag and udp_diag)", Err: fmt.Errorf("%s: %w", doing, err)}
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// absent reports whether nobody answers for a protocol or a family: ENOENT comes from
// __sock_diag_cmd and inet_diag_lock_handler (net/ipv4/inet_diag.c), the others from
// socket(2) and sock_diag_rcv_msg where there is no sock_diag at all.
func absent(err error) bool {
	for _, errno := range []unix.Errno{unix.ENOENT, unix.EPROTONOSUPPORT, unix.EAFNOSUPPORT, unix.EINVAL} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}
