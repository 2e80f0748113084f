package sandbox

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// ErrSetuid is a program that runs as somebody else than whoever started it.
var ErrSetuid = errors.New("tcptop does not run as the owner or group of its file (setuid, setgid)")

// atSecure is AT_SECURE (include/uapi/linux/auxvec.h).
const atSecure = 23

// Borrowed reports whether this process may more than whoever started it, by capabilities of
// its file (getauxval(3)): nothing that comes from them is followed with these.
func Borrowed() bool {
	if os.Getuid() == 0 { // a security module may say so of root, which has them anyway
		return false
	}
	pairs, err := unix.Auxv()
	if err != nil {
		return true // not known: with care
	}
	for _, p := range pairs {
		if p[0] == atSecure {
			return p[1] != 0
		}
	}
	return false
}

// Setuid is an error where it is so.
func Setuid() error {
	if os.Getuid() != os.Geteuid() || os.Getgid() != os.Getegid() {
		return ErrSetuid
	}
	return nil
}

// Lower puts borrowed capabilities out of force in every thread, so that what is opened from
// now on is opened as the user, and returns what puts them in force again.
func Lower() (raise func() error, _ error) {
	defer keepWatch()()
	own, err := cap.GetPID(0)
	if err != nil {
		return nil, fmt.Errorf("read own capabilities: %w", err)
	}
	low, err := own.Dup()
	if err != nil {
		return nil, fmt.Errorf("read own capabilities: %w", err)
	}
	if err := errors.Join(low.ClearFlag(cap.Effective), low.SetProc()); err != nil {
		return nil, fmt.Errorf("lower capabilities: %w", err)
	}
	return func() error {
		defer keepWatch()()
		if err := own.SetProc(); err != nil {
			return fmt.Errorf("raise capabilities: %w", err)
		}
		return nil
	}, nil
}
