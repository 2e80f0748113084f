package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// crowdMain holds many processes with many open files each, of which one is a listener
// of its own. They are copies of this one that do nothing, which is all that they need
// memory for.
func crowdMain(args []string, c *console) error {
	fs := flag.NewFlagSet("crowd", flag.ContinueOnError)
	procs := fs.Int("procs", 1000, "processes")
	files := fs.Int("files", 100, "open files of each")
	if err := fs.Parse(args); err != nil {
		return err
	}
	runtime.LockOSThread() // their parent, without which they end
	have, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for n := len(have); n < *files; n++ { // one more than there are, which is the listener
		if _, err := unix.Open("/dev/null", unix.O_RDONLY, 0); err != nil {
			return fmt.Errorf("open file: %w", err)
		}
	}
	pids := make([]int, 0, *procs)
	for err == nil && len(pids) < *procs {
		pid, errno := crowdFork()
		if errno != 0 {
			err = fmt.Errorf("fork: %w", errno)
			break
		}
		pids = append(pids, pid)
	}
	if err == nil {
		err = c.hold(len(pids))
	}
	for _, pid := range pids {
		err = errors.Join(err, unix.Kill(pid, unix.SIGKILL))
	}
	for _, pid := range pids {
		if _, wait := unix.Wait4(pid, nil, 0, nil); wait != nil {
			err = errors.Join(err, wait)
		}
	}
	return err
}

// crowdFork returns in the parent only. The child shares no memory with a Go runtime
// that works, so it makes nothing but system calls.
//
//go:nosplit
//go:norace
func crowdFork() (pid int, errno unix.Errno) {
	r, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if r != 0 || errno != 0 {
		return int(r), errno
	}
	_, _, _ = unix.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0)
	fd, _, _ := unix.RawSyscall(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_STREAM, 0)
	_, _, _ = unix.RawSyscall(unix.SYS_LISTEN, fd, 1, 0) // at a port of its own
	for {
		_, _, _ = unix.RawSyscall6(unix.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
	}
}
