// Command host measures what tcptop costs the host that it runs on, with the benchmarks
// of this project, and writes the tables of docs/overhead.md. It needs root, a quiet
// machine and, with everything, 16 GiB of memory and less than half an hour.
//
//	go run ./test/host                      everything
//	go run ./test/host -only scale,peers    some tables; the others stay as they are
//	go run ./test/host -quick -page ''      a trial of a minute or two each, printed only
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

type options struct {
	only  string
	quick bool
	page  string
	raw   string
}

func main() {
	var o options
	flag.StringVar(&o.only, "only", "", "tables, separated by commas: "+strings.Join(names(), " "))
	flag.BoolVar(&o.quick, "quick", false, "a trial: few rounds, at most 10,000 sockets")
	flag.StringVar(&o.page, "page", "docs/overhead.md", "page to write the tables into; nothing prints them only")
	flag.StringVar(&o.raw, "raw", "bin/bench-host.txt", "file for what the benchmarks print, as benchstat reads it")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := o.main(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "host:", err)
		os.Exit(1)
	}
}

func names() (all []string) {
	for _, s := range sections() {
		all = append(all, s.name)
	}
	return all
}

// main measures section by section. One that fails costs its own table only.
func (o *options) main(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return errors.New("measuring needs root")
	}
	chosen, err := choose(o.only)
	if err != nil {
		return err
	}
	if err := os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin"); err != nil { // where the peers are
		return err
	}
	raw, err := create(o.raw)
	if err != nil {
		return err
	}
	defer raw.Close()
	begun, machine := time.Now(), machine()
	var failed []string
	for _, s := range chosen {
		if err := o.measure(ctx, &s, machine, raw); err != nil {
			fmt.Fprintf(os.Stderr, "host: %s: %v\n", s.name, err)
			failed = append(failed, s.name)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	fmt.Printf("\nmeasured in %v; what the benchmarks printed is in %s\n", time.Since(begun).Round(time.Second), o.raw)
	if len(failed) > 0 {
		return fmt.Errorf("not measured, and left as it was: %s", strings.Join(failed, ", "))
	}
	return nil
}

func choose(only string) ([]section, error) {
	all := sections()
	if only == "" {
		return all, nil
	}
	var chosen []section
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(all, func(s section) bool { return s.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no table %q, only %s", name, strings.Join(names(), " "))
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// measure runs the benchmarks of s and writes its table.
func (o *options) measure(ctx context.Context, s *section, machine string, raw *os.File) error {
	fmt.Printf("\n== %s\n", s.name)
	if s.prepare != nil {
		s.prepare(ctx)
	}
	load := loadNow()
	var all results
	for _, r := range s.runs {
		found, err := r.run(ctx, o.quick, raw)
		if err == nil && len(found) == 0 {
			err = errors.New("the benchmarks printed no figures")
		}
		if err != nil {
			return err
		}
		all = append(all, found...)
	}
	block := s.table(all) + "\n" + s.footer(o.quick, machine, load)
	if o.page == "" || o.quick {
		fmt.Println("\n" + block)
		return nil
	}
	return replace(o.page, s.name, block)
}
