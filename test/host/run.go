package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// run is one go test.
type run struct {
	bench, pkg string
	more       []string // flags
	env        []string // what it asks for
	quick      []string // likewise, for a trial
	limit      time.Duration
}

// result is one line of a benchmark: its name without Benchmark and the number of CPUs,
// and its values by unit.
type result struct {
	name   string
	values map[string]float64
}

type results []result

// command is what a person types for it.
func (r *run) command(quick bool) string {
	return strings.Join(append(r.asks(quick), "go "+strings.Join(r.args(true), " ")), " ")
}

func (r *run) asks(quick bool) []string {
	if quick {
		return r.quick
	}
	return r.env
}

func (r *run) args(quoted bool) []string {
	none, bench := "^$", r.bench
	if quoted {
		none, bench = "'^$'", "'"+bench+"'"
	}
	return append([]string{"test", r.pkg, "-run", none, "-bench", bench}, r.more...)
}

// run prints what the benchmarks do as they do it. When ctx or the time ends, so do they
// and what they started.
func (r *run) run(ctx context.Context, quick bool, raw io.Writer) (results, error) {
	ctx, cancel := context.WithTimeout(ctx, r.limit)
	defer cancel()
	fmt.Println(r.command(quick))
	cmd := exec.CommandContext(ctx, "go", append(r.args(false), "-count=1", "-timeout=0")...)
	cmd.Env = append(os.Environ(), r.asks(quick)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = in, in
	begun := time.Now()
	err = cmd.Start()
	if closed := in.Close(); err != nil || closed != nil {
		return nil, errors.Join(err, closed)
	}
	found, kept := read(out, raw)
	err = errors.Join(cmd.Wait(), kept)
	fmt.Printf("   %v\n", time.Since(begun).Round(time.Second))
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, fmt.Errorf("not done in %v", r.limit)
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, err
	}
	return found, nil
}

func read(out io.Reader, raw io.Writer) (found results, err error) {
	keep := bufio.NewWriter(raw)
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		fmt.Println("   " + lines.Text())
		fmt.Fprintln(keep, lines.Text())
		if r, ok := parse(lines.Text()); ok {
			found = append(found, r)
		}
	}
	return found, errors.Join(lines.Err(), keep.Flush())
}

var cpus = regexp.MustCompile(`-\d+$`)

// parse reads a line of go test -bench, or "peer NAME: why it is not measured".
func parse(line string) (r result, ok bool) {
	if rest, is := strings.CutPrefix(line, "peer "); is {
		name, why, is := strings.Cut(rest, ": ")
		return result{name: "peer " + name, values: map[string]float64{why: 0}}, is
	}
	fields := strings.Fields(line)
	if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
		return r, false
	}
	r.name = cpus.ReplaceAllString(strings.TrimPrefix(fields[0], "Benchmark"), "")
	r.values = map[string]float64{}
	for i := 2; i+1 < len(fields); i += 2 {
		v, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return r, false
		}
		r.values[fields[i+1]] = v
	}
	return r, true
}

// of are the values of the benchmark called so; nil where there is none.
func (all results) of(name string) map[string]float64 {
	for _, r := range all {
		if r.name == name {
			return r.values
		}
	}
	return nil
}

func create(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	return os.Create(path)
}
