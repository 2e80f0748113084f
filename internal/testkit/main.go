package testkit

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// Main runs a package's tests and then fails if they left a file descriptor or
// a goroutine behind. It is a package's whole TestMain and does not return.
func Main(m *testing.M) {
	before := descriptors()
	code := m.Run()
	if err := removeLoad(); err != nil {
		fmt.Fprintln(os.Stderr, "testkit: remove workload:", err)
		code = max(code, 1)
	}
	if code == 0 {
		code = leaks(before)
	}
	os.Exit(code)
}

func leaks(before map[string]string) (code int) {
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, "testkit: goroutines left:", err)
		code = 1
	}
	for fd, target := range descriptors() {
		if before[fd] != target && !ofRuntime(target) {
			fmt.Fprintf(os.Stderr, "testkit: file descriptor left: %s is %s\n", fd, target)
			code = 1
		}
	}
	return code
}

// descriptors lists this process' open files: number to what /proc says it is.
func descriptors() map[string]string {
	const dir = "/proc/self/fd"
	open := make(map[string]string)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return open
	}
	for _, e := range entries {
		// The directory itself is open while it is read and gone after.
		if target, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil {
			open[e.Name()] = target
		}
	}
	return open
}

// ofRuntime tells what the Go runtime and the test framework open when first
// needed and keep: the poller and the probe for pidfds.
func ofRuntime(target string) bool {
	for _, prefix := range []string{"anon_inode:[eventpoll]", "anon_inode:[eventfd]"} {
		if strings.HasPrefix(target, prefix) {
			return true
		}
	}
	return false
}
