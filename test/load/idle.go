package main

import (
	"bufio"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"tcptop/internal/testkit/truth"
)

const (
	idlePerChild = 9900  // connections, two descriptors each
	idleFiles    = 20000 // descriptors per child
)

// idle is many established connections that only move on command.
type idle struct {
	limit    time.Duration
	children []*idleChild
}

// idleChild is a process that holds some of them.
type idleChild struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *os.File // read with a deadline
	buf *bufio.Scanner
}

func idleMain(args []string, c *console) error {
	fs := flag.NewFlagSet("idle", flag.ContinueOnError)
	n := fs.Int("n", 1000, "connections, two sockets each")
	touch := fs.Bool("touch", false, "move bytes once on each before ready")
	d := &idle{}
	fs.DurationVar(&d.limit, "limit", 5*time.Minute, "for making them and for each command")
	if err := fs.Parse(args); err != nil {
		return err
	}
	err := d.start(*n)
	if err == nil && *touch {
		_, err = d.touch(1)
	}
	if err == nil {
		err = c.say(truth.Line{Ready: true, Conns: *n, PIDs: d.pids()})
	}
	if err == nil {
		err = d.obey(c)
	}
	return errors.Join(err, d.stop())
}

// obey does what standard input says: "touch FRACTION", "quit" or its end.
func (d *idle) obey(c *console) error {
	for {
		line, ok := c.hear()
		if !ok || line == "quit" {
			return c.in.Err()
		}
		arg, ok := strings.CutPrefix(line, "touch ")
		fraction, err := strconv.ParseFloat(arg, 64)
		if !ok || err != nil || fraction < 0 || fraction > 1 {
			return fmt.Errorf("command %q is neither touch 0..1 nor quit", line)
		}
		n, err := d.touch(fraction)
		if err != nil {
			return err
		}
		if err := c.say(truth.Line{OK: true, Conns: n}); err != nil {
			return err
		}
	}
}

func (d *idle) start(n int) error {
	per := idlePerChild
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("file limit: %w", err)
	}
	if limit.Max < idleFiles && os.Geteuid() != 0 {
		per = max(int(limit.Max)/2-50, 1)
	}
	for i := 0; n > 0; i++ {
		child, err := newIdleChild(i, min(n, per))
		if err != nil {
			return err
		}
		d.children = append(d.children, child)
		n -= per
	}
	_, err := d.answers()
	return err
}

// touch moves bytes on a fraction of the connections and returns on how many.
func (d *idle) touch(fraction float64) (int, error) {
	for _, c := range d.children {
		if _, err := fmt.Fprintln(c.in, fraction); err != nil {
			return 0, fmt.Errorf("child: %w", err)
		}
	}
	return d.answers()
}

// answers sums the number that each child says when it is done.
func (d *idle) answers() (sum int, err error) {
	deadline := time.Now().Add(d.limit)
	for _, c := range d.children {
		if err := c.out.SetReadDeadline(deadline); err != nil {
			return 0, err
		}
		if !c.buf.Scan() {
			return 0, fmt.Errorf("child %d gave no answer: %w", c.cmd.Process.Pid, cmp.Or(c.buf.Err(), io.EOF))
		}
		n, err := strconv.Atoi(c.buf.Text())
		if err != nil {
			return 0, fmt.Errorf("child's answer: %w", err)
		}
		sum += n
	}
	return sum, nil
}

func (d *idle) pids() (pids []int) {
	for _, c := range d.children {
		pids = append(pids, c.cmd.Process.Pid)
	}
	return pids
}

// stop ends the children, all at once because a child's exit takes a while.
func (d *idle) stop() error {
	var errs []error
	for _, c := range d.children {
		errs = append(errs, c.in.Close())
	}
	for _, c := range d.children {
		errs = append(errs, c.cmd.Wait())
	}
	return errors.Join(errs...)
}

func newIdleChild(i, n int) (*idleChild, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &idleChild{cmd: exec.Command(exe, "idle-child", idleAddr(i).String(), strconv.Itoa(n))}
	c.cmd.Stderr = os.Stderr
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.out = out.(*os.File)
	c.buf = bufio.NewScanner(out)
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start child: %w", err)
	}
	return c, nil
}

// idleAddr gives each child its own address, so that local ports don't run out.
func idleAddr(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{127, byte(10 + i/200), byte(i%200 + 1), 1})
}
