package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"

	"tcptop/test/vm/wire"
)

// guest is one boot of one kernel.
type guest struct {
	kernel  kernel
	initrd  string
	options string    // more for the kernel's command line
	console io.Writer // the kernel's messages
	limit   time.Duration
}

// boot starts the guest and calls take for every message. An error says why there
// is no verdict: the guest did not boot, panicked, hung, or its kernel complained.
func (g *guest) boot(ctx context.Context, take func(wire.Message)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, g.limit, fmt.Errorf("no end within %v", g.limit))
	defer cancel()
	messages, line, err := os.Pipe()
	if err != nil {
		return err
	}
	defer messages.Close()
	argv := g.qemu()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	// Of its own group: Ctrl-C is for the matrix, which then ends its guests.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.ExtraFiles = []*os.File{line} // /dev/fd/3
	watch := &watcher{to: g.console, panicked: func() { time.AfterFunc(3*time.Second, cancel) }}
	cmd.Stdout, cmd.Stderr = watch, watch
	if err := cmd.Start(); err != nil {
		return errors.Join(err, line.Close())
	}
	if err := line.Close(); err != nil {
		return err
	}
	done, err := read(messages, take)
	ended := cmd.Wait()
	switch {
	case watch.trouble != "":
		return fmt.Errorf("the kernel complained: %s", watch.trouble)
	case err != nil:
		return fmt.Errorf("read messages: %w", err)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case !done:
		return errors.Join(errors.New("no verdict: the guest went off before its jobs were done"), ended)
	}
	return nil
}

// read hands messages over until the guest is off.
func read(r io.Reader, take func(wire.Message)) (done bool, err error) {
	for d := json.NewDecoder(r); ; {
		var m wire.Message
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			return done, nil
		} else if err != nil {
			return done, err
		}
		done = done || m.Done
		take(m)
	}
}

func (g *guest) qemu() []string {
	cpu := "max"
	if g.kernel.arch == "arm64" {
		cpu += ",pauth-impdef=on" // pointers are signed at each call: the usual cipher takes 60 % of a guest's time
	}
	args := []string{"-accel", "tcg", "-cpu", cpu, "-m", "1024", "-smp", "1", "-nodefaults", "-no-reboot", "-display", "none",
		"-chardev", "stdio,id=console,signal=off", "-chardev", "file,id=messages,path=/dev/fd/3"}
	options := "rdinit=/init panic=-1 oops=panic loglevel=5 nokaslr mitigations=off audit=0 apparmor=0 selinux=0 random.trust_cpu=on"
	switch g.kernel.arch {
	case "amd64":
		args = append([]string{"qemu-system-x86_64", "-M", "q35", "-serial", "chardev:console", "-serial", "chardev:messages"}, args...)
		options += " console=ttyS0 earlyprintk=ttyS0 messages=ttyS1 no_timer_check tsc=reliable"
	case "arm64":
		args = append([]string{"qemu-system-aarch64", "-M", "virt", "-serial", "chardev:console", "-device", "pci-serial,chardev=messages"}, args...)
		options += " console=ttyAMA0 messages=ttyS0"
	}
	return append(args, "-kernel", g.kernel.dir+"/image", "-initrd", g.initrd, "-append", options+" "+g.options)
}

// watcher copies the console and looks for complaints.
type watcher struct {
	to       io.Writer
	panicked func()
	line     []byte
	trouble  string // the first complaint
}

var (
	complaints = regexp.MustCompile(`WARNING: |BUG: |kernel BUG|Oops|general protection|Call [Tt]race:|blocked for more than|detected stall|lockup|PANIC: `)
	panics     = regexp.MustCompile(`Kernel panic - not syncing|PANIC: `)
)

// Write takes whole and broken lines.
func (w *watcher) Write(b []byte) (int, error) {
	for line := range strings.Lines(string(b)) {
		w.line = append(w.line, line...)
		if !strings.HasSuffix(line, "\n") {
			break
		}
		if w.trouble == "" && complaints.Match(w.line) {
			w.trouble = strings.TrimSpace(string(w.line))
		}
		// An early panic hangs: the rest of its message gets 3 s.
		if panics.Match(w.line) {
			w.panicked()
		}
		w.line = w.line[:0]
	}
	return w.to.Write(b)
}
