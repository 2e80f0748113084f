package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"tcptop/internal/column"
	"tcptop/internal/output"
	"tcptop/internal/remote"
	"tcptop/internal/table"
	"tcptop/internal/tui"
)

// maxHosts is how many hosts are asked at once: each has an ssh of its own.
const maxHosts = 256

// remoteOptions are the flags of other hosts.
type remoteOptions struct {
	copy bool
	sudo bool
	ends bool
}

func (o *remoteOptions) flags() *pflag.FlagSet {
	f := newFlagSet()
	f.BoolVar(&o.copy, "copy", false, "run a copy of this tcptop on the other hosts, which is gone there before it runs")
	f.BoolVar(&o.sudo, "sudo", false, "run it there as root, by sudo -n")
	f.BoolVar(&o.ends, "ends", false, "both ends of a connection between two of the hosts are rows, not one")
	return f
}

// takeHosts takes the words off args that can only be hosts.
func takeHosts(list *column.List, args []string) (hosts []remote.Target, rest []string, err error) {
	for _, word := range args {
		if field, _, ok := strings.Cut(word, ":"); ok {
			if _, known := list.Find(field); known || field == "port" || field == "addr" { // proto: udp
				rest = append(rest, word)
				continue
			}
		}
		t, is, err := remote.ParseWord(word)
		switch {
		case err != nil:
			return nil, nil, usagef("a host is user@host, host: or ssh://user@host:port", "%s: %v", word, err)
		case is:
			hosts = append(hosts, t)
		default:
			rest = append(rest, word)
		}
	}
	return hosts, rest, nil
}

// elsewhere makes p a plan of hosts, or of this one where there are none.
func (o *options) elsewhere(p *plan, given *pflag.FlagSet, hosts []remote.Target) error {
	switch {
	case len(hosts) == 0 && (o.typed(given, "copy") || o.typed(given, "sudo") || o.typed(given, "ends")):
		return usagef("such as tcptop --copy root@web1", "--copy, --sudo and --ends are for other hosts, and none is named")
	case len(hosts) == 0:
		return nil
	case len(hosts) > maxHosts:
		return usagef("tcptop agent on each, and tcptop fleet --from, are for that many", "more than %d hosts at once", maxHosts)
	case o.selection.events:
		return usagef("name one host, and run it there: ssh HOST tcptop --events", "--events is of one host")
	case p.log.Path != "":
		return usagef("tcptop -b -o csv HOST... > file writes what they say", "--log is of one host")
	case len(o.mmdb) > 0:
		return usagef("--mmdb may stand in the configuration of the other host", "--mmdb is of one host")
	}
	if err := remote.Distinct(hosts); err != nil {
		return usagef("name each host once", "%v", err)
	}
	p.hosts = &remote.Config{Hosts: hosts, Interval: p.measure.Interval, Args: o.sentOn(given), Sudo: o.remote.sudo, Ends: o.remote.ends, Arch: runtime.GOARCH, Environ: p.env.Environ}
	p.history = 0 // a recording is of one host
	p.copy = o.remote.copy
	p.output.Hosts = len(hosts) > 1
	return nil
}

// sentOn is what the tcptop there is told, as it was given here: which rows, since
// names of users and namespaces are its own, and how to measure.
func (o *options) sentOn(given *pflag.FlagSet) []string {
	var args []string
	send := func(f *pflag.Flag) {
		value := f.Value.String()
		switch f.Value.Type() {
		case "bool":
			args = append(args, "--"+f.Name+"="+value)
		default:
			args = append(args, "--"+f.Name+"="+strings.Trim(value, "[]"))
		}
	}
	new(selection).flags().VisitAll(func(f *pflag.Flag) {
		if g := given.Lookup(f.Name); g != nil && g.Changed {
			send(g)
		}
	})
	for _, name := range []string{"numeric", "backend", "udp-timeout", "max-conns", "sandbox"} {
		if o.typed(given, name) {
			send(given.Lookup(name))
		}
	}
	return args
}

// openHosts prepares what is asked; wait is for how long the first tick may wait for all.
func (p *plan) openHosts(wait time.Duration) (*remote.Hosts, error) {
	c := *p.hosts
	c.Wait = wait
	var err error
	if c.SSH, err = exec.LookPath("ssh"); err != nil {
		return nil, &failure{code: exitRuntime, msg: "other hosts are asked by ssh, which is not here", hint: "apt install openssh-client, or what it is called here"}
	}
	if p.copy {
		if c.Copy, err = os.ReadFile(p.env.program()); err != nil {
			return nil, &failure{code: exitRuntime, msg: "--copy: " + err.Error()}
		}
	}
	return remote.New(&c), nil
}

// hostsWait is for how long lines wait for a first tick of every host.
const hostsWait = 15 * time.Second

// streamHosts prints what other hosts say, until done or, if ctx ends and nobody takes the
// output, without it.
func (p *plan) streamHosts(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stdout := &gauge{w: p.env.Stdout}
	out, err := output.New(stdout, p.list, p.output)
	if err != nil {
		return err
	}
	hosts, err := p.openHosts(hostsWait)
	if err != nil {
		return err
	}
	go onHangup(ctx, p.env.Stdout, func() { cancel(syscall.EPIPE) })
	done := make(chan error, 1)
	go func() { done <- p.runHosts(ctx, hosts, out) }()
	err, _ = stdout.await(ctx, done)
	return outcome(err)
}

func (p *plan) runHosts(ctx context.Context, hosts *remote.Hosts, out output.Writer) error {
	loss, told, ticks := &lossReport{stderr: p.env.Stderr}, newHostReport(p.env.Stderr), 0
	for snap := range hosts.Snapshots(ctx) {
		if failed := hosts.Failed(); failed != nil {
			return hostsFailure(failed)
		}
		told.tick(snap)
		if err := out.Write(snap, p.printed(snap)); err != nil {
			return fmt.Errorf("write output: %w", err)
		}
		loss.tick(snap)
		snap.Release()
		if ticks++; ticks == p.count {
			break
		}
	}
	loss.end()
	return nil
}

// feedHosts leaves what other hosts say for the screen.
func (p *plan) feedHosts(ctx context.Context, frames *tui.Mailbox) error {
	hosts, err := p.openHosts(0)
	if err != nil {
		return err
	}
	start, ticks := time.Now(), 0
	for snap := range hosts.Snapshots(ctx) {
		if failed := hosts.Failed(); failed != nil {
			return hostsFailure(failed)
		}
		frames.Missing(slices.Concat(hosts.Missing(), faultsOf(snap)))
		frames.Put(tui.Frame{Snapshot: snap, Uptime: time.Since(start)})
		if ticks++; ticks == p.count {
			break
		}
	}
	return nil
}

func faultsOf(s *table.Snapshot) []string {
	var all []string
	for i := range s.Hosts {
		for _, f := range s.Hosts[i].Faults {
			all = append(all, s.Hosts[i].Name+": "+f)
		}
	}
	return all
}

// hostsFailure is that no host can be asked.
func hostsFailure(why []string) error {
	hint := ""
	for _, w := range why {
		if h := hostHint(w); h != "" {
			hint = h
		}
	}
	return &failure{code: exitRuntime, msg: strings.Join(why, "\n"), hint: hint}
}

// hostHint is what to do about a reason of ssh's or of the other side.
func hostHint(why string) string {
	switch {
	case strings.Contains(why, remote.ErrNoProgram.Error()):
		return "install it there, or --copy runs a copy of this one"
	case strings.Contains(why, "Permission denied"), strings.Contains(why, "Host key verification failed"):
		return "ssh must get there without a question: try ssh HOST true, ssh-add, or ssh -fNM HOST with a ControlPath"
	case strings.Contains(why, "sudo:"):
		return "--sudo needs a rule of sudo's that asks for no password there"
	}
	return ""
}

// hostReport tells stderr when a host comes and goes.
type hostReport struct {
	stderr io.Writer
	states map[string]table.HostState
}

func newHostReport(stderr io.Writer) *hostReport {
	return &hostReport{stderr, make(map[string]table.HostState)}
}

func (h *hostReport) tick(s *table.Snapshot) {
	for i := range s.Hosts {
		now := &s.Hosts[i]
		was, known := h.states[now.Name]
		h.states[now.Name] = now.State
		if known && was == now.State || !known && now.State == table.HostOK {
			continue
		}
		text := now.Name + " is " + now.State.String()
		if now.Why != "" {
			text += ": " + now.Why
		}
		fmt.Fprint(h.stderr, message(text, hostHint(now.Why)))
	}
}
