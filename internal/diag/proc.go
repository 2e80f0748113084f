package diag

import (
	"iter"
	"os"
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
)

// costShare bounds what repeated passes over /proc cost: after one that took t of CPU
// time the next waits for costShare times t, so they take at most one percent of a
// core, unless that were longer than pause.
const (
	costShare = 100
	pause     = int64(5 * time.Second)
)

// costOf runs f and returns the CPU time in ns that its thread spent on it.
func costOf(f func()) int64 {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := threadTime()
	f()
	return threadTime() - before
}

func threadTime() int64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		panic("no CPU time: " + err.Error())
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// batch is how many names of a directory are read at a time.
const batch = 512

// numbered yields the entries of a directory of /proc whose names begin with a digit,
// in its order; none if it cannot be read.
func numbered(dir string) iter.Seq[string] {
	return func(yield func(string) bool) {
		f, err := os.Open(dir)
		if err != nil {
			return
		}
		defer f.Close()
		for {
			names, err := f.Readdirnames(batch)
			for _, n := range names {
				if n[0] >= '0' && n[0] <= '9' && !yield(n) {
					return
				}
			}
			if err != nil {
				return
			}
		}
	}
}

// eachHolder looks through the files of all processes, in the order of their pids, and
// tells each process that has a socket whose inode is wanted, once per file of it.
// Processes that cannot be looked into are passed over.
func eachHolder(wanted func(inode uint32) bool, tell func(inode uint32, o conn.Owner)) {
	for pid := range numbered("/proc") {
		var owner conn.Owner
		for inode := range sockets("/proc/" + pid + "/fd") {
			if !wanted(inode) {
				continue
			}
			if owner.PID == 0 {
				if owner = describe(pid); owner.PID == 0 {
					break // it ended
				}
			}
			tell(inode, owner)
		}
	}
}

// sockets yields the inodes of the sockets among a process' files. It reads the links
// itself: the library would make a string of each file's target (BenchmarkHolders).
func sockets(dir string) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		f, err := os.Open(dir)
		if err != nil {
			return
		}
		defer f.Close()
		fd := int(f.Fd())
		var target [32]byte
		for {
			names, err := f.Readdirnames(batch)
			for _, name := range names {
				n, err := unix.Readlinkat(fd, name, target[:])
				if err != nil {
					continue
				}
				if inode, ok := socketInode(target[:n]); ok && !yield(inode) {
					return
				}
			}
			if err != nil {
				return
			}
		}
	}
}

// socketInode reads what a socket's link points to: socket:[INODE].
func socketInode(target []byte) (uint32, bool) {
	const before, after = "socket:[", "]"
	if len(target) <= len(before)+len(after) || string(target[:len(before)]) != before {
		return 0, false
	}
	n, err := strconv.ParseUint(string(target[len(before):len(target)-len(after)]), 10, 32)
	if err != nil {
		return 0, false
	}
	return uint32(n), true
}

// describe is a process as the owner of a socket; none if it has ended.
func describe(pid string) conn.Owner {
	n, err := strconv.Atoi(pid)
	if err != nil {
		return conn.Owner{}
	}
	p, err := procfs.NewProc(n)
	if err != nil {
		return conn.Owner{}
	}
	stat, err := p.Stat()
	if err != nil {
		return conn.Owner{}
	}
	return conn.Owner{
		PID:    uint32(n),
		Start:  uint32(stat.Starttime),
		Comm:   conn.MakeName(stat.Comm),
		Source: conn.OwnerProc,
	}
}
