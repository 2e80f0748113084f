package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// host is a network namespace with a name of its own. It is where a thread is, which starts
// all that runs there: a child inherits it, and ends with the thread, which is when the demo
// does, however that is (PR_SET_PDEATHSIG).
type host struct {
	name  string
	netns uint64 // its inode
	path  string // where other processes find it
	tasks chan func()
}

func newHost(name string) (*host, error) {
	h := &host{name: name, tasks: make(chan func())}
	ready := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := h.enter()
		ready <- err
		for task := range h.tasks {
			task()
		}
	}()
	return h, <-ready
}

func (h *host) enter() error {
	if err := unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWUTS); err != nil {
		return fmt.Errorf("namespaces of %s: %w", h.name, err)
	}
	if err := unix.Sethostname([]byte(h.name)); err != nil {
		return fmt.Errorf("name of %s: %w", h.name, err)
	}
	var st unix.Stat_t
	if err := unix.Stat("/proc/thread-self/ns/net", &st); err != nil {
		return err
	}
	h.netns, h.path = st.Ino, fmt.Sprintf("/proc/%d/task/%d/ns/net", os.Getpid(), unix.Gettid())
	return nil
}

// do runs f on the host's thread.
func (h *host) do(f func() error) error {
	done := make(chan error)
	h.tasks <- func() { done <- f() }
	return <-done
}

// start starts c there.
func (h *host) start(c *exec.Cmd) error {
	if c.SysProcAttr == nil { // a ^C of the terminal is not for it
		c.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	}
	c.SysProcAttr.Pdeathsig = unix.SIGKILL
	return h.do(c.Start)
}

// ips runs ip(8) there, several times.
func (h *host) ips(commands ...string) error {
	return h.do(func() error {
		for _, c := range commands {
			if out, err := exec.Command("ip", strings.Fields(c)...).CombinedOutput(); err != nil {
				return fmt.Errorf("%s: ip %s: %w\n%s", h.name, c, err, out)
			}
		}
		return nil
	})
}

// forward lets packets pass through.
func (h *host) forward() error {
	return h.do(func() error { return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0) })
}
