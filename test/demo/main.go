// Command demo shows what tcptop is of many hosts, on one machine: four network namespaces
// that stand for hosts and talk to each other, tcptop agent on each, a Prometheus that asks
// them, and tcptop fleet over it in this terminal. Nothing of it touches the machine's own
// network, and nothing is left when it ends.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

type config struct {
	tcptop, load, prometheus string
	traffic                  time.Duration
	screen                   []string // arguments of tcptop fleet
}

func main() {
	cfg := config{}
	flag.StringVar(&cfg.tcptop, "tcptop", "bin/tcptop", "the program")
	flag.StringVar(&cfg.load, "load", "bin/load", "the traffic generator (test/load)")
	flag.StringVar(&cfg.prometheus, "prometheus", "prometheus", "the engine")
	flag.DurationVar(&cfg.traffic, "traffic", 0, "end the traffic after this time and print what it moved, as JSON lines on stderr; 0 is never")
	flag.Parse()
	cfg.screen = flag.Args()
	// A terminal that hangs up ends it too; the screen has ^C and ^Z of the terminal itself.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	err := run(ctx, &cfg)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.Exited() { // it has said why
		os.Exit(exit.ExitCode())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, cfg *config) (err error) {
	if os.Geteuid() != 0 {
		return errors.New("network namespaces and eBPF need root")
	}
	ip := "ip"
	for _, program := range []*string{&ip, &cfg.tcptop, &cfg.load, &cfg.prometheus} {
		if *program, err = found(*program); err != nil {
			return err
		}
	}
	dir, err := os.MkdirTemp("", "tcptop-demo-")
	if err != nil {
		return err
	}
	d := &demo{config: *cfg, dir: dir, failed: make(chan error, 1)}
	defer func() {
		d.end()
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	if err := d.connect(); err != nil {
		return err
	}
	if err := d.start(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	return d.show(ctx)
}

// found is where a program is, whatever namespace it runs in.
func found(program string) (string, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return "", fmt.Errorf("%w; ip is in iproute2, make demo has the others", err)
	}
	return filepath.Abs(path)
}
