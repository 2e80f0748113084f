package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"tcptop/internal/column"
	"tcptop/internal/fleet"
	"tcptop/internal/output"
	"tcptop/internal/ship"
	"tcptop/internal/table"
	"tcptop/internal/tui"
)

// fromOptions say which engine is asked.
type fromOptions struct {
	url       string
	headers   string
	ca        string
	hostLabel string
	groups    positive
}

func (o *fromOptions) flags() *pflag.FlagSet {
	f := newFlagSet()
	f.StringVar(&o.url, "from", "", "ask the engine at `url`: prom+https://HOST[:PORT], prom+http:// or, for connections, clickhouse+https://HOST; also TCPTOP_FROM")
	f.StringVar(&o.headers, "from-headers", "", "send along the headers in `file`, a line for each: Authorization: Bearer ...")
	f.StringVar(&o.ca, "from-ca", "", "trust the authorities in `file` (PEM) instead of the system's")
	f.StringVar(&o.hostLabel, "host-label", o.hostLabel, "the `label` that tells hosts apart")
	f.Var(&o.groups, "groups", "look for the `n` groups that move most (default 200)")
	return f
}

// fleetFields are those of text: what an engine has of a group.
const fleetFields = "host,proto,dir,comm,unit,container,namespace,pod,rname,lport,rport,rx_rate,tx_rate,rx_bytes,tx_bytes"

// runEngine shows what an engine knows, on the screen or as lines.
func (o *options) runEngine(env *Env, list *column.List, cmd *cobra.Command, from *fromOptions, args []string) error {
	if err := env.configureCommand(cmd, o.origins); err != nil {
		return err
	}
	p, err := o.plan(env, list, cmd.Flags(), args)
	if err != nil {
		return err
	}
	from.url, p.output.Hosts = cmp.Or(from.url, env.variable("TCPTOP_FROM")), true
	if p.output.Fields == nil && p.output.Format == output.Text {
		fields := fleetFields
		if strings.HasPrefix(from.url, "clickhouse+") {
			fields += ",peer_host,peer_comm"
		}
		if p.output.Fields, err = list.Pick(fields); err != nil {
			return err
		}
	}
	p.live, p.history = o.live(env, cmd.Flags()), 0
	n := needs{export: p.live}
	if p.live {
		p.remembers()
		n.writes = p.writes
	}
	if p.engine, err = from.open(p.measure.Interval, &n); err != nil {
		return err
	}
	if o.remote.ends {
		p.engine.roll.Apart()
	}
	if err := p.confine(n); err != nil {
		return err
	}
	if p.live {
		return p.screen(cmd.Context())
	}
	return p.streamEngine(cmd.Context())
}

// open makes the engine, and says what asking it needs.
func (o *fromOptions) open(every time.Duration, n *needs) (*engineFeed, error) {
	if o.url == "" {
		return nil, usagef("such as --from prom+https://prometheus:9090", "fleet has nobody to ask: no --from is given")
	}
	if strings.HasPrefix(o.url, "clickhouse+") {
		return o.openFlows(every, n)
	}
	u, port, err := fromURL(o.url, o.headers != "")
	if err != nil {
		return nil, usagef("", "--from %s: %v", o.url, err)
	}
	cfg := fleet.Config{URL: u, HostLabel: o.hostLabel, Top: int(o.groups), Timeout: max(every, 10*time.Second)}
	if cfg.Headers, err = readHeaders(o.headers); err != nil {
		return nil, usagef("", "--from-headers: %v", err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if transport.TLSClientConfig, err = trusting(o.ca); err != nil {
		return nil, usagef("", "--from-ca: %v", err)
	}
	cfg.Transport = transport
	engine, err := fleet.New(cfg)
	if err != nil {
		return nil, usagef("", "--host-label: %v", err)
	}
	n.ask, n.reach = true, append(n.reach, port)
	return &engineFeed{engine: engine, name: u.Host, hint: "--from is the address of Prometheus' HTTP API, or of what answers like it", every: every, roll: fleet.NewRoll()}, nil
}

// openFlows asks a ClickHouse for records of connections.
func (o *fromOptions) openFlows(every time.Duration, n *needs) (*engineFeed, error) {
	target, err := ship.ParseTarget(o.url)
	if err != nil {
		return nil, usagef("", "--from: %v", err)
	}
	cfg := fleet.FlowsConfig{URL: target.URL(), Table: target.Table(), Top: int(o.groups), Timeout: max(every, 10*time.Second)}
	if cfg.Headers, err = readHeaders(o.headers); err != nil {
		return nil, usagef("", "--from-headers: %v", err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if transport.TLSClientConfig, err = trusting(o.ca); err != nil {
		return nil, usagef("", "--from-ca: %v", err)
	}
	cfg.Transport = transport
	n.ask, n.reach = true, append(n.reach, target.Port())
	return &engineFeed{engine: fleet.NewFlows(cfg), name: target.URL().Host, hint: "--from is the address of ClickHouse' HTTP interface", every: every, roll: fleet.NewRoll()}, nil
}

// fromURL is where an engine answers. It is told secrets only where nobody listens.
func fromURL(text string, secrets bool) (*url.URL, uint16, error) {
	plain, ok := strings.CutPrefix(text, "prom+")
	u, err := url.Parse(plain)
	switch {
	case err != nil:
		return nil, 0, errors.Unwrap(err)
	case !ok || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return nil, 0, errors.New("not prom+https://HOST[:PORT][/PATH]")
	case u.User != nil:
		return nil, 0, errors.New("passwords are not taken from the command line, where everybody sees them: use --from-headers")
	case u.Scheme == "http" && secrets && !loopback(u.Hostname()):
		return nil, 0, errors.New("everybody on the way could read what --from-headers sends: use prom+https")
	}
	port, err := portOf(u, map[string]string{"https": "443", "http": "80"}[u.Scheme])
	return u, port, err
}

// engine knows what hosts move, of groups or of connections.
type engine interface {
	Ask(ctx context.Context, at time.Time) (*fleet.Answer, error)
}

// engineFeed asks an engine again and again.
type engineFeed struct {
	engine engine
	name   string
	hint   string // what to look at where it does not answer
	every  time.Duration

	mu   sync.Mutex    // the screen's past asks, too
	last *fleet.Answer // the newest
	came time.Time     // when
	roll *fleet.Roll
}

// now is the engine's time.
func (e *engineFeed) now() time.Time {
	if e.last == nil {
		return time.Now().UTC()
	}
	return e.last.Time.Add(time.Since(e.came))
}

// snapshot is what the engine knows now, or the last that it knew where it does not
// answer; about is what there is to say of it.
func (e *engineFeed) snapshot(ctx context.Context) (s *table.Snapshot, about []string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	answer, err := e.engine.Ask(ctx, time.Time{})
	if err == nil {
		e.last, e.came = answer, time.Now()
		if answer.Time.IsZero() {
			answer.Time = e.came.UTC()
		}
		return e.roll.Snapshot(answer, e.now(), monotonic(), ""), aboutAnswer(answer), nil
	}
	if e.last == nil {
		return nil, nil, &failure{code: exitRuntime, msg: e.name + ": " + err.Error(), hint: e.hint}
	}
	trouble := fmt.Sprintf("the engine does not answer: %v", err)
	age := time.Since(e.came).Round(time.Second)
	return e.roll.Snapshot(e.last, e.now(), monotonic(), trouble), []string{fmt.Sprintf("%s; what is shown is %v old", trouble, age)}, nil
}

// aboutAnswer is what an answer does not have.
func aboutAnswer(a *fleet.Answer) (all []string) {
	for _, w := range a.Warnings {
		all = append(all, "the engine says: "+w)
	}
	if len(a.Hosts) == 0 {
		all = append(all, "the engine knows of no agent")
	}
	if a.Exact < len(a.Groups) {
		all = append(all, fmt.Sprintf("only the first %d groups are certainly those that move most: too many hosts move about the same", a.Exact))
	}
	lossy, off := 0, 0
	var first, wrong *fleet.Host
	for i := range a.Hosts {
		h := &a.Hosts[i]
		if h.Lossy {
			lossy++
			first = cmp.Or(first, h)
		}
		if h.Off != 0 {
			off++
			wrong = cmp.Or(wrong, h)
		}
	}
	if lossy > 0 {
		all = append(all, fmt.Sprintf("%s did not see everything in the last minutes", andMore(first.Name, lossy)))
	}
	if off > 0 {
		all = append(all, fmt.Sprintf("the clock of %s is not the engine's: it is %v off", andMore(wrong.Name, off), wrong.Off.Round(time.Minute)))
	}
	return all
}

// andMore names one of n hosts.
func andMore(name string, n int) string {
	if n == 1 {
		return name
	}
	return fmt.Sprintf("%s and %d more", name, n-1)
}

func monotonic() int64 {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) // it is always there
	return t.Nano()
}

// each yields a snapshot and what there is to say of it until ctx ends or f has enough.
func (e *engineFeed) each(ctx context.Context, f func(*table.Snapshot, []string) (more bool)) error {
	tick := time.NewTicker(e.every)
	defer tick.Stop()
	for {
		s, about, err := e.snapshot(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case !f(s, about):
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// feedEngine leaves what the engine knows for the screen.
func (p *plan) feedEngine(ctx context.Context, frames *tui.Mailbox) error {
	start, ticks := time.Now(), 0
	return p.engine.each(ctx, func(s *table.Snapshot, about []string) bool {
		frames.Missing(about)
		frames.Put(tui.Frame{Snapshot: s, Uptime: time.Since(start)})
		ticks++
		return ticks != p.count
	})
}

// move is tui.Past's: the engine is asked about another time. Its ticks are the whole
// intervals of the clock.
func (e *engineFeed) move() func(time.Time, int, func(*table.Snapshot)) error {
	at, roll := time.Time{}, e.roll.Past()
	return func(to time.Time, ticks int, show func(*table.Snapshot)) error {
		e.mu.Lock()
		defer e.mu.Unlock()
		if to.IsZero() {
			to = at
		}
		to = to.Truncate(e.every).Add(time.Duration(ticks) * e.every)
		if to.After(e.now()) {
			return io.EOF
		}
		answer, err := e.engine.Ask(context.Background(), to)
		if err != nil {
			return err
		}
		if len(answer.Hosts) == 0 {
			return io.EOF
		}
		s := roll.Snapshot(answer, to, monotonic()-int64(e.now().Sub(to)), "")
		s.First, s.Elapsed = !to.Equal(at.Add(e.every)), e.every
		at = to
		show(s)
		return nil
	}
}

// kept is for how long engines keep what they know unless they are told otherwise.
const kept = 15 * 24 * time.Hour

// engineConfig is the screen of other hosts: nothing on it may act on this one.
func (p *plan) engineConfig(c *tui.Config) {
	c.Host, c.Interval = p.engine.name, p.engine.every
	if c.Fields == nil {
		c.Fields = strings.Split("host,proto,process,unit,pod,rname,rport,lport,rx_rate,tx_rate,rx_bytes,tx_bytes,graph", ",")
	}
	c.Actions.Signal, c.Actions.Close, c.SetInterval, c.Lineage, c.Holders = nil, nil, nil, nil, nil
	bounds := func() (first, last time.Time) { now := time.Now().UTC(); return now.Add(-kept), now }
	c.Past = &tui.Past{Move: p.engine.move(), Bounds: bounds, Parse: p.parseTime,
		About: func() []string {
			return []string{"the engine at " + p.engine.name + " is asked about any time that it keeps"}
		},
		Begin: func() string { return "the engine does not keep more, or had no host then" }}
}

// streamEngine prints what the engine knows, until done or, if ctx ends and nobody takes
// the output, without it.
func (p *plan) streamEngine(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stdout := &gauge{w: p.env.Stdout}
	out, err := output.New(stdout, p.list, p.output)
	if err != nil {
		return err
	}
	go onHangup(ctx, p.env.Stdout, func() { cancel(syscall.EPIPE) })
	done := make(chan error, 1)
	go func() { done <- p.printEngine(ctx, out) }()
	err, _ = stdout.await(ctx, done)
	return outcome(err)
}

func (p *plan) printEngine(ctx context.Context, out output.Writer) (failed error) {
	var told []string
	ticks := 0
	err := p.engine.each(ctx, func(s *table.Snapshot, about []string) bool {
		defer s.Release()
		for _, text := range about {
			if !slices.Contains(told, text) && len(told) < maxFaults {
				told = append(told, text)
				fmt.Fprint(p.env.Stderr, message(text, ""))
			}
		}
		if err := out.Write(s, p.choose(s)); err != nil {
			failed = fmt.Errorf("write output: %w", err)
		}
		ticks++
		return failed == nil && ticks != p.count
	})
	return errors.Join(failed, err)
}
