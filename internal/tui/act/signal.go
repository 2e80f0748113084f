// Package act does what the screen can do besides showing: it sends signals,
// closes sockets and writes exports. Nothing here asks; whoever calls has asked.
package act

import (
	"errors"
	"os"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
)

// Signal sends a signal to the process that owner names, and to no other one that
// has its pid by now.
func Signal(owner conn.Owner, signal int) error {
	fd, err := unix.PidfdOpen(int(owner.PID), 0)
	if err != nil {
		return reason(err)
	}
	defer unix.Close(fd)
	// The pidfd holds the process that has the pid now: if that one started when
	// the owner did, it is the owner.
	start, err := started(owner.PID)
	if err != nil {
		return reason(err)
	}
	if owner.Start == 0 {
		return errors.New("its start time is not known, so it may be another process by now")
	}
	if d := int64(start) - int64(owner.Start); d < -1 || d > 1 {
		return errors.New("the process has ended; its pid belongs to another one now")
	}
	return reason(unix.PidfdSendSignal(fd, unix.Signal(signal), nil, 0))
}

// started is when a process started since boot, in 1/100 s (proc_pid_stat(5), 22).
func started(pid uint32) (uint64, error) {
	p, err := procfs.NewProc(int(pid))
	if err != nil {
		return 0, err
	}
	stat, err := p.Stat()
	return stat.Starttime, err
}

// reason is what the system says, in words for people.
func reason(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ESRCH), errors.Is(err, os.ErrNotExist):
		return errors.New("there is no such process any more")
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return errors.New("not permitted")
	}
	return err
}
