package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tcptop/internal/testkit"
)

// confineEnv makes this test binary a process that confines itself and then tries what
// it may not do: the Config, as JSON.
const confineEnv = "TCPTOP_TEST_CONFINE"

// tried is what came of it.
type tried struct {
	Held    Held
	Failed  string            // what Enter said
	Did     map[string]string // by what was tried: "" or the error
	Threads []map[string]string
}

func TestMain(m *testing.M) {
	if text := os.Getenv(confineEnv); text != "" {
		child(text)
		return
	}
	testkit.Main(m)
}

func child(text string) {
	var cfg Config
	if err := json.Unmarshal([]byte(text), &cfg); err != nil {
		panic(err)
	}
	before := make(chan struct{})
	go func() { // a thread from before
		runtime.LockOSThread()
		<-before
	}()
	held, err := Enter(cfg)
	t := tried{Held: held, Did: map[string]string{}}
	if err != nil {
		t.Failed = err.Error()
	} else {
		for name, try := range attempts() {
			t.Did[name] = verdict(try())
		}
		after := make(chan struct{})
		go func() { // and one from after
			runtime.LockOSThread()
			<-after
		}()
		t.Threads = threadStatus()
	}
	if err := json.NewEncoder(os.Stdout).Encode(t); err != nil {
		panic(err)
	}
}

func verdict(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, unix.EPERM):
		return "EPERM"
	case errors.Is(err, unix.EACCES):
		return "EACCES"
	}
	return err.Error()
}

// confined runs this test as a process that confines itself so.
func confined(t *testing.T, cfg Config, env ...string) tried {
	t.Helper()
	text, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command("/proc/self/exe")
	c.Env = append(append(os.Environ(), confineEnv+"="+string(text)), env...)
	var stderr strings.Builder
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	var got tried
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return got
}

// threadStatus is what proc_pid_status(5) says of each thread.
func threadStatus() (all []map[string]string) {
	paths, _ := filepath.Glob("/proc/self/task/*/status")
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		fields := map[string]string{}
		for line := range strings.Lines(string(text)) {
			name, value, _ := strings.Cut(line, ":")
			fields[name] = strings.TrimSpace(value)
		}
		all = append(all, fields)
	}
	return all
}

// The environment tells the attempts what to try.
const (
	insideEnv  = "TCPTOP_TEST_INSIDE"  // a directory that is open
	outsideEnv = "TCPTOP_TEST_OUTSIDE" // one that is not
	pidEnv     = "TCPTOP_TEST_PID"     // a process that is not ours
)

func attempts() map[string]func() error {
	in, out := os.Getenv(insideEnv), os.Getenv(outsideEnv)
	pid := 0
	_, _ = fmt.Sscan(os.Getenv(pidEnv), &pid)
	read := func(path string) func() error { return func() error { _, err := os.ReadFile(path); return err } }
	write := func(path string) func() error {
		return func() error { return os.WriteFile(path, []byte("x"), 0o600) }
	}
	call := func(nr uintptr, args ...uintptr) func() error {
		var a [6]uintptr
		copy(a[:], args)
		return func() error {
			if _, _, errno := unix.Syscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5]); errno != 0 {
				return errno
			}
			return nil
		}
	}
	socket := func(family, kind int) func() error {
		return func() error { return closed(unix.Socket(family, kind, 0)) }
	}
	return map[string]func() error{
		"read inside":          read(in + "/file"),
		"read outside":         read(out + "/file"),
		"read through a link":  read(in + "/link"),
		"read through ..":      read(in + "/../" + filepath.Base(out) + "/file"),
		"read through proc":    read("/proc/self/root" + out + "/file"),
		"read a link":          func() error { _, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); return err },
		"open by handle":       byHandle(in, out+"/file"),
		"write inside":         write(in + "/new"),
		"write outside":        write(out + "/new"),
		"rename inside":        func() error { return os.Rename(in+"/old", in+"/older") },
		"rename to outside":    func() error { return os.Rename(in+"/file", out+"/file2") },
		"exec":                 func() error { return unix.Exec("/bin/true", []string{"true"}, nil) },
		"start a process":      start,
		"load a program":       call(unix.SYS_BPF, unix.BPF_PROG_LOAD),
		"make a map":           call(unix.SYS_BPF, unix.BPF_MAP_CREATE),
		"attach":               call(unix.SYS_BPF, unix.BPF_LINK_CREATE),
		"pin":                  call(unix.SYS_BPF, unix.BPF_OBJ_PIN),
		"take a program by id": call(unix.SYS_BPF, unix.BPF_PROG_GET_FD_BY_ID),
		"raise a capability":   raise,
		"become another user":  call(unix.SYS_SETUID, 0),
		"trace":                call(unix.SYS_PTRACE, unix.PTRACE_ATTACH, uintptr(pid)),
		"read memory":          call(unix.SYS_PROCESS_VM_READV, uintptr(pid)),
		"mount":                call(unix.SYS_MOUNT),
		"unshare":              call(unix.SYS_UNSHARE, unix.CLONE_NEWUSER),
		"enter a mount space":  call(unix.SYS_SETNS, 0, unix.CLONE_NEWNS),
		"load a module":        call(unix.SYS_INIT_MODULE),
		"perf":                 call(unix.SYS_PERF_EVENT_OPEN),
		"io_uring":             call(unix.SYS_IO_URING_SETUP, 1),
		"type into a terminal": call(unix.SYS_IOCTL, 0, unix.TIOCSTI),
		"and so in 64 bits":    call(unix.SYS_IOCTL, 0, 1<<32|unix.TIOCSTI),
		"signal":               func() error { return unix.Kill(pid, 0) },
		"signal all":           func() error { return unix.Kill(-1, 0) },
		"packet socket":        socket(unix.AF_PACKET, unix.SOCK_RAW),
		"IP socket":            socket(unix.AF_INET, unix.SOCK_DGRAM),
		"netlink socket":       socket(unix.AF_NETLINK, unix.SOCK_RAW),
		"unix socket":          socket(unix.AF_UNIX, unix.SOCK_STREAM),
		"listen":               call(unix.SYS_LISTEN, 0, 1),
		"take a connection":    taken,
		"sleep and read proc": func() error {
			time.Sleep(time.Millisecond)
			_, err := os.ReadFile("/proc/self/stat")
			return err
		},
	}
}

// taken asks for one of what is no socket: the kernel says so, or the filter does.
func taken() error {
	if _, _, err := unix.Accept4(0, 0); errors.Is(err, unix.EPERM) {
		return err
	}
	return nil
}

func closed(fd int, err error) error {
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// byHandle goes around the names (CAP_DAC_READ_SEARCH).
func byHandle(in, path string) func() error {
	return func() error {
		h, _, err := unix.NameToHandleAt(unix.AT_FDCWD, path, 0)
		if err != nil {
			return err
		}
		mount, err := unix.Open(in, unix.O_RDONLY, 0) // on the same file system
		if err != nil {
			return err
		}
		defer unix.Close(mount)
		return closed(unix.OpenByHandleAt(mount, h, unix.O_RDONLY))
	}
}

func start() error {
	c := exec.Command("/bin/true")
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr // none that has to be opened
	return c.Run()
}

func raise() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := [2]unix.CapUserData{{Effective: 1 << unix.CAP_SETUID, Permitted: 1 << unix.CAP_SETUID}}
	_, _, errno := syscall.Syscall(unix.SYS_CAPSET, uintptr(ptr(&header)), uintptr(ptr(&data[0])), 0)
	if errno != 0 {
		return errno
	}
	return nil
}
