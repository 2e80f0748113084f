package ssh

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
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

// watch is a tcptop that shows hosts as lines until the test ends it.
type watch struct {
	*exec.Cmd
	t         *testing.T
	out, said page
}

func (s *site) watch(args ...string) *watch {
	s.t.Helper()
	w := &watch{Cmd: s.tcptop(append([]string{"fleet", "-b", "-d", "0.2", "-o", "csv", "--backend", "diag"}, args...)...), t: s.t}
	w.Stdout, w.Stderr = &w.out, &w.said
	if err := w.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = w.Process.Kill(); _ = w.Wait() })
	return w
}

// sees waits until p has want so many times.
func (w *watch) sees(p *page, want string, times int) {
	w.t.Helper()
	testkit.Eventually(w.t, testkit.Patience(30*time.Second), func() error {
		if text := p.String(); strings.Count(text, want) < times {
			return fmt.Errorf("%q is not there %d times:\n%s%s", want, times, text, &w.said)
		}
		return nil
	})
}

// more waits until rows are told again.
func (w *watch) more(rows ...string) {
	w.t.Helper()
	text := w.out.String()
	for _, row := range rows {
		w.sees(&w.out, row, strings.Count(text, row)+2)
	}
}

func (w *watch) end() {
	w.t.Helper()
	if err := w.Process.Signal(os.Interrupt); err != nil {
		w.t.Fatal(err)
	}
	if err := w.Wait(); err != nil {
		w.t.Errorf("%v\n%s", err, &w.said)
	}
}

// TestGone kills the ssh of one of two hosts: that one is named as gone, the other one
// goes on, and the first is there again by itself.
func TestGone(t *testing.T) {
	s := newSite(t, 2)
	s.install()
	s.talk(0, 1000)
	s.talk(1, 2000)
	w := s.watch("h1", "h2", "--fields", "host,tx_bytes", "-e", "--", "tx_bytes>0")
	w.sees(&w.out, "h1,1000\n", 1)
	w.sees(&w.out, "h2,2000\n", 1)
	if err := syscall.Kill(sshTo(t, w.Process.Pid, "h2"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	w.sees(&w.said, "tcptop: h2 is gone: ", 1)
	w.more("h1,1000\n")
	w.sees(&w.said, "tcptop: h2 is ok\n", 1)
	w.more("h2,2000\n")
	w.end()
	if strings.Contains(w.said.String(), "h1 is") {
		t.Errorf("h1 was well all the time:\n%s", &w.said)
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
