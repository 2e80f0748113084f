package record

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Files is what a Writer does to a directory: the functions of the system, or those
// of a test that fail where it wants.
type Files struct {
	Create func(path string) (File, error) // for appending; it must not exist
	Remove func(path string) error
	Mkdir  func(path string) error
	// Sync makes the names in a directory last (fsync(2)).
	Sync func(dir string) error
}

// File is a segment that is being written.
type File interface {
	Write([]byte) (int, error)
	Truncate(size int64) error
	Sync() error
	Close() error
	// Linked reports whether the file still has a name.
	Linked() bool
}

// System is the files of this host.
func System() Files {
	return Files{
		Create: func(path string) (File, error) {
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o600)
			if err != nil {
				return nil, err
			}
			return systemFile{f}, nil
		},
		Remove: os.Remove,
		Mkdir:  func(path string) error { return os.Mkdir(path, 0o700) },
		Sync: func(dir string) error {
			f, err := os.Open(dir)
			if err != nil {
				return err
			}
			defer f.Close()
			return f.Sync()
		},
	}
}

type systemFile struct{ *os.File }

// Sync is fdatasync(2): the length is written with the data, times are not.
func (f systemFile) Sync() error { return unix.Fdatasync(int(f.Fd())) }

func (f systemFile) Linked() bool {
	var s unix.Stat_t
	return unix.Fstat(int(f.Fd()), &s) == nil && s.Nlink > 0
}

// LockedError says that another recorder writes to a directory.
type LockedError struct {
	Dir string
	PID string // "" where it is not known
}

func (e *LockedError) Error() string {
	who := "another recorder"
	if e.PID != "" {
		who += " (process " + e.PID + ")"
	}
	return who + " writes to " + e.Dir
}

const lockName = "lock"

// lock takes dir for this process, until the file is closed or the process ends.
func lock(dir string) (*os.File, error) {
	// It is emptied: who may write to dir shall not choose what (O_NOFOLLOW).
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || st.Nlink > 1 {
		return nil, errors.Join(fmt.Errorf("%s is not a file of the recorder's alone", f.Name()), err, f.Close())
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		pid := make([]byte, 16)
		n, _ := f.ReadAt(pid, 0)
		_ = f.Close()
		return nil, &LockedError{Dir: dir, PID: strings.TrimSpace(string(pid[:n]))}
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	if err := f.Truncate(0); err == nil {
		_, _ = fmt.Fprintln(f, os.Getpid()) // only for the error above
	}
	return f, nil
}

// stored is a segment of an earlier run, or an ended one of this.
type stored struct {
	path string
	size int64
	last int64 // time of its last tick, or of its last write: Unix ns
}

// storedIn lists the segments of dir, the oldest first, and the number for the next.
func storedIn(dir string) (all []stored, next uint64, err error) {
	paths, err := segmentPaths(dir)
	if err != nil {
		return nil, 0, err
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		all = append(all, stored{path: path, size: info.Size(), last: info.ModTime().UnixNano()})
		var n uint64
		if _, err := fmt.Sscanf(filepath.Base(path), "%d-", &n); err == nil {
			next = max(next, n+1)
		}
	}
	return all, next, nil
}
