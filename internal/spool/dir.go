package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// The names of files: a segment's, one that is being written, and one that the engine
// refuses or that cannot be read any more.
const (
	segmentSuffix = ".seg"
	sentSuffix    = ".sent" + segmentSuffix // an engine may have it
	unfinished    = ".tmp"
	deadSuffix    = ".dead"
	lockName      = "lock"
)

func (id ID) name() string { return fmt.Sprintf("%016x-%010d", id.Epoch, id.Number) }

// DirError says why a directory is not taken for a spool.
type DirError struct {
	Dir, What string
	Hint      string // what would help; "" where nothing is known
}

func (e *DirError) Error() string { return e.Dir + " " + e.What }

// directory is the spool's, open: nothing outside of it is reached through it, and no
// link in it is followed.
type directory struct {
	*os.Root
	lock *os.File
	// write makes a file that is there whole or not at all; tests have it fail.
	write func(d *directory, name string, b []byte) error
}

// openDir takes dir, which it makes if it can.
func openDir(dir string) (*directory, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return nil, err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return nil, &DirError{dir, "is a link", "name the directory itself"}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	d := &directory{Root: root, write: (*directory).writeFile}
	if err = d.check(dir); err == nil {
		err = d.take(dir)
	}
	if full(err) { // then it is for reading
		d.lock, err = nil, nil
	}
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return d, nil
}

// check holds that nobody else can write or read there.
func (d *directory) check(dir string) error {
	info, err := d.Stat(".")
	if err != nil {
		return err
	}
	switch {
	case !mine(info):
		return &DirError{dir, "belongs to another user", "name one of this user's, or chown it"}
	case info.Mode().Perm()&0o077 != 0:
		return &DirError{dir, fmt.Sprintf("is open to other users (mode %04o)", info.Mode().Perm()), "chmod 700 " + dir}
	}
	return nil
}

func mine(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// take locks the directory until the process ends.
func (d *directory) take(dir string) error {
	if info, err := d.Lstat(lockName); err == nil && !info.Mode().IsRegular() {
		return &DirError{dir, "has a " + lockName + " that is no file", ""}
	}
	f, err := d.OpenFile(lockName, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = &DirError{dir, "is another agent's", "stop it, or use another directory"}
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	d.lock = f
	return nil
}

// full reports whether the disk takes nothing, now or ever.
func full(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EROFS) || errors.Is(err, unix.EDQUOT)
}

// epoch is that of this run: at, or later where the clock has been there before.
func (d *directory) epoch(at uint64) (uint64, error) {
	if d.lock == nil {
		return at, nil
	}
	var was uint64
	if _, err := fmt.Fscan(io.LimitReader(d.lock, 32), &was); err == nil {
		at = max(at, was+1)
	}
	_, err := d.lock.WriteAt(fmt.Appendf(nil, "%-20d\n", at), 0)
	return at, err
}

func (d *directory) close() error {
	if d.lock == nil {
		return d.Root.Close()
	}
	return errors.Join(d.lock.Close(), d.Root.Close())
}

// writeFile writes beside, makes it last, and renames.
func (d *directory) writeFile(name string, b []byte) error {
	f, err := d.OpenFile(name+unfinished, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = d.Rename(name+unfinished, name)
	}
	if err != nil {
		return errors.Join(err, gone(d.Remove(name+unfinished)))
	}
	if err = d.sync(); err != nil {
		return errors.Join(err, gone(d.Remove(name)))
	}
	return nil
}

// sync makes the names in the directory last.
func (d *directory) sync() error {
	f, err := d.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// bare is err without the path.
func bare(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	if link, ok := errors.AsType[*os.LinkError](err); ok {
		return link.Err
	}
	return err
}

// gone takes a file that is not there for removed.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// read returns at most limit bytes of a file of ours.
func (d *directory) read(name string, limit int64) ([]byte, error) {
	// Root follows links that stay within it.
	if info, err := d.Lstat(name); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() || !mine(info) {
		return nil, errForeign
	}
	f, err := d.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}

var errForeign = errors.New("not a file of ours")

// names lists the directory.
func (d *directory) names() ([]string, error) {
	f, err := d.Open(".")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

// block is what a file takes at least.
const block = 4096

// occupied is what a file of n bytes takes.
func occupied(n int64) int64 { return (n + block - 1) / block * block }
