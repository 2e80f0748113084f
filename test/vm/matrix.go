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
	testsLimit = 30 * time.Minute
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
	return m, installMissing(ctx)
}

// boot is a kernel and how it boots; in a place tests are left out.
type boot struct {
	kernel
	place
}

// boots lists every kernel as it is, and then every kernel in its places.
func (m *matrix) boots(plain, places bool) (all []boot) {
	for _, k := range slices.Backward(m.kernels) { // arm64 takes longest and comes last
		if plain {
			all = append(all, boot{kernel: k})
		}
	}
	for _, k := range m.kernels {
		for _, p := range placesOf(k.name) {
			if places {
				all = append(all, boot{k, p})
			}
		}
	}
	return all
}

// run boots and judges. When one is done, it is said with what is wrong.
func (m *matrix) run(ctx context.Context, tests string, boots []boot) []*verdict {
	verdicts := make([]*verdict, len(boots))
	slots := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i, b := range boots {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			verdicts[i] = m.one(ctx, b.kernel, b.place, tests)
			fmt.Print(verdicts[i].lines())
		})
	}
	all.Wait()
	slices.SortStableFunc(verdicts, func(a, b *verdict) int { return m.order(a) - m.order(b) })
	return verdicts
}

// order is where a verdict's kernel stands in the matrix.
func (m *matrix) order(v *verdict) int {
	return slices.IndexFunc(m.kernels, func(k kernel) bool { return k.name == v.kernel.name })
}

// one boots one kernel, in a place without the tests. What it said is kept in the cache,
// under log.
func (m *matrix) one(ctx context.Context, k kernel, p place, run string) *verdict {
	log := filepath.Join(m.cache, "log", strings.ReplaceAll(strings.TrimSpace(k.name+" "+p.name), " ", "-"))
	o := &outcome{jobs: map[string]*job{}, dir: log}
	todo := append(backendJobs(), wire.Job{Name: "doctor", Argv: []string{"/bin/tcptop", "doctor", "-o", "json"}, Limit: liveLimit})
	if p.name == "" {
		only, not := scope(k.name)
		todo = append(todo, testsJob(selection(m.tests, run, only, not)))
	}
	start := time.Now()
	err := m.boot(ctx, k, log, p.options, todo, o.take)
	v := judge(k, p, o)
	if p.name == "" {
		v.tests(ctx, o.jobs["tests"], run == "")
	}
	if len(v.failed) > 0 && err == nil {
		err = m.again(ctx, k, filepath.Join(log, "again"), v)
	}
	v.seconds = time.Since(start).Seconds()
	err = errors.Join(err, o.close())
	if err != nil {
		v.wrong = slices.Insert(v.wrong, 0, err.Error())
	}
	return v
}

// again runs the tests that failed once more, in a guest of their own. Emulated on a busy
// machine what is to come soon may not, and a hook may be interrupted: what then passes
// is said to have needed it.
func (m *matrix) again(ctx context.Context, k kernel, log string, v *verdict) error {
	o := &outcome{jobs: map[string]*job{}, dir: log}
	job := testsJob("^(" + strings.Join(topLevel(v.failed), "|") + ")$")
	if err := errors.Join(m.boot(ctx, k, log, "", []wire.Job{job}, o.take), o.close()); err != nil {
		return err
	}
	second := &verdict{kernel: k, limits: v.limits}
	second.tests(ctx, o.jobs["tests"], false)
	if len(second.wrong) == 0 {
		v.passes()
	}
	return nil
}

// topLevel is the tests that some tests or subtests belong to.
func topLevel(names []string) (tests []string) {
	for _, name := range names {
		top, _, _ := strings.Cut(name, "/")
		tests = append(tests, top)
	}
	slices.Sort(tests)
	return slices.Compact(tests)
}

// backendJobs are tcptop itself, once for each backend.
func backendJobs() (all []wire.Job) {
	for _, b := range backends() {
		all = append(all, wire.Job{Name: "live " + b, Argv: []string{"/bin/bash", "/bin/live.sh", "--backend", b}, Limit: liveLimit})
	}
	return all
}

func testsJob(tests string) wire.Job {
	return wire.Job{
		Name:  "tests",
		Argv:  []string{"/bin/kernel.test", "-test.v=test2json", "-test.paniconexit0", "-test.timeout=" + testsLimit.String(), "-test.run=" + tests},
		Env:   []string{"TCPTOP_BIN=/bin/tcptop", "TCPTOP_LOAD=/bin/load", "TCPTOP_PATIENCE=5", "TCPTOP_SCALE=20", "TCPTOP_MODULES=" + wire.Later},
		Limit: testsLimit + time.Minute,
	}
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
	initrd, err := m.pack(k, jobs)
	if err != nil {
		return err
	}
	limit := bootLimit
	for _, j := range jobs {
		limit += j.Limit
	}
	g := guest{kernel: k, initrd: initrd, options: options, console: console, limit: limit}
	return errors.Join(g.boot(ctx, take), os.Remove(initrd))
}

// pack writes the guest's file system to a file, which is the caller's to remove.
func (m *matrix) pack(k kernel, jobs []wire.Job) (name string, err error) {
	f, err := os.CreateTemp(m.cache, "initrd-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	list, err := json.Marshal(jobs)
	if err != nil {
		return f.Name(), err
	}
	a := newInitramfs(f)
	a.tree("", m.toolsDir(k.arch))
	a.tree(strings.TrimPrefix(wire.Modules, "/"), filepath.Join(k.dir, "modules"))
	a.tree(strings.TrimPrefix(wire.Later, "/"), filepath.Join(k.dir, "later"))
	a.host("init", filepath.Join(m.buildDir(k.arch), "init"))
	for _, name := range []string{"tcptop", "load", "kernel.test"} {
		a.host("bin/"+name, filepath.Join(m.buildDir(k.arch), name))
	}
	a.host("bin/live.sh", filepath.Join(m.root, "test", "vm", "live.sh"))
	a.dir("etc")
	a.file(wire.Jobs, 0o644, list)
	return f.Name(), a.close()
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
	bad := 0
	for _, v := range verdicts {
		if len(v.wrong) > 0 {
			bad++
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d boots differ from test/vm/expect.go; what they said is in %s", bad, len(verdicts), filepath.Join(m.cache, "log"))
	}
	fmt.Printf("%d boots are as test/vm/expect.go and place.go say\n", len(verdicts))
	return nil
}

func (v *verdict) name() string { return strings.TrimSuffix(v.kernel.name+", "+v.place, ", ") }

// lines sums a verdict up, and then says what is wrong.
func (v *verdict) lines() string {
	mark := "ok"
	if len(v.wrong) > 0 {
		mark = fmt.Sprintf("WRONG (%d)", len(v.wrong))
	}
	tests := ""
	if v.place == "" {
		tests = fmt.Sprintf(" %3d passed, %2d limited,", v.passed, len(v.limited))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-11s %-10s tier %-5s%s %4.0f s\n", v.name(), mark, v.tier, tests, v.seconds)
	for _, name := range v.second {
		fmt.Fprintf(&b, "%s: %s: passes at the second try\n", v.name(), name)
	}
	for _, w := range v.wrong {
		fmt.Fprintf(&b, "%s: %s\n", v.name(), w)
	}
	return b.String()
}
