package ssh

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tcptop/internal/testkit"
)

// person gives the first host a user besides root, who may do with sudo what rule says. It is
// known there alone: sshd has a mount namespace of its own.
func (s *site) person(rule string) {
	s.t.Helper()
	for _, dir := range []string{filepath.Dir(s.dir), s.dir, s.path("remote")} {
		if err := os.Chmod(dir, 0o755); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := os.Chmod(s.path("tmp"), 0o777); err != nil {
		s.t.Fatal(err)
	}
	program, err := os.ReadFile(s.bin) // which is in a directory of root's
	if err != nil {
		s.t.Fatal(err)
	}
	s.write("remote/program", string(program))
	s.write("remote/tcptop", "#!/bin/sh\nexec "+s.path("remote/program")+" \"$@\"\n")
	for _, file := range []string{"remote/program", "remote/tcptop"} {
		if err := os.Chmod(s.path(file), 0o755); err != nil {
			s.t.Fatal(err)
		}
	}
	users, err := os.ReadFile("/etc/passwd")
	if err != nil {
		s.t.Fatal(err)
	}
	s.write("passwd", string(users)+"person:*:61234:61234::/:/bin/sh\n")
	s.write("sudoers", rule+"\n")
	for file, mode := range map[string]os.FileMode{"passwd": 0o644, "sudoers": 0o440} {
		if err := os.Chmod(s.path(file), mode); err != nil {
			s.t.Fatal(err)
		}
	}
	s.write("sshd", "#!/bin/sh\nmount --bind "+s.path("passwd")+" /etc/passwd && mount --bind "+s.path("sudoers")+" /etc/sudoers && exec /usr/sbin/sshd -i -f "+s.path("sshd_config")+"\n")
	config, err := os.ReadFile(s.path("ssh_config"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.write("ssh_config", fmt.Sprintf("Host own\n User person\n ProxyCommand unshare --mount nsenter --net=%s %s\n%s", s.hosts[0].Path(), s.path("sshd"), config))
}

// TestSudo asks a host as a user who is not root there: whose the connection is only root may
// see, so it is known with --sudo, which sudo has to allow.
func TestSudo(t *testing.T) {
	s := newSite(t, 1)
	testkit.Tools(t, "sudo", "unshare")
	s.talk(0, 1000)
	ask := func(flags ...string) (string, string, error) {
		c := s.tcptop(append([]string{"fleet", "own", "-b", "-n", "1", "-o", "csv", "--fields", "host,pid,tx_bytes", "--backend", "diag",
			"--netns", fmt.Sprint(s.hosts[0].Inode()), "-e"}, append(flags, "--", "tx_bytes>0")...)...)
		var stderr strings.Builder
		c.Stderr = &stderr
		out, err := c.Output()
		return string(out), stderr.String(), err
	}
	s.person("person ALL=(root) NOPASSWD: ALL")
	for _, c := range []struct {
		flags []string
		pid   string
	}{{nil, ""}, {[]string{"--sudo"}, fmt.Sprint(os.Getpid())}, {[]string{"--copy"}, ""}, {[]string{"--sudo", "--copy"}, fmt.Sprint(os.Getpid())}} {
		out, said, err := ask(c.flags...)
		if want := "host,pid,tx_bytes\nown," + c.pid + ",1000\n"; out != want || err != nil {
			t.Errorf("%v: %q, want %q (%v)\n%s", c.flags, out, want, err, said)
		}
		s.empty()
	}
	s.person("root ALL=(root) ALL")
	for _, flags := range [][]string{{"--sudo"}, {"--sudo", "--copy"}} {
		_, said, err := ask(flags...)
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok || exit.ExitCode() != 1 || !strings.Contains(said, "tcptop: own: sudo: a password is required\nhint: --sudo needs a rule of sudo's that asks for no password there\n") {
			t.Errorf("%v: %v, %s", flags, err, said)
		}
		s.empty()
	}
}
