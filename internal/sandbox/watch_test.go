//go:build !cgo

package sandbox

import (
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestKeepWatch makes a call in every thread again and again while goroutines go into
// another that has no end. Without the watch about one in ten thousand takes as long as
// the next timer, here the limit; with cgo it is C that makes them, and stops no world.
func TestKeepWatch(t *testing.T) {
	const waiting, calls, limit = 4, 20000, 50 * time.Second
	defer keepWatch()() // until the end: setting GOMAXPROCS stops the world, too
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(waiting))
	for range waiting {
		waits(t)
	}
	failed := make(chan error, 1)
	go func() { failed <- everywhere(calls) }()
	select {
	case err := <-failed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(limit):
		t.Error("the world did not stop in time")
	}
}

// everywhere makes a harmless call n times in every thread.
func everywhere(n int) error {
	for range n {
		if _, _, errno := syscall.AllThreadsSyscall(unix.SYS_PRCTL, unix.PR_CAPBSET_READ, unix.CAP_CHOWN, 0); errno != 0 {
			return errno
		}
	}
	return nil
}

// waits starts a goroutine that is in epoll_wait(2) until the test ends, but for what interrupts it.
func waits(t *testing.T) {
	t.Helper()
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	end, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.EpollCtl(poll, unix.EPOLL_CTL_ADD, end, &unix.EpollEvent{Events: unix.EPOLLIN}); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		var events [1]unix.EpollEvent
		for n := 0; n <= 0; {
			n, _ = unix.EpollWait(poll, events[:], -1)
		}
	}()
	t.Cleanup(func() {
		if _, err := unix.Write(end, []byte{1, 0, 0, 0, 0, 0, 0, 0}); err != nil {
			t.Fatal(err) // and never waits
		}
		<-done
		_, _ = unix.Close(poll), unix.Close(end)
	})
}
