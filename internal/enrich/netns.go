package enrich

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// maxSpaces bounds the names of network namespaces.
const maxSpaces = 1 << 12

// namedSpaces lists what ip-netns(8) keeps in dir: names by inode. A name that its
// maker made up (cni-UUID) is left out: the pod says more.
func namedSpaces(dir string) map[uint32]string {
	names := make(map[uint32]string)
	d, err := os.Open(dir)
	if err != nil {
		return names
	}
	defer d.Close()
	all, _ := d.Readdirnames(maxSpaces) // what can be read
	for _, name := range all {
		// Until it is mounted on, the file is an empty one of another filesystem, whose
		// inodes are no namespaces'.
		var st unix.Stat_t
		if strings.HasPrefix(name, "cni-") || unix.Stat(filepath.Join(dir, name), &st) != nil {
			continue
		}
		if was, taken := names[uint32(st.Ino)]; !taken || name < was {
			names[uint32(st.Ino)] = name
		}
	}
	return names
}

// stampOf tells whether a directory has changed; 0 is not there.
func stampOf(dir string) int64 {
	var st unix.Stat_t
	if unix.Stat(dir, &st) != nil {
		return 0
	}
	return st.Mtim.Nano()
}

// ownSpaces are the inodes of the host's network namespace and of our thread's, which are no
// container's.
func ownSpaces(proc string) map[uint32]bool {
	own := make(map[uint32]bool)
	for _, pid := range []string{"1", "thread-self"} {
		var st unix.Stat_t
		if unix.Stat(filepath.Join(proc, pid, "ns/net"), &st) == nil {
			own[uint32(st.Ino)] = true
		}
	}
	return own
}
