package bench

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is a program in a terminal of 200 by 50 that nobody looks at.
type terminal struct {
	cmd    *exec.Cmd
	read   chan struct{}
	mu     sync.Mutex // guards text
	text   []byte
	master *os.File
}

func inTerminal(cmd *exec.Cmd) (*terminal, error) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	slave, err := otherEnd(master)
	if err != nil {
		return nil, err
	}
	defer slave.Close()
	t := &terminal{cmd: cmd, read: make(chan struct{}), master: master}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty = true, true
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, "TERM=xterm-256color")
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(t.read)
		_, _ = io.Copy(t, master) // until the program has closed its end
	}()
	return t, nil
}

// mostText is how much is kept of what a program prints.
const mostText = 64 << 20

func (t *terminal) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if room := mostText - len(t.text); room > 0 {
		t.text = append(t.text, b[:min(len(b), room)]...)
	}
	return len(b), nil
}

// otherEnd is what a program has of a terminal whose master is ours (pts(4)).
func otherEnd(master *os.File) (*os.File, error) {
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return nil, fmt.Errorf("unlock a terminal: %w", err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return nil, fmt.Errorf("number of a terminal: %w", err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 50, Col: 200}); err != nil {
		return nil, fmt.Errorf("size of a terminal: %w", err)
	}
	return os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
}

// said is what the program has printed so far.
func (t *terminal) said() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.text)
}

// ended reports whether the program has.
func (t *terminal) ended() bool {
	select {
	case <-t.read:
		return true
	default:
		return false
	}
}

// halt ends a program of others, which may take no heed of an interrupt.
func (t *terminal) halt() {
	_ = t.cmd.Process.Signal(unix.SIGINT)
	select {
	case <-t.read:
	case <-time.After(time.Second):
		_ = t.cmd.Process.Kill()
	}
	_ = t.cmd.Wait()
	<-t.read
	_ = t.master.Close()
}

// end interrupts the program and waits for it.
func (t *terminal) end(b *testing.B) {
	if err := t.cmd.Process.Signal(unix.SIGINT); err != nil {
		b.Error(err)
	}
	if err := t.cmd.Wait(); err != nil {
		b.Errorf("%s: %v", t.cmd.Path, err)
	}
	<-t.read
	if err := t.master.Close(); err != nil {
		b.Error(err)
	}
}
