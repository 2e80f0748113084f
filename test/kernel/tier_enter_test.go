package kernel

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// enterArg as the first argument makes this binary enter a situation and then become
// another program: enterArg STEP,STEP… PROGRAM ARGUMENT…
const enterArg = "enter-situation"

// The ends of the connection that stepSockets makes, on 127.0.0.1.
const (
	serverPort = 7001
	clientPort = 7002
	pairBytes  = 1000 // bytes from client to server
)

// The steps into a situation, all inside the process that takes them.
const (
	stepSockets   = "sockets"
	stepLoopback  = "loopback"
	stepPrivate   = "private"
	stepProc      = "proc"
	stepProcRO    = "proc-ro"
	stepNoProc    = "no-proc"
	stepNoBTF     = "no-btf"
	stepNoBPFFS   = "no-bpffs"
	stepNoCgroup2 = "no-cgroup2"
	stepCgroup2   = "cgroup2"
	stepBPFPerm   = "bpf-eperm"
	stepBPFNoSys  = "bpf-enosys"
	stepNoDiag    = "no-sock-diag"
)

func steps() map[string]func() error {
	return map[string]func() error{
		stepSockets:   openPair,
		stepLoopback:  raiseLoopback,
		stepPrivate:   func() error { return unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") },
		stepProc:      func() error { return unix.Mount("proc", "/proc", "proc", 0, "") },
		stepProcRO:    func() error { return unix.Mount("", "/proc", "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, "") },
		stepNoProc:    func() error { return cover("/proc") },
		stepNoBTF:     func() error { return cover("/sys/kernel/btf") },
		stepNoBPFFS:   func() error { return cover("/sys/fs/bpf") },
		stepNoCgroup2: func() error { return eachCgroup2(unmount) },
		stepCgroup2:   func() error { return eachCgroup2(remountCgroup2) },
		stepBPFPerm:   func() error { return refuse(denyBPF(unix.EPERM)) },
		stepBPFNoSys:  func() error { return refuse(denyBPF(unix.ENOSYS)) },
		stepNoDiag:    func() error { return refuse(denySockDiag) },
	}
}

// enter takes the steps and becomes the program; it returns only with an error.
func enter(args []string) error {
	if len(args) < 2 {
		return errors.New("needs steps and a program")
	}
	runtime.LockOSThread() // a filter is the thread's that execs
	all := steps()
	for step := range strings.SplitSeq(args[0], ",") {
		take, ok := all[step]
		if !ok {
			return fmt.Errorf("no step %q", step)
		}
		if err := take(); err != nil {
			return fmt.Errorf("%s: %w", step, err)
		}
	}
	return syscall.Exec(args[1], args[1:], os.Environ())
}

// cover hides a directory under an empty filesystem.
func cover(dir string) error {
	return unix.Mount("none", dir, "tmpfs", unix.MS_RDONLY, "")
}

// eachCgroup2 calls f with every place where cgroup2 is mounted.
func eachCgroup2(f func(dir string) error) error {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(mounts)) {
		before, after, _ := strings.Cut(line, " - ")
		if fields := strings.Fields(before); strings.HasPrefix(after, "cgroup2 ") {
			if err := f(fields[4]); err != nil {
				return err
			}
		}
	}
	return nil
}

func unmount(dir string) error { return unix.Unmount(dir, unix.MNT_DETACH) }

// remountCgroup2 shows the hierarchy as the cgroup namespace has it.
func remountCgroup2(dir string) error {
	if err := unmount(dir); err != nil {
		return err
	}
	return unix.Mount("none", dir, "cgroup2", 0, "")
}

func raiseLoopback() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, ifr)
}

// openPair leaves a listener and both ends of a connection open for the program that
// this one becomes.
func openPair() error {
	listener, err := bound(serverPort)
	if err != nil {
		return err
	}
	client, err := bound(clientPort)
	if err != nil {
		return err
	}
	if err := unix.Listen(listener, 1); err != nil {
		return err
	}
	if err := unix.Connect(client, local(serverPort)); err != nil {
		return err
	}
	server, _, err := unix.Accept(listener)
	if err != nil {
		return err
	}
	if _, err := unix.Write(client, make([]byte, pairBytes)); err != nil {
		return err
	}
	for got := 0; got < pairBytes; {
		n, err := unix.Read(server, make([]byte, pairBytes))
		if err != nil {
			return err
		}
		got += n
	}
	return nil
}

func bound(port int) (fd int, err error) {
	if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0); err != nil {
		return fd, err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return fd, err
	}
	// Closed with a reset, it keeps the ports from nobody.
	if err := unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
		return fd, err
	}
	return fd, unix.Bind(fd, local(port))
}

func local(port int) unix.Sockaddr {
	return &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: port}
}
