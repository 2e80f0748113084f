package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"tcptop/test/vm/wire"
)

// matrix is the chosen kernels and what runs in them.
type matrix struct {
	root    string // of the module
	cache   string
	kernels []kernel
	tests   []string // all of the kernel's
}

// atOnce is how many guests run side by side: a guest keeps one core busy.
const atOnce = 2

// Limits of a guest, generous: emulation is 10 to 30 times slower than the machine.
const (
	liveLimit  = 2 * time.Minute
	testsLimit = 20 * time.Minute
	bootLimit  = 2 * time.Minute
)

func newMatrix(ctx context.Context, chosen []kernel) (*matrix, error) {
	user, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	m := &matrix{cache: filepath.Join(user, "tcptop-vm"), kernels: chosen}
	if m.root, err = moduleRoot(ctx); err != nil {
		return nil, err
	}
	if err := installMissing(ctx); err != nil {
		return nil, err
	}
	return m, m.fetch(ctx)
}

// run builds, boots every kernel and judges it. A line of progress goes to standard
// output when a kernel is done.
func (m *matrix) run(ctx context.Context, tests string) []*verdict {
	verdicts := make([]*verdict, len(m.kernels))
	slots := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i := len(m.kernels) - 1; i >= 0; i-- { // arm64 takes longest and comes last
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			verdicts[i] = m.one(ctx, m.kernels[i], tests)
			fmt.Println(verdicts[i].line())
		})
	}
	all.Wait()
	return verdicts
}

// one boots one kernel. What it said is kept in the cache, under log.
func (m *matrix) one(ctx context.Context, k kernel, tests string) *verdict {
	log := filepath.Join(m.cache, "log", k.name)
	o := &outcome{jobs: map[string]*job{}, dir: log}
	start := time.Now()
	err := m.boot(ctx, k, log, "", jobs(selection(m.tests, tests, only(k.name))), o.take)
	v := judge(ctx, k, o, tests == "")
	v.seconds = time.Since(start).Seconds()
	err = errors.Join(err, o.close())
	if err != nil {
		v.wrong = slices.Insert(v.wrong, 0, err.Error())
	}
	return v
}

// jobs are tcptop itself, once for each backend, and the tests.
func jobs(tests string) []wire.Job {
	var all []wire.Job
	for _, b := range backends() {
		all = append(all, wire.Job{Name: "live " + b, Argv: []string{"/bin/bash", "/bin/live.sh", "--backend", b}, Limit: liveLimit})
	}
	return append(all, wire.Job{
		Name:  "tests",
		Argv:  []string{"/bin/kernel.test", "-test.v=test2json", "-test.paniconexit0", "-test.timeout=" + testsLimit.String(), "-test.run=" + tests},
		Env:   []string{"TCPTOP_BIN=/bin/tcptop", "TCPTOP_LOAD=/bin/load", "TCPTOP_PATIENCE=3"},
		Limit: testsLimit + time.Minute,
	})
}

// boot runs jobs in a kernel, with its console in log.
func (m *matrix) boot(ctx context.Context, k kernel, log, options string, jobs []wire.Job, take func(wire.Message)) error {
	if err := os.MkdirAll(log, 0o755); err != nil {
		return err
	}
	console, err := os.Create(filepath.Join(log, "console"))
	if err != nil {
		return err
	}
	defer console.Close()
	initrd := filepath.Join(log, "initrd")
	if err := m.pack(k, initrd, jobs); err != nil {
		return err
	}
	limit := bootLimit
	for _, j := range jobs {
		limit += j.Limit
	}
	g := guest{kernel: k, initrd: initrd, options: options, console: console, limit: limit}
	return errors.Join(g.boot(ctx, take), os.Remove(initrd))
}

// pack writes the guest's file system.
func (m *matrix) pack(k kernel, to string, jobs []wire.Job) (err error) {
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	list, err := json.Marshal(jobs)
	if err != nil {
		return err
	}
	a := newInitramfs(f)
	a.tree("", m.toolsDir(k.arch))
	a.tree(strings.TrimPrefix(wire.Modules, "/"), filepath.Join(k.dir, "modules"))
	a.host("init", filepath.Join(m.buildDir(k.arch), "init"))
	for _, name := range []string{"tcptop", "load", "kernel.test"} {
		a.host("bin/"+name, filepath.Join(m.buildDir(k.arch), name))
	}
	a.host("bin/live.sh", filepath.Join(m.root, "test", "vm", "live.sh"))
	a.dir("etc")
	a.file(wire.Jobs, 0o644, list)
	return a.close()
}

// command runs a command in the kernels, one after the other, and shows what it prints.
func (m *matrix) command(ctx context.Context, options string, argv []string) error {
	if err := m.build(ctx); err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	for _, k := range m.kernels {
		log := filepath.Join(m.cache, "log", k.name)
		err := m.boot(ctx, k, log, options, []wire.Job{{Name: "command", Argv: argv, Limit: testsLimit}}, func(msg wire.Message) {
			out.Write(msg.Out)
			out.Write(msg.Err)
			if msg.Exit != nil {
				fmt.Fprintf(out, "%s: status %d after %.1f s\n", k.name, *msg.Exit, msg.Seconds)
			}
			_ = out.Flush()
		})
		if err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
	}
	return nil
}

func (m *matrix) summary(verdicts []*verdict) error {
	bad := slices.DeleteFunc(slices.Clone(verdicts), func(v *verdict) bool { return len(v.wrong) == 0 })
	for _, v := range bad {
		for _, w := range v.wrong {
			fmt.Printf("%s: %s\n", v.kernel.name, w)
		}
	}
	if len(bad) > 0 {
		return fmt.Errorf("%d of %d kernels differ from test/vm/expect.go; what they said is in %s", len(bad), len(verdicts), filepath.Join(m.cache, "log"))
	}
	fmt.Printf("%d kernels are as test/vm/expect.go says\n", len(verdicts))
	return nil
}

// line sums a verdict up.
func (v *verdict) line() string {
	mark := "ok"
	if len(v.wrong) > 0 {
		mark = fmt.Sprintf("WRONG (%d)", len(v.wrong))
	}
	return fmt.Sprintf("%-11s %-10s tier %-5s %3d passed, %2d limited, %4.0f s", v.kernel.name, mark, v.tier, v.passed, len(v.limited), v.seconds)
}
