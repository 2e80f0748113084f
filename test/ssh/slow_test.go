package ssh

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tcptop/internal/testkit"
)

// TestSlow stops the tcptop of one of two hosts: that one is named as slow and its rows stay as
// they were told last, the other one goes on, and once it goes on too it is well again.
func TestSlow(t *testing.T) {
	s := newSite(t, 2)
	s.install()
	s.talk(0, 1000)
	s.talk(1, 2000)
	w := s.watch("h1", "h2", "--fields", "host,tx_bytes", "-e", "--", "tx_bytes>0")
	w.sees(&w.out, "h1,1000\n", 1)
	w.sees(&w.out, "h2,2000\n", 1)
	pid := s.there(1)
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGCONT) })
	w.sees(&w.said, "tcptop: h2 is slow\n", 1)
	s.talk(1, 3000)
	w.more("h1,1000\n", "h2,2000\n")
	if strings.Contains(w.out.String(), "h2,3000\n") {
		t.Error("h2 is not stopped")
	}
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	w.sees(&w.said, "tcptop: h2 is ok\n", 1)
	w.more("h2,3000\n")
	w.end()
	if text := w.said.String(); strings.Contains(text, "h1 is") || strings.Contains(text, "gone") {
		t.Errorf("h1 was well all the time, and h2 never gone:\n%s", text)
	}
}

// there is the tcptop that runs on a host.
func (s *site) there(host int) (pid int) {
	s.t.Helper()
	testkit.Eventually(s.t, testkit.Patience(20*time.Second), func() error {
		found, _ := filepath.Glob("/proc/[0-9]*/cmdline")
		for _, file := range found {
			args, _ := os.ReadFile(file)
			if bytes.HasPrefix(args, []byte(s.bin+"\x00--netns\x00"+fmt.Sprint(s.hosts[host].Inode())+"\x00")) {
				var err error
				pid, err = strconv.Atoi(strings.Split(file, "/")[2])
				return err
			}
		}
		return fmt.Errorf("no tcptop on host %d", host)
	})
	return pid
}
