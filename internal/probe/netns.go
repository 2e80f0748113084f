package probe

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

const ownNamespace = "/proc/thread-self/ns/net"

// namespaces returns a path for each network namespace of the host that a process
// is in or that is mounted, by inode; that of this process has an empty path.
// Namespaces that are not permitted to be seen are left out. With threads it also
// finds those that only a single thread of a process is in, which takes a look at
// each thread.
func namespaces(threads bool) (map[uint64]string, error) {
	found := map[uint64]string{}
	add := func(path string) {
		// A process that ended meanwhile is no loss.
		if inode, err := namespaceInode(path); err == nil {
			if _, seen := found[inode]; !seen {
				found[inode] = path
			}
		}
	}
	processes, err := numbers("/proc")
	if err != nil {
		return nil, fmt.Errorf("list the processes: %w", err)
	}
	for _, pid := range processes {
		add("/proc/" + pid + "/ns/net")
		if !threads {
			continue
		}
		if tasks, err := numbers("/proc/" + pid + "/task"); err == nil && len(tasks) > 1 {
			for _, tid := range tasks {
				add("/proc/" + pid + "/task/" + tid + "/ns/net")
			}
		}
	}
	for _, path := range mountedNamespaces() {
		add(path)
	}
	if own, err := namespaceInode(ownNamespace); err == nil {
		found[own] = ""
	}
	return found, nil
}

// numbers lists the entries of a directory whose names begin with a digit.
func numbers(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(names, func(n string) bool { return n[0] < '0' || n[0] > '9' }), nil
}

func namespaceInode(path string) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return 0, fmt.Errorf("stat %s: %w", path, err)
	}
	return st.Ino, nil
}

// mountedNamespaces lists where namespaces are mounted, as ip-netns(8) and
// container runtimes do to keep them without a process.
func mountedNamespaces() []string {
	f, err := os.Open("/proc/thread-self/mountinfo")
	if err != nil {
		return nil
	}
	defer f.Close()
	var paths []string
	for sc := bufio.NewScanner(f); sc.Scan(); {
		before, after, ok := strings.Cut(sc.Text(), " - ")
		fields := strings.Fields(before)
		if ok && strings.HasPrefix(after, "nsfs ") && len(fields) > 4 && strings.HasPrefix(fields[3], "net:") {
			paths = append(paths, fields[4])
		}
	}
	return paths
}

// inNamespace runs f on a thread that is in the network namespace at path.
func inNamespace(path string, f func() error) error {
	if path == "" {
		return f()
	}
	result := make(chan error)
	go func() { result <- onThread(path, f) }()
	return <-result
}

func onThread(path string, f func() error) error {
	runtime.LockOSThread()
	own, err := os.Open(ownNamespace)
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("open own network namespace: %w", err)
	}
	defer own.Close()
	target, err := os.Open(path)
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("open network namespace: %w", err)
	}
	defer target.Close()
	if err := unix.Setns(int(target.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter network namespace %s: %w", path, err)
	}
	err = f()
	if back := unix.Setns(int(own.Fd()), unix.CLONE_NEWNET); back != nil {
		// The thread stays locked, so it ends with this goroutine and misleads nobody.
		return errors.Join(err, fmt.Errorf("return to own network namespace: %w", back))
	}
	runtime.UnlockOSThread()
	return err
}
