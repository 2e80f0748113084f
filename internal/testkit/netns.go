package testkit

import (
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// NS is a network namespace of one test. It ends when the test and every
// process started in it have ended.
type NS struct {
	t     testing.TB
	file  *os.File
	inode uint64
}

// NetNS makes an empty network namespace with its loopback device up
// (127.0.0.1/8, ::1/128) and the given prefixes added to it.
func NetNS(t testing.TB, prefixes ...netip.Prefix) *NS {
	t.Helper()
	Root(t)
	ns := &NS{t: t}
	if err := onOwnThread(ns.create); err != nil {
		t.Fatalf("network namespace: %v", err)
	}
	t.Cleanup(func() {
		if err := ns.file.Close(); err != nil {
			t.Errorf("close namespace: %v", err)
		}
	})
	for _, p := range prefixes {
		// nodad: a tentative address can't be bound yet.
		if out, err := ns.Command("ip", "addr", "add", p.String(), "dev", "lo", "nodad").CombinedOutput(); err != nil {
			t.Fatalf("add %v: %v\n%s", p, err, out)
		}
	}
	return ns
}

func (ns *NS) create() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := loopbackUp(); err != nil {
		return err
	}
	f, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	ns.file = f
	ns.inode, err = inode(f)
	return err
}

// Inode returns the number by which the kernel and ss name the namespace.
func (ns *NS) Inode() uint64 { return ns.inode }

// Do calls f on a thread inside the namespace. Sockets that f opens stay
// inside; goroutines that it starts do not.
func (ns *NS) Do(f func()) {
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		ns.t.Fatalf("this namespace: %v", err)
	}
	if err := unix.Setns(int(ns.file.Fd()), unix.CLONE_NEWNET); err != nil {
		_ = home.Close()
		runtime.UnlockOSThread()
		ns.t.Fatalf("enter namespace: %v", err)
	}
	defer func() {
		err := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET)
		_ = home.Close()
		if err != nil {
			// The thread stays locked: the runtime ends it with this goroutine,
			// so that nothing else ever runs in the wrong namespace.
			panic(fmt.Sprintf("leave namespace: %v", err))
		}
		runtime.UnlockOSThread()
	}()
	f()
}

// onOwnThread runs f on a thread that ends with it, so that f may change what a
// thread cannot get back.
func onOwnThread(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- f()
	}()
	return <-done
}

func loopbackUp() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	defer unix.Close(s)
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, ifr); err != nil {
		return fmt.Errorf("loopback up: %w", err)
	}
	return nil
}

func inode(f *os.File) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return 0, fmt.Errorf("stat namespace: %w", err)
	}
	return st.Ino, nil
}

// Path returns where other processes find the namespace while the test runs.
func (ns *NS) Path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), ns.file.Fd()) }
