package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
	"tcptop/internal/enrich"
	"tcptop/internal/names"
	"tcptop/internal/table"
	"tcptop/internal/tui"
	"tcptop/internal/tui/act"
)

// look is how the screen looks and what it may do.
type look struct {
	theme    choice
	noColor  bool
	ascii    bool
	noMouse  bool
	readOnly bool
	history  history
	group    choice
}

func newLook() look {
	return look{
		history: history(10 * time.Minute),
		theme:   choice{of: []string{"auto", "dark", "light", "mono"}},
		group:   choice{of: []string{"process", "container", "pod", "unit", "user", "workload", "remote", "rport", "lport", "state", "cc", "netns", "host"}},
	}
}

func (l *look) flags() *pflag.FlagSet {
	f := newFlagSet()
	f.Var(&l.theme, "theme", "`colours`: auto, dark, light or mono")
	f.Var(&l.group, "group", "group rows by `kind`: process, user, remote, rport, state, netns …")
	f.BoolVar(&l.noColor, "no-color", false, "no colour, as NO_COLOR does")
	f.BoolVar(&l.ascii, "ascii", false, "only ASCII characters")
	f.BoolVar(&l.noMouse, "no-mouse", false, "leave the mouse to the terminal")
	f.Var(&l.history, "history", "keep the last `time` to go back to with [ { J; 0 keeps nothing")
	f.BoolVar(&l.readOnly, "read-only", false, "no signals and no closing of sockets")
	return f
}

// screenFlags is what the command line says of the screen; what it leaves open is
// remembered from the last run.
func (o *options) screenFlags(env *Env, given *pflag.FlagSet, filter []string) (tui.Config, error) {
	c := tui.Config{
		Filter: strings.Join(filter, " "), Flags: selectionText(given), Group: o.look.group.word, Theme: o.look.theme.word,
		Listen: o.selection.listen && !o.selection.established,
		ASCII:  o.look.ascii, NoMouse: o.look.noMouse, ReadOnly: o.look.readOnly,
	}
	if given.Changed("units") {
		c.Units = o.units.word
	}
	if given.Changed("sort") {
		c.Sort = o.sort
	}
	if given.Changed("fields") {
		for name := range strings.SplitSeq(o.fields, ",") {
			c.Fields = append(c.Fields, strings.TrimSpace(name))
		}
	}
	return c, nil
}

// selectionText is the flags that leave rows out, as they were given.
func selectionText(given *pflag.FlagSet) string {
	var parts []string
	new(selection).flags().VisitAll(func(f *pflag.Flag) {
		switch g := given.Lookup(f.Name); {
		case g == nil || !g.Changed:
		case g.Value.Type() == "bool":
			parts = append(parts, "--"+f.Name)
		default:
			parts = append(parts, "--"+f.Name+" "+strings.Trim(g.Value.String(), "[]"))
		}
	})
	return strings.Join(parts, " ")
}

// isTerminal reports whether f is one.
func isTerminal(f any) bool {
	file, ok := f.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS)
	return err == nil
}

// live reports whether the command line asks for the screen: both ends are a
// terminal and nothing asks for lines.
func (o *options) live(env *Env, given *pflag.FlagSet) bool {
	return !o.batch && !o.selection.events && !o.typed(given, "output") && isTerminal(env.Stdout) && isTerminal(env.Stdin)
}

// screen shows the live screen until it is left or ctx ends.
func (p *plan) screen(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p.live = true
	p.remembers()
	log, err := p.openLog()
	if err != nil {
		return err
	}
	past, err := p.keeper()
	if err != nil {
		return err
	}
	frames := tui.NewMailbox()
	done, left, said := make(chan error, 1), make(chan error, 1), make(chan string, 1)
	reverse := p.reverse(ctx)
	go func() { done <- p.feedUntil(ctx, frames, said, log, past, p.remotes(reverse)) }()
	c := p.screenConfig(frames, reverse)
	c.Past = past.past(p)
	if p.engine != nil {
		p.engineConfig(&c)
	}
	m := tui.New(c)
	go func() {
		left <- tui.Run(ctx, m, tui.Terminal{In: p.env.Stdin, Out: p.env.Stdout, Environ: p.screenEnviron()})
	}()
	ended, err := await(ctx, left)
	cancel()
	if !ended {
		return &failure{code: exitDone, msg: "the terminal did not take the last picture"}
	}
	select { // stderr has its line once the terminal is no longer the screen's
	case notice := <-said:
		fmt.Fprint(p.env.Stderr, notice)
	default:
	}
	if m.Err() != nil {
		err = nil // it comes again from the feed, with its exit code
	}
	select {
	case feedErr := <-done:
		err = errors.Join(feedErr, err)
	case <-time.After(lastTick):
	}
	log.tell(p.env.Stderr)
	if saveErr := m.Save(); saveErr != nil && err == nil {
		err = &failure{code: exitRuntime, msg: "remember the view: " + saveErr.Error()}
	}
	return err
}

// await is what left tells. Once ctx has ended it is not waited for much longer:
// a terminal that is stopped takes nothing.
func await(ctx context.Context, left <-chan error) (ended bool, err error) {
	select {
	case err = <-left:
		return true, err
	case <-ctx.Done():
	}
	select {
	case err = <-left:
		return true, err
	case <-time.After(lastTick):
		return false, nil
	}
}

// feedUntil is feed, after which the screen ends: also when feed panics, so that
// the terminal is restored before anybody reads why.
func (p *plan) feedUntil(ctx context.Context, frames *tui.Mailbox, said chan<- string, log *logbook, past *keeper, remotes *names.Namer) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &failure{code: exitRuntime, msg: fmt.Sprintf("panic: %v", r), hint: "please report this:\n" + string(debug.Stack())}
		}
		frames.Close(err)
	}()
	switch {
	case p.engine != nil:
		return p.feedEngine(ctx, frames)
	case p.hosts != nil:
		return p.feedHosts(ctx, frames)
	}
	return p.feed(ctx, frames, said, log, past, remotes)
}

// feed measures and leaves every tick for the screen. What there is to say on stderr
// goes to said, which has room for it.
func (p *plan) feed(ctx context.Context, frames *tui.Mailbox, said chan<- string, log *logbook, past *keeper, remotes *names.Namer) error {
	collector, notice, err := p.collector()
	if err != nil {
		return err
	}
	defer log.close(ctx)
	said <- notice
	frames.Missing(collector.Missing())
	p.running.Store(&collector)
	names := namer{enrich.New(p.env.Names), remotes}
	defer names.owners.Close()
	rows := p.newTable()
	start := time.Now()
	var memory thrift
	ticks, faults := 0, 0
	for sample, err := range collector.Samples(ctx) {
		if err != nil {
			return errors.Join(outcome(err), detach(collector))
		}
		if ctx.Err() != nil {
			break
		}
		names.apply(sample)
		rows.Apply(sample)
		log.tick(rows)
		if len(sample.Faults)+faults > 0 {
			faults = len(sample.Faults)
			frames.Missing(slices.Concat(collector.Missing(), sample.Faults))
		}
		f := tui.Frame{Snapshot: rows.Snapshot(), Uptime: time.Since(start), Log: log.mark()}
		past.keep(sample, f.Snapshot.Len())
		memory.tick(f.Snapshot.Len(), len(sample.Conns)+len(sample.Closed))
		frames.Put(f)
		if ticks++; ticks == p.count {
			break
		}
	}
	return detach(collector)
}

func (p *plan) screenConfig(frames *tui.Mailbox, reverse *names.Reverse) tui.Config {
	c := p.look
	c.List, c.Frames, c.Host, c.Interval, c.Local = p.list, frames, p.env.Host, p.measure.Interval, p.env.Local
	c.Match = func(s *table.Snapshot) func(*table.Row) bool {
		match := p.flags.Match(s)
		return func(r *table.Row) bool { return p.family(r) && match(r) }
	}
	c.Actions = tui.Actions{Export: act.Export}
	if !c.ReadOnly {
		c.Actions.Signal, c.Actions.Close = act.Signal, act.Close
	}
	c.SetInterval = func(d time.Duration) bool {
		c := p.running.Load()
		if c != nil {
			(*c).SetInterval(d)
		}
		return c != nil
	}
	if p.hosts != nil {
		c.Host, c.SetInterval = fmt.Sprintf("%d hosts", len(p.hosts.Hosts)), nil
		if c.Fields == nil && len(p.hosts.Hosts) > 1 {
			c.Fields = strings.Split("host,proto,process,local,remote,state,rx_rate,tx_rate,rtt_us,retrans_packets,limit,age_ms,graph", ",")
		}
		c.Actions.Signal, c.Actions.Close = nil, nil // what a row names is on its host
	} else {
		p.askHost(&c)
	}
	c.StatePath = p.statePath()
	c.PortName = p.portName()
	if reverse != nil {
		c.HostName = reverse.Name
	}
	term := p.env.variable("TERM")
	screen := strings.HasPrefix(term, "screen") && p.env.variable("TMUX") == ""
	c.Quiet = term == "linux" || term == "dumb" || screen
	c.NoMouse = c.NoMouse || screen // GNU screen 4.9 keeps an Esc back for as long as a program wants the mouse
	return c
}

// askHost lets details ask this host.
func (p *plan) askHost(c *tui.Config) {
	c.Lineage = enrich.Lineage
	c.Holders = func(id conn.ID) ([]conn.Owner, error) {
		c := p.running.Load()
		if c == nil {
			return nil, nil
		}
		return (*c).Holders(id)
	}
}

// screenEnviron is the environment as the terminal's colours are told from it.
func (p *plan) screenEnviron() []string {
	if !p.noColor {
		return p.env.Environ
	}
	return append(slices.Clone(p.env.Environ), "NO_COLOR=1")
}

// statePath is the file that remembers the view.
func (p *plan) statePath() string {
	dir := p.stateDir()
	switch {
	case dir == "":
		return ""
	case p.engine != nil: // other views, of other things
		return filepath.Join(dir, "fleet.json")
	}
	return filepath.Join(dir, "screen.json")
}

// remembers makes the directory of the view's file, which confine leaves open.
func (p *plan) remembers() {
	path := p.statePath()
	if path == "" || os.MkdirAll(filepath.Dir(path), 0o700) != nil {
		return // saving will say so
	}
	p.writesTo(path)
}

// stateDir is where this user's tcptop keeps things; "" is nowhere, as where HOME is still
// another user's, who could have us follow a link (sudo -E, su).
func (p *plan) stateDir() string {
	dir := p.env.ownDir("XDG_STATE_HOME", ".local/state")
	if dir == "" || !isOwn(dir) {
		return ""
	}
	return dir
}

// isOwn reports whether a directory, or the nearest above it that is there, is this user's.
func isOwn(dir string) bool {
	for {
		info, err := os.Stat(dir)
		if err == nil {
			stat, ok := info.Sys().(*syscall.Stat_t)
			return ok && int(stat.Uid) == os.Geteuid()
		}
		if !errors.Is(err, fs.ErrNotExist) || dir == "/" {
			return false
		}
		dir = filepath.Dir(dir)
	}
}

// ownDir is tcptop's directory below the one that name says, or below that one of HOME
// (XDG Base Directory); "" is nowhere.
func (env *Env) ownDir(name, inHome string) string {
	dir := env.variable(name)
	if home := env.variable("HOME"); !filepath.IsAbs(dir) && home != "" {
		dir = filepath.Join(home, inHome)
	}
	if !filepath.IsAbs(dir) {
		return ""
	}
	return filepath.Join(dir, "tcptop")
}

// variable is the last value of an environment variable.
func (env *Env) variable(name string) string {
	value := ""
	for _, v := range env.Environ {
		if n, val, _ := strings.Cut(v, "="); n == name {
			value = val
		}
	}
	return value
}
