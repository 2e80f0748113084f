package diag

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
)

// classify turns what the kernel said into who can do something about it.
func classify(doing string, err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return &conn.PermissionError{Origin: conn.FromDiag, Err: fmt.Errorf("%s: %w", doing, err)}
	case absent(err):
		return &conn.UnsupportedError{Origin: conn.FromDiag, What: "sock_diag (CONFIG_INET_DIAG: modules inet_diag, tcp_diag and udp_diag)", Err: fmt.Errorf("%s: %w", doing, err)}
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
