package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"tcptop/test/vm/wire"
)

// mounts makes the guest look like a machine that systemd has booted; with cgroup=v1 on
// the kernel's command line, one of long ago.
func mounts() error {
	for _, m := range []struct{ kind, at string }{
		{"proc", "/proc"},
		{"sysfs", "/sys"},
		{"devtmpfs", "/dev"},
		{"tmpfs", "/dev/shm"},
		{"tmpfs", "/tmp"},
		{"tmpfs", "/run"},
		{"tracefs", "/sys/kernel/tracing"},
		{"bpf", "/sys/fs/bpf"},
	} {
		if err := mount(m.kind, m.at, ""); err != nil {
			return err
		}
	}
	kind, options := "cgroup2", ""
	if os.Getenv("cgroup") == "v1" {
		kind, options = "cgroup", "none,name=systemd"
	}
	if err := mount(kind, "/sys/fs/cgroup", options); err != nil {
		return err
	}
	if err := mount("cgroup", "/run/cgroup/pids", "pids"); err != nil { // of v1, beside either
		return err
	}
	for name, target := range map[string]string{"fd": "fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"} {
		if err := os.Symlink("/proc/self/"+target, "/dev/"+name); err != nil {
			return err
		}
	}
	if err := os.Chmod("/tmp", 0o1777); err != nil {
		return err
	}
	for name, text := range map[string]string{
		"/etc/passwd": "root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n",
		"/etc/group":  "root:x:0:\nnogroup:x:65534:\n",
		"/etc/hosts":  "127.0.0.1 localhost\n::1 localhost\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return errors.Join(
		unix.Sethostname([]byte("guest")),
		os.Setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
		os.Setenv("HOME", "/tmp"),
	)
}

func mount(kind, at, options string) error {
	if err := os.MkdirAll(at, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(kind, at, kind, 0, options); err != nil {
		return fmt.Errorf("mount %s: %w", at, err)
	}
	return nil
}

// insmodAll loads the modules but those that the kernel's command line wants left out.
func insmodAll() error {
	without := os.Getenv("without")
	files, err := filepath.Glob(filepath.Join(wire.Modules, "*.ko")) // sorted
	if err != nil {
		return err
	}
	for _, name := range files {
		if without != "" && strings.Contains(filepath.Base(name), without) {
			continue
		}
		if err := insmod(name); err != nil {
			return fmt.Errorf("load %s: %w", name, err)
		}
	}
	return nil
}

func insmod(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.FinitModule(int(f.Fd()), "", 0)
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

// connect returns a connection's two ends and its listener, to be held until the end:
// no machine is without one.
func connect() ([]io.Closer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	out, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return nil, err
	}
	in, err := l.Accept()
	return []io.Closer{l, out, in}, err
}

// openSerial opens the line for messages, which the kernel's command line names,
// and takes it out of its terminal manners.
func openSerial() (*os.File, error) {
	name := os.Getenv("messages")
	f, err := os.OpenFile("/dev/"+name, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	t, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
	t.Cflag = unix.CS8 | unix.CREAD | unix.CLOCAL | unix.B115200
	if err := unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, t); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}
