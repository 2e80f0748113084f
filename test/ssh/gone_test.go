package ssh

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tcptop/internal/testkit"
)

// page is what a program prints, read while it runs.
type page struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (p *page) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *page) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// TestGone kills the ssh of one of two hosts: that one is named as gone, the other one
// goes on, and the first is there again by itself.
func TestGone(t *testing.T) {
	s := newSite(t, 2)
	s.install()
	s.talk(0, 1000)
	s.talk(1, 2000)
	var out, said page
	c := s.tcptop("fleet", "h1", "h2", "-b", "-d", "0.2", "-o", "csv", "--fields", "host,tx_bytes", "--backend", "diag", "-e", "--", "tx_bytes>0")
	c.Stdout, c.Stderr = &out, &said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	sees := func(p *page, want string, times int) {
		t.Helper()
		testkit.Eventually(t, testkit.Patience(30*time.Second), func() error {
			if text := p.String(); strings.Count(text, want) < times {
				return fmt.Errorf("%q is not there %d times:\n%s", want, times, text)
			}
			return nil
		})
	}
	sees(&out, "h1,1000\n", 1)
	sees(&out, "h2,2000\n", 1)
	if err := syscall.Kill(sshTo(t, c.Process.Pid, "h2"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	sees(&said, "tcptop: h2 is gone: ", 1)
	text := out.String()
	sees(&out, "h1,1000\n", strings.Count(text, "h1,1000\n")+2)
	sees(&said, "tcptop: h2 is ok\n", 1)
	sees(&out, "h2,2000\n", strings.Count(text, "h2,2000\n")+2)
	if strings.Contains(said.String(), "h1 is") {
		t.Errorf("h1 was well all the time:\n%s", &said)
	}
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Errorf("%v\n%s", err, &said)
	}
}

// sshTo is the child of pid that talks to a host.
func sshTo(t *testing.T, pid int, host string) int {
	t.Helper()
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name()))
		for child := range strings.FieldsSeq(string(children)) {
			args, _ := os.ReadFile("/proc/" + child + "/cmdline")
			if strings.Contains(string(args), "\x00--\x00"+host+"\x00") {
				n, _ := strconv.Atoi(child)
				return n
			}
		}
	}
	t.Fatalf("no ssh to %s", host)
	return 0
}
