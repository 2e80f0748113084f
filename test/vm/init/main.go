// Init is process 1 of the matrix' guests (test/vm): it mounts what tests need,
// loads modules, runs the jobs, reports over a serial line and turns the guest off.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tcptop/test/vm/wire"
)

func main() {
	// The console is the standard error of process 1.
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "init:", err)
	}
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	// An init that ends is a panic, which the matrix sees.
}

func run() error {
	if err := mounts(); err != nil {
		return err
	}
	if err := insmodAll(); err != nil {
		return err
	}
	if err := loopbackUp(); err != nil {
		return err
	}
	held, err := connect()
	if err != nil {
		return err
	}
	defer runtime.KeepAlive(held)
	line, err := openSerial()
	if err != nil {
		return err
	}
	r := &reporter{to: json.NewEncoder(line)}
	if err := r.jobs(); err != nil {
		return err
	}
	// tcdrain(3): what is in the line's buffer would be lost with the power.
	return unix.IoctlSetInt(int(line.Fd()), unix.TCSBRK, 1)
}

// reporter sends messages; the first error stays.
type reporter struct {
	mu  sync.Mutex
	to  *json.Encoder
	err error
}

func (r *reporter) send(m wire.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = r.to.Encode(m)
	}
}

func (r *reporter) jobs() error {
	text, err := os.ReadFile(wire.Jobs)
	if err != nil {
		return err
	}
	var jobs []wire.Job
	if err := json.Unmarshal(text, &jobs); err != nil {
		return fmt.Errorf("%s: %w", wire.Jobs, err)
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return err
	}
	r.send(wire.Message{Release: unix.ByteSliceToString(u.Release[:])})
	for _, j := range jobs {
		if err := r.run(j); err != nil {
			return fmt.Errorf("%s: %w", j.Name, err)
		}
	}
	r.send(wire.Message{Done: true})
	return r.err
}

func (r *reporter) run(j wire.Job) error {
	cmd := exec.Command(j.Argv[0], j.Argv[1:]...)
	cmd.Env = append(os.Environ(), j.Env...)
	cmd.Dir = "/"
	cmd.Stdout = sender(func(b []byte) { r.send(wire.Message{Job: j.Name, Out: b}) })
	cmd.Stderr = sender(func(b []byte) { r.send(wire.Message{Job: j.Name, Err: b}) })
	cmd.WaitDelay = time.Minute // for what outlives the job and holds its output
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	limit := time.AfterFunc(j.Limit, func() { _ = cmd.Process.Signal(syscall.SIGQUIT) }) // Go says where it hangs
	kill := time.AfterFunc(j.Limit+10*time.Second, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	limit.Stop()
	kill.Stop()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		return err
	}
	code := cmd.ProcessState.ExitCode()
	if s := cmd.ProcessState.Sys().(syscall.WaitStatus); s.Signaled() {
		code = 128 + int(s.Signal())
	}
	r.send(wire.Message{Job: j.Name, Exit: &code, Seconds: time.Since(start).Seconds()})
	return nil
}

type sender func([]byte)

func (s sender) Write(b []byte) (int, error) {
	s(b)
	return len(b), nil
}
