package enrich

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
)

// maxParents bounds how far back a process is traced.
const maxParents = 16

// Lineage reads what /proc says of owner's process, its parent and so on, the
// process itself first. It is an error where that one has ended, or where its pid
// is another's by now (proc_pid_stat(5), field 22); a parent that cannot be read
// ends the list.
func Lineage(owner conn.Owner) ([]conn.Task, error) {
	var tasks []conn.Task
	for pid := int(owner.PID); pid != 0 && len(tasks) <= maxParents; {
		p, err := procfs.NewProc(pid)
		var stat procfs.ProcStat
		if err == nil {
			stat, err = p.Stat()
		}
		switch {
		case err != nil && len(tasks) > 0:
			return tasks, nil
		case err != nil:
			return nil, unread(err)
		case len(tasks) == 0 && !started(owner, stat.Starttime):
			return nil, errors.New("the process has ended; its pid belongs to another one now")
		}
		tasks = append(tasks, task(p, &stat))
		pid = stat.PPID
	}
	return tasks, nil
}

// started reports whether a process that started then, in 1/100 s since boot, can be
// the owner. The kernel's records round by themselves.
func started(owner conn.Owner, at uint64) bool {
	d := int64(at) - int64(owner.Start)
	return owner.Start == 0 || d >= -1 && d <= 1
}

// task reads the rest; what may not be read stays empty.
func task(p procfs.Proc, stat *procfs.ProcStat) conn.Task {
	t := conn.Task{PID: uint32(p.PID), Comm: stat.Comm}
	t.Exe, _ = p.Executable()
	args, _ := p.CmdLine()
	t.Cmdline = strings.Join(args, " ")
	return t
}

// unread is why a process cannot be described, for people.
func unread(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ESRCH):
		return errors.New("the process has ended")
	case errors.Is(err, fs.ErrPermission):
		return errors.New("not permitted")
	}
	return fmt.Errorf("read /proc: %w", err)
}
