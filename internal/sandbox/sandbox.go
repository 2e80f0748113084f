// Package sandbox takes from this process what it no longer needs: capabilities and the
// way to new ones, files, and system calls. What is still needed its caller says; what
// is there to confine with, Linux does.
package sandbox

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"

	"tcptop/internal/rights"
)

// Config says what the process still has to do.
type Config struct {
	Keep   rights.Set // capabilities that stay, of those that are there
	Files  *Files     // those that stay open to it; nil leaves all of them
	Calls  Calls
	Strict bool // all of it, or an error
}

// Held is what holds from now on, in every thread and for good.
type Held struct {
	Kept     rights.Set // capabilities
	Landlock int        // version of its ABI that confines files; 0 is none
	Seccomp  bool
	Lacks    []string // what this kernel has nothing for, a clause for each
}

// LackingError says that this kernel cannot confine a process as it was asked to.
type LackingError struct{ What []string }

func (e *LackingError) Error() string {
	return "this kernel has no " + strings.Join(e.What, " and no ") + " to confine tcptop with"
}

// Enter confines this process: all threads, those that are still to come as well. What
// the kernel has nothing for is in Held, or with Strict a *LackingError.
func Enter(cfg Config) (Held, error) {
	defer keepWatch()()
	// First of all: the other two ask for it (seccomp(2), landlock(7)). Since 3.5.
	if _, err := cap.Prctlw(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return Held{}, fmt.Errorf("give up new privileges: %w", err)
	}
	var h Held
	var err error
	if cfg.Files != nil {
		if h.Landlock, err = cfg.Files.enter(cfg.Calls); err != nil {
			return h, fmt.Errorf("confine files: %w", err)
		}
		if h.Landlock == 0 {
			h.Lacks = append(h.Lacks, "Landlock (files)")
		}
	}
	if h.Kept, err = drop(cfg.Keep); err != nil {
		return h, fmt.Errorf("drop capabilities: %w", err)
	}
	switch err := cfg.Calls.enter(); {
	case errors.Is(err, errNoSeccomp):
		h.Lacks = append(h.Lacks, "seccomp (system calls)")
	case err != nil:
		return h, fmt.Errorf("confine system calls: %w", err)
	default:
		h.Seccomp = true
	}
	if cfg.Strict && len(h.Lacks) > 0 {
		return h, &LackingError{h.Lacks}
	}
	return h, nil
}

// Offered is what this kernel has to confine a process with, without doing it.
func Offered() Held {
	h := Held{Seccomp: seccompOffered()}
	if h.Landlock = landlockVersion(); h.Landlock == 0 {
		h.Lacks = append(h.Lacks, "Landlock (files)")
	}
	if !h.Seccomp {
		h.Lacks = append(h.Lacks, "seccomp (system calls)")
	}
	return h
}

// drop takes all capabilities but those of keep: for good where there is the one for that
// (CAP_SETPCAP, for the bounding set), and with no new privileges in any case.
func drop(keep rights.Set) (rights.Set, error) {
	have, err := rights.Effective()
	if err != nil {
		return 0, err
	}
	kept := have & keep
	left := cap.NewSet()
	var gone []cap.Value
	for v := range cap.MaxBits() {
		if !kept.Has(uint(v)) {
			gone = append(gone, v)
			continue
		}
		if err := errors.Join(left.SetFlag(cap.Permitted, true, v), left.SetFlag(cap.Effective, true, v)); err != nil {
			return have, err
		}
	}
	if have.Has(unix.CAP_SETPCAP) {
		if err := cap.DropBound(gone...); err != nil {
			return have, fmt.Errorf("bounding set: %w", err)
		}
	}
	if err := cap.ResetAmbient(); err != nil && !errors.Is(err, unix.EINVAL) { // since 4.3
		return have, fmt.Errorf("ambient set: %w", err)
	}
	if err := left.SetProc(); err != nil {
		return have, err
	}
	return kept, nil
}
