package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tcptop/internal/column"
	"tcptop/internal/fleet"
	"tcptop/internal/output"
	"tcptop/internal/ship"
	"tcptop/internal/table"
	"tcptop/internal/tui"
)

// fromOptions say which engine is asked.
type fromOptions struct {
	urls      []string
	headers   []string
	ca        string
	hostLabel string
	groups    positive
}

func (o *fromOptions) flags() *pflag.FlagSet {
	f := newFlagSet()
	f.StringArrayVar(&o.urls, "from", nil, "ask the engine at `url`: prom+https://HOST[:PORT], prom+http:// or, for connections, clickhouse+https://HOST; one of each may be given; also TCPTOP_FROM")
	f.StringArrayVar(&o.headers, "from-headers", nil, "send along the headers in `file`, a line for each: Authorization: Bearer ...; with two engines the first file is the first one's")
	f.StringVar(&o.ca, "from-ca", "", "trust the authorities in `file` (PEM) instead of the system's")
	f.StringVar(&o.hostLabel, "host-label", o.hostLabel, "the `label` that tells hosts apart")
	f.Var(&o.groups, "groups", "look for the `n` groups that move most (default 200)")
	return f
}

// fleetFields are those of text: what an engine has of a group.
const fleetFields = "host,proto,dir,comm,workload,rname,raddr,lport,rport,rx_rate,tx_rate,rx_bytes,tx_bytes"

// runEngine shows what an engine knows, on the screen or as lines.
func (o *options) runEngine(env *Env, list *column.List, cmd *cobra.Command, from *fromOptions, args []string) error {
	if err := env.configureCommand(cmd, o.origins); err != nil {
		return err
	}
	p, err := o.plan(env, list, cmd.Flags(), args)
	if err != nil {
		return err
	}
	p.output.Hosts = true
	if len(from.urls) == 0 {
		from.urls = strings.Fields(env.variable("TCPTOP_FROM"))
	}
	if p.output.Fields == nil && p.output.Format == output.Text {
		fields := fleetFields
		if slices.ContainsFunc(from.urls, ofConnections) {
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
		p.engine.apart()
	}
	p.engine.wait = p.live && len(from.urls) > 1
	if err := p.confine(n); err != nil {
		return err
	}
	if p.live {
		return p.screen(cmd.Context())
	}
	return p.streamEngine(cmd.Context())
}

// open makes the engines, and says what asking them needs.
func (o *fromOptions) open(every time.Duration, n *needs) (*engineFeed, error) {
	if len(o.urls) == 0 {
		return nil, usagef("such as --from prom+https://prometheus:9090", "fleet has nobody to ask: no --from is given")
	}
	e := &engineFeed{every: every, turned: make(chan struct{}, 1)}
	if len(o.headers) > len(o.urls) || len(o.urls) > 1 && len(o.headers) == 1 {
		return nil, usagef("an empty file sends nothing", "--from-headers is given %d times for %d engines", len(o.headers), len(o.urls))
	}
	for i, url := range o.urls {
		headers := ""
		if len(o.headers) > 0 {
			headers = o.headers[i]
		}
		open, taken := o.openGroups, e.groups != nil
		if ofConnections(url) {
			open, taken = o.openFlows, e.conns != nil
		}
		if taken {
			return nil, usagef("one of prom+https:// and one of clickhouse+https:// may be given", "--from %s: there is another engine for the same", url)
		}
		if err := open(e, url, headers, n); err != nil {
			return nil, err
		}
	}
	e.at = e.of("")
	return e, nil
}

// ofConnections reports whether what answers at url knows connections.
func ofConnections(url string) bool { return strings.HasPrefix(url, "clickhouse+") }

// openGroups asks what answers PromQL for groups of connections.
func (o *fromOptions) openGroups(e *engineFeed, text, headers string, n *needs) error {
	u, port, err := fromURL(text, headers != "")
	if err != nil {
		return usagef("", "--from %s: %v", text, err)
	}
	cfg := fleet.Config{URL: u, HostLabel: o.hostLabel, Top: int(o.groups), Timeout: max(e.every, 10*time.Second)}
	if cfg.Headers, cfg.Transport, err = o.reach(headers); err != nil {
		return err
	}
	engine, err := fleet.New(cfg)
	if err != nil {
		return usagef("", "--host-label: %v", err)
	}
	n.ask, n.reach = true, append(n.reach, port)
	q := question{name: u.Host, hint: "--from is the address of Prometheus' HTTP API, or of what answers like it"}
	e.groups, e.peers, e.workloads = q.by(engine.Ask), q.by(engine.AskPeers), q.by(engine.AskWorkloads)
	return nil
}

// openFlows asks a ClickHouse for records of connections.
func (o *fromOptions) openFlows(e *engineFeed, text, headers string, n *needs) error {
	target, err := ship.ParseTarget(text)
	if err != nil {
		return usagef("", "--from: %v", err)
	}
	cfg := fleet.FlowsConfig{URL: target.URL(), Table: target.Table(), Top: int(o.groups), Timeout: max(e.every, 10*time.Second)}
	if cfg.Headers, cfg.Transport, err = o.reach(headers); err != nil {
		return err
	}
	n.ask, n.reach = true, append(n.reach, target.Port())
	q := question{name: target.URL().Host, hint: "--from is the address of ClickHouse' HTTP interface"}
	e.conns = q.by(fleet.NewFlows(cfg).Ask)
	return nil
}

// reach is what an engine is told with each question, and how it is reached.
func (o *fromOptions) reach(headers string) (map[string]string, http.RoundTripper, error) {
	h, err := readHeaders(headers)
	if err != nil {
		return nil, nil, usagef("", "--from-headers: %v", err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if transport.TLSClientConfig, err = trusting(o.ca); err != nil {
		return nil, nil, usagef("", "--from-ca: %v", err)
	}
	return h, transport, nil
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

// kept is for how long engines keep what they know unless they are told otherwise.
const kept = 15 * 24 * time.Hour

// engineConfig is the screen of other hosts: nothing on it may act on this one.
func (p *plan) engineConfig(c *tui.Config) {
	c.Host, c.Interval, c.Views, c.Viewed = p.engine.names(), p.engine.every, p.engine.views(), p.engine.viewed
	if c.Fields == nil {
		c.Fields = strings.Split("host,proto,process,workload,remote,lport,rx_rate,tx_rate,rx_bytes,tx_bytes,graph", ",")
	}
	c.Actions.Signal, c.Actions.Close, c.SetInterval, c.Lineage, c.Holders = nil, nil, nil, nil, nil
	bounds := func() (first, last time.Time) { now := time.Now().UTC(); return now.Add(-kept), now }
	c.Past = &tui.Past{Move: p.engine.move(), Bounds: bounds, Parse: p.parseTime,
		About: func() []string {
			return []string{"the engine at " + p.engine.names() + " is asked about any time that it keeps"}
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
		if err := out.Write(s, p.printed(s)); err != nil {
			failed = fmt.Errorf("write output: %w", err)
		}
		ticks++
		return failed == nil && ticks != p.count
	})
	return errors.Join(failed, err)
}
