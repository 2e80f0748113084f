package enrich

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// cgroups finds the path of a cgroup by its id. The zero value finds none.
type cgroups struct {
	mount  string // where cgroup2 is mounted
	v1     bool   // there are cgroup v1 hierarchies too
	handle int    // an open directory of the mount; -1 where handles may not be opened
}

// openCgroups looks for the hierarchies in proc/self/mountinfo.
func openCgroups(proc string) cgroups {
	c := cgroups{handle: -1}
	f, err := os.Open(filepath.Join(proc, "self/mountinfo"))
	if err != nil {
		return c
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		before, after, ok := strings.Cut(lines.Text(), " - ")
		fields := strings.Fields(before)
		if !ok || len(fields) < 5 {
			continue
		}
		switch kind, _, _ := strings.Cut(after, " "); {
		case kind == "cgroup":
			c.v1 = true
		case kind == "cgroup2" && c.mount == "":
			c.mount = fields[4]
		}
	}
	c.openMount()
	return c
}

// openMount opens what handles are relative to. Another filesystem, as in a test, has
// other handles.
func (c *cgroups) openMount() {
	var st unix.Statfs_t
	if c.mount == "" || unix.Statfs(c.mount, &st) != nil || st.Type != unix.CGROUP2_SUPER_MAGIC {
		return
	}
	fd, err := unix.Open(c.mount, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == nil {
		c.handle = fd
	}
}

func (c *cgroups) close() error {
	if c.handle < 0 {
		return nil
	}
	err := unix.Close(c.handle)
	c.handle = -1
	return err
}

// fileidKernfs is FILEID_KERNFS (enum fid_type, since 5.5): the handle is the id.
const fileidKernfs = 0xfe

// byID asks the kernel for the directory of that id, which takes CAP_DAC_READ_SEARCH and
// a few µs, whatever the size of the tree; nothing here leaves memory. gone is true where
// the kernel has no such cgroup any more: ids are never used twice.
func (c *cgroups) byID(id uint64) (path string, gone bool) {
	if c.handle < 0 {
		return "", false
	}
	h := unix.NewFileHandle(fileidKernfs, binary.NativeEndian.AppendUint64(nil, id))
	fd, err := unix.OpenByHandleAt(c.handle, h, unix.O_PATH|unix.O_CLOEXEC)
	switch {
	case errors.Is(err, unix.ESTALE), errors.Is(err, unix.ENOENT):
		return "", true
	case err != nil:
		return "", false
	}
	defer unix.Close(fd)
	dir, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
	if err != nil {
		return "", false
	}
	return c.below(dir), false
}

// below takes the mount's own path off; "" where dir is not below it.
func (c *cgroups) below(dir string) string {
	switch rest, ok := strings.CutPrefix(dir, c.mount); {
	case !ok:
		return ""
	case rest == "":
		return "/"
	default:
		return rest
	}
}

// maxCgroups bounds a walk.
const maxCgroups = 1 << 16

// walk visits the whole tree, the ancestors first, until use returns false. A cgroup's
// id is its inode (kernfs_ino, on 64 bits).
func (c *cgroups) walk(use func(id uint64, path string) bool) {
	if c.mount == "" {
		return
	}
	seen := 0
	// What cannot be read is left out: a cgroup may go at any time.
	_ = filepath.WalkDir(c.mount, func(dir string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // the rest of the tree is still there
		}
		if !d.IsDir() {
			return nil
		}
		if seen++; seen > maxCgroups {
			return fs.SkipAll
		}
		var st unix.Stat_t
		if unix.Lstat(dir, &st) != nil {
			return nil
		}
		if !use(st.Ino, c.below(dir)) {
			return fs.SkipAll
		}
		return nil
	})
}
