// Package ssh runs the real program over a real ssh and sshd, into network namespaces
// with connections of known size.
package ssh

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tcptop/internal/testkit"
)

// site is some hosts: each is a network namespace, which sshd enters before it serves the one
// connection that ssh has to it. Nothing listens.
type site struct {
	t     *testing.T
	dir   string
	bin   string
	hosts []*testkit.NS
}

func newSite(t *testing.T, n int) *site {
	t.Helper()
	testkit.Kernel(t)
	testkit.Tools(t, "ssh", "ssh-keygen", "nsenter")
	sshd, err := exec.LookPath("/usr/sbin/sshd")
	if err != nil {
		testkit.Tools(t, "sshd")
	}
	s := &site{t: t, dir: t.TempDir()}
	s.bin = s.path("real-tcptop")
	build := exec.Command("go", "build", "-o", s.bin, "./cmd/tcptop")
	build.Dir, build.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
	s.run(build)
	for _, key := range []string{"host", "user"} {
		s.run(exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", s.path(key)))
	}
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // where it gives up its rights
		t.Fatal(err)
	}
	for _, dir := range []string{"local", "remote", "tmp"} {
		if err := os.Mkdir(s.path(dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	s.write("sshd_config", "HostKey "+s.path("host")+"\nAuthorizedKeysFile "+s.path("user.pub")+
		"\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\nPrintMotd no\nPidFile none\nSetEnv PATH="+s.path("remote")+":/usr/bin:/bin TMPDIR="+s.path("tmp")+" HOME="+s.dir+"\n") // bash reads the .bashrc there when sshd runs it: not root's
	config := "Host *\n User root\n IdentityFile " + s.path("user") + "\n IdentitiesOnly yes\n StrictHostKeyChecking no\n UserKnownHostsFile /dev/null\n"
	for i := range n {
		ns := testkit.NetNS(t)
		s.hosts = append(s.hosts, ns)
		config += fmt.Sprintf("Host h%d\n ProxyCommand nsenter --net=%s %s -i -f %s\n", i+1, ns.Path(), sshd, s.path("sshd_config"))
	}
	s.write("ssh_config", config)
	s.write("local/ssh", "#!/bin/sh\nexec /usr/bin/ssh -F "+s.path("ssh_config")+" \"$@\"\n")
	return s
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

func (s *site) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(s.path(name), []byte(text), 0o700); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) run(c *exec.Cmd) {
	s.t.Helper()
	if out, err := c.CombinedOutput(); err != nil {
		s.t.Fatalf("%v: %v\n%s", c.Args, err, out)
	}
}

// install gives all hosts a tcptop that sees its own namespace alone, as it would there.
func (s *site) install() {
	s.write("remote/tcptop", "#!/bin/sh\nexec "+s.bin+" --netns \"$(stat -Lc %i /proc/self/ns/net)\" \"$@\"\n")
}

// talk opens a connection within a host that has sent n bytes.
func (s *site) talk(host, n int) {
	s.t.Helper()
	s.hosts[host].Do(func() {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			s.t.Error(err)
			return
		}
		defer l.Close()
		c, err := net.Dial("tcp4", l.Addr().String())
		if err != nil {
			s.t.Error(err)
			return
		}
		peer, err := l.Accept()
		if err != nil {
			s.t.Error(err)
			return
		}
		s.t.Cleanup(func() { _, _ = c.Close(), peer.Close() })
		if _, err = c.Write(make([]byte, n)); err == nil {
			_, err = io.ReadFull(peer, make([]byte, n))
		}
		if err != nil {
			s.t.Error(err)
		}
	})
}

func (s *site) tcptop(args ...string) *exec.Cmd {
	c := exec.Command(s.bin, args...)
	c.Env = append(os.Environ(), "PATH="+s.path("local")+":"+os.Getenv("PATH"), "XDG_CONFIG_HOME="+s.dir, "HOME="+s.dir)
	return c
}

// TestFourHosts has each host's bytes under its own name, from one command.
func TestFourHosts(t *testing.T) {
	s := newSite(t, 4)
	s.install()
	want := make(map[string]int)
	for i := range s.hosts {
		s.talk(i, 1000*(i+1))
		want[fmt.Sprintf("h%d", i+1)] = 1000 * (i + 1)
	}
	c := s.tcptop("fleet", "h1", "h2", "h3", "h4", "-b", "-n", "1", "-o", "jsonl", "--backend", "diag", "-e", "--", "tx_bytes>0")
	var stderr strings.Builder
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	got := make(map[string]int)
	for line := range strings.Lines(string(out)) {
		var r struct {
			Host string
			Sent int `json:"tx_bytes"`
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		got[r.Host] += r.Sent
	}
	for host, n := range want {
		if got[host] != n {
			t.Errorf("%s sent %d, want %d\n%s%s", host, got[host], n, out, &stderr)
		}
	}
	if len(got) != len(want) {
		t.Errorf("hosts %v", got)
	}
}

// TestCopy runs a copy where there is no tcptop, and kills ssh in the middle: nothing is
// there, neither while it runs nor afterwards.
func TestCopy(t *testing.T) {
	s := newSite(t, 1)
	s.talk(0, 4321)
	c := s.tcptop("fleet", "h1", "--copy", "-b", "-o", "csv", "--fields", "host,tx_bytes", "--backend", "diag", "-e", "--netns", fmt.Sprint(s.hosts[0].Inode()))
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	text := ""
	for buf := make([]byte, 4096); !strings.Contains(text, "h1,4321\n"); {
		n, err := out.Read(buf)
		if text += string(buf[:n]); err != nil {
			t.Fatalf("%v after %q", err, text)
		}
	}
	s.empty()
	s.run(exec.Command("pkill", "-KILL", "-P", fmt.Sprint(c.Process.Pid))) // ssh, the only child
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, out); err != nil {
		t.Error(err)
	}
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
	s.empty()
	testkit.Eventually(t, 20*time.Second, func() error { // what ran there has ended
		found, _ := exec.Command("sh", "-c", "for p in /proc/[0-9]*/exe; do readlink $p; done | grep -F "+s.path("tmp")).Output()
		if len(found) > 0 {
			return fmt.Errorf("still there: %s", found)
		}
		return nil
	})
}

func (s *site) empty() {
	s.t.Helper()
	left, err := os.ReadDir(s.path("tmp"))
	if err != nil || len(left) > 0 {
		s.t.Errorf("left behind: %v, %v", left, err)
	}
}
