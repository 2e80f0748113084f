// Command vm boots Debian's kernels under qemu, runs this project's kernel tests and
// tcptop itself in each, and holds what happens against the table in expect.go.
// It needs neither KVM nor root, except to install what is missing.
//
//	go run ./test/vm                          everything
//	go run ./test/vm -fast                    a few kernels and tests, for every push
//	go run ./test/vm -k 6.1,7.3-arm64 -run TestBulk
//	go run ./test/vm -k 6.1 -append lockdown=integrity -- /bin/tcptop -n 1 -b
//	go run ./test/vm -btf                     boots nothing
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"
)

// options are the flags.
type options struct {
	kernels string
	run     string
	append  string
	fast    bool
	btf     bool
	places  bool
	write   bool
	command []string // to run instead of the tests
}

func main() {
	var o options
	flag.StringVar(&o.kernels, "k", "", "kernels, separated by commas: "+strings.Join(names(), " "))
	flag.StringVar(&o.run, "run", "", "only tests that this regular expression matches, as in go test")
	flag.StringVar(&o.append, "append", "", "more for the kernel's command line; only before a command")
	flag.BoolVar(&o.fast, "fast", false, "only "+fastKernels+" and the tests "+fastTests)
	flag.BoolVar(&o.btf, "btf", false, "only hold the BPF object against the types of every kernel")
	flag.BoolVar(&o.places, "places", false, "no tests, only kernels that boot with options or without a part: place.go")
	flag.BoolVar(&o.write, "write", false, "write these kernels' rows of docs/kernel-support.md")
	flag.Parse()
	if err := os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin"); err != nil { // kmod, for everybody
		fmt.Fprintln(os.Stderr, "vm:", err)
		os.Exit(1)
	}
	o.command = flag.Args()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := o.main(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "vm:", err)
		os.Exit(1)
	}
}

// What -fast stands for: the oldest and the newest kernel, both architectures.
const (
	fastKernels = "5.10,6.1,7.3,6.12-arm64"
	fastTests   = "^Test(Contract|DiagLikeProbe|NoStdin|Retrans|Short|States|UDP)$"
)

func (o *options) main(ctx context.Context) error {
	if o.fast {
		o.kernels, o.run = fastKernels, fastTests
	}
	switch {
	case o.write && o.run != "":
		return errors.New("-write needs all tests of a kernel")
	case o.append != "" && len(o.command) == 0:
		return errors.New("-append needs a command: the table holds for kernels as they are")
	}
	chosen, err := choose(o.kernels)
	if err != nil {
		return err
	}
	if _, err := regexp.Compile(o.run); err != nil {
		return err
	}
	m, err := newMatrix(ctx, chosen)
	if err != nil {
		return err
	}
	lock, err := m.lock()
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := m.fetch(ctx); err != nil {
		return err
	}
	switch {
	case o.btf:
		return m.checkBTF()
	case len(o.command) > 0:
		return m.command(ctx, o.append, o.command)
	}
	if err := m.build(ctx); err != nil {
		return err
	}
	if err := m.list(ctx); err != nil {
		return err
	}
	verdicts := m.run(ctx, o.run, m.boots(!o.places, o.run == "" || o.fast))
	if o.write && ctx.Err() == nil {
		if err := writeTable(m.root, verdicts); err != nil {
			return err
		}
	}
	return m.summary(verdicts)
}

func choose(list string) ([]kernel, error) {
	all := kernels()
	if list == "" {
		return all, nil
	}
	var chosen []kernel
	for name := range strings.SplitSeq(list, ",") {
		i := slices.IndexFunc(all, func(k kernel) bool { return k.name == name })
		if i < 0 {
			return nil, fmt.Errorf("no kernel %q: there are %s", name, strings.Join(names(), " "))
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}
