package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// demo is what runs.
type demo struct {
	config
	dir     string
	router  *host
	hosts   []*host
	actors  []*actor
	running []*running
	before  struct{ tx, rx map[process]int } // what the engine told when the traffic began
	ending  atomic.Bool
	failed  chan error // what has ended by itself
}

// running is a process, and what it has printed besides what is asked of it.
type running struct {
	*exec.Cmd
	log  string
	done chan struct{}
}

// spawn starts c on h, to be ended with the demo.
func (d *demo) spawn(h *host, name string, c *exec.Cmd) error {
	r := &running{Cmd: c, log: filepath.Join(d.dir, fmt.Sprintf("%s-%s-%d.log", h.name, name, len(d.running))), done: make(chan struct{})}
	log, err := os.Create(r.log)
	if err != nil {
		return err
	}
	defer log.Close()
	if c.Stderr = log; c.Stdout == nil {
		c.Stdout = log
	}
	if err := h.start(c); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	d.running = append(d.running, r)
	go func() {
		_ = c.Wait() // its state says as much
		close(r.done)
		if !d.ending.Load() && !interrupted(c.ProcessState) {
			text, _ := os.ReadFile(r.log)
			select {
			case d.failed <- fmt.Errorf("%s of %s ended: %v\n%s", name, h.name, c.ProcessState, text[max(0, len(text)-2000):]):
			default: // the first one tells
			}
		}
	}()
	return nil
}

// interrupted reports whether a process was ended by ^C, which may come before it has a
// group of its own, and is for the demo.
func interrupted(p *os.ProcessState) bool {
	status, ok := p.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGINT
}

// start has everything run, and the traffic begin once the engine knows who will make it:
// what a group moves counts for it from its first scrape on.
func (d *demo) start(ctx context.Context) error {
	fmt.Fprintf(os.Stderr, "demo: %d hosts, an agent on each, a Prometheus; it takes some seconds\n", len(d.hosts))
	for i, h := range d.hosts {
		c := exec.Command(d.tcptop, "agent", "--netns", fmt.Sprint(h.netns), "--listen", address(i)+":9432", "--insecure-listen")
		if err := d.spawn(h, "agent", c); err != nil {
			return err
		}
	}
	if err := d.startEngine(); err != nil {
		return err
	}
	if err := d.until(ctx, "every agent is asked", d.knowsAgents); err != nil {
		return err
	}
	if err := d.cast(); err != nil {
		return err
	}
	if err := d.until(ctx, "every process is known", d.knowsGroups); err != nil || ctx.Err() != nil {
		return err
	}
	return d.talk()
}

// until waits for cond, or until ctx ends, which is no error.
func (d *demo) until(ctx context.Context, what string, cond func() error) error {
	late := time.After(2 * time.Minute)
	for {
		err := cond()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case err := <-d.failed:
			return err
		case <-late:
			return fmt.Errorf("not within two minutes: %s: %w", what, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// show runs the screen in this terminal until it ends, or something else does.
func (d *demo) show(ctx context.Context) error {
	c := exec.Command(d.tcptop, append([]string{"fleet", "--from", "prom+http://" + engine, "-d", "2s"}, d.screen...)...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.Env = append(os.Environ(), "XDG_STATE_HOME="+d.dir) // the view is not remembered
	c.SysProcAttr = &unix.SysProcAttr{}                   // the terminal is its
	if err := d.router.start(c); err != nil {
		return err
	}
	left := make(chan error, 1)
	go func() { left <- c.Wait() }()
	var silence <-chan time.Time
	if d.traffic > 0 {
		silence = time.After(d.traffic)
	}
	for {
		var err error
		select {
		case err := <-left:
			return err
		case <-silence:
			if err = d.quiet(); err == nil {
				continue
			}
		case err = <-d.failed:
		case <-ctx.Done():
		}
		_ = c.Process.Signal(unix.SIGTERM)
		select {
		case screenErr := <-left:
			return errors.Join(err, screenErr)
		case <-time.After(5 * time.Second):
			_ = c.Process.Kill()
			return errors.Join(err, <-left)
		}
	}
}

// end ends all that runs: first those who make traffic, the engine last.
func (d *demo) end() {
	d.ending.Store(true)
	for _, r := range slices.Backward(d.running) {
		_ = r.Process.Signal(unix.SIGTERM)
	}
	late := time.After(5 * time.Second)
	for _, r := range d.running {
		select {
		case <-r.done:
		case <-late:
			_ = r.Process.Kill()
			<-r.done
			late = time.After(0)
		}
	}
}
