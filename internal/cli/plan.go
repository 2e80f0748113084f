package cli

import (
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/pflag"

	"tcptop/internal/column"
	"tcptop/internal/conn"
	"tcptop/internal/filter"
	"tcptop/internal/logfile"
	"tcptop/internal/names"
	"tcptop/internal/output"
	"tcptop/internal/remote"
	"tcptop/internal/table"
	"tcptop/internal/tui"
)

// plan is what the command line asks for, checked.
type plan struct {
	env     *Env
	list    *column.List
	backend string
	debug   bool
	sandbox string
	measure conn.Config
	output  output.Config
	order   column.Order
	timely  bool // events come in order of time, not in order's
	family  func(*table.Row) bool
	filter  *filter.Filter
	flags   *filter.Filter // the part of filter that is not typed on the screen
	top     int
	count   int
	log     logfile.Config // without a path: none

	history time.Duration // that the screen keeps; 0 is nothing
	look    tui.Config    // what the flags say of the screen
	noColor bool
	numeric bool
	live    bool     // the screen
	writes  []string // directories that are written to while it runs
	reads   []string // files that are read again
	reaches []uint16 // ports of other hosts that are connected to
	serves  bool     // what listens is answered
	netns   uint32   // whose connections an agent tells alone; 0 is all

	engine *engineFeed // that is asked about other hosts; nil is this host

	hosts *remote.Config // nil is this host
	copy  bool           // a copy of this program goes there

	networks *names.Networks // that the command line names; nil is none
	// running is the screen's collector once it is open.
	running atomic.Pointer[Collector]
}

// plan checks the flags and the words after them.
func (o *options) plan(env *Env, list *column.List, given *pflag.FlagSet, args []string, hosts ...remote.Target) (*plan, error) {
	args, err := o.positionals(given, args)
	if err != nil {
		return nil, err
	}
	p := &plan{env: env, list: list, backend: o.backend.word, debug: o.debug, sandbox: o.sandbox.word, family: o.selection.family, top: int(o.top), count: int(o.count)}
	var flags *filter.Filter
	if len(hosts) > 0 { // which rows is for them to say
		p.family = func(*table.Row) bool { return true }
		flags, err = filter.Parse("", list)
	} else {
		flags, err = o.selection.filter(env, list)
	}
	if err != nil {
		return nil, err
	}
	words, err := filter.Parse(strings.Join(args, " "), list)
	if err != nil {
		return nil, filterFailure("filter", err)
	}
	p.filter, p.flags = filter.And(flags, words), flags
	p.timely = o.selection.events && !given.Changed("sort")
	if p.order, err = list.ParseSort(o.sort); err != nil {
		return nil, fieldFailure("--sort", err)
	}
	p.output = output.Config{Format: o.output.word, Style: column.Style{Bits: o.units.word == "bits"}, Local: env.Local, Events: o.selection.events, Changes: o.changes, Version: env.Version}
	if o.changes && (o.output.word != output.JSONL || o.selection.events || len(hosts) > 0) {
		return nil, usagef("tcptop -b -o jsonl --changes", "--changes is for JSON lines of one host's rows")
	}
	if given.Changed("fields") {
		if p.output.Fields, err = list.Pick(o.fields); err != nil {
			return nil, fieldFailure("--fields", err)
		}
	}
	tcp, udp := o.selection.protocols()
	p.measure = conn.Config{
		Interval:    time.Duration(o.interval),
		TCP:         tcp,
		UDP:         udp,
		DNS:         udp && !o.numeric,
		MaxConns:    int(o.maxConns),
		Transitions: tcp && o.selection.events,
		Stats:       o.bpfStats,
		UDPTimeout:  time.Duration(o.udpTimeout),
		Host:        env.Host,
	}
	if p.networks, err = names.OpenNetworks(o.mmdb); err != nil {
		return nil, usagef("", "--mmdb: %v", err)
	}
	if p.look, err = o.screenFlags(env, given, args); err != nil {
		return nil, err
	}
	p.noColor, p.numeric, p.history = o.look.noColor, o.numeric, time.Duration(o.look.history)
	if p.log, err = o.logConfig(p, given); err != nil {
		return nil, err
	}
	return p, o.elsewhere(p, given, hosts)
}

// positionals takes [interval [count]] off args, as bcc's tools have them, and
// returns the filter.
func (o *options) positionals(given *pflag.FlagSet, args []string) ([]string, error) {
	var interval seconds
	if len(args) == 0 || interval.Set(args[0]) != nil && !isNumber(args[0]) {
		return args, nil
	}
	if o.typed(given, "interval") {
		return nil, usagef("to look for "+args[0]+" write port="+args[0],
			"the interval is given twice: -d %v and %s", time.Duration(o.interval), args[0])
	}
	if err := o.interval.Set(args[0]); err != nil {
		return nil, usagef("", "interval %q: %v", args[0], err)
	}
	if args = args[1:]; len(args) == 0 || !isNumber(args[0]) {
		return args, nil
	}
	if o.typed(given, "count") {
		return nil, usagef("to look for "+args[0]+" write port="+args[0],
			"the count is given twice: -n %d and %s", o.count, args[0])
	}
	if err := o.count.Set(args[0]); err != nil {
		return nil, usagef("", "count %q: %v", args[0], err)
	}
	return args[1:], nil
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 64)
	return err == nil
}

// fieldFailure says what is wrong with a field of flag.
func fieldFailure(flag string, err error) error {
	hint := "tcptop help fields lists them"
	var f *column.FieldError
	if errors.As(err, &f) && f.Hint != "" {
		hint = f.Hint
	}
	return usagef(hint, "%s: %v", flag, err)
}

// filterFailure points at the part of what's value that is wrong.
func filterFailure(what string, err error) error {
	var f *filter.Error
	if !errors.As(err, &f) {
		return usagef("", "%s: %v", what, err)
	}
	hint := f.Hint
	if hint == "" {
		hint = "tcptop help filter shows how to write values"
	}
	pointer := strings.ReplaceAll(f.Pointer(), "\n", "\n  ")
	return usagef(hint, "%s: %v\n  %s", what, f, pointer)
}

// printed returns the rows of s that the output may print, in order: as text, those without
// news would be left out, after they were sorted.
func (p *plan) printed(s *table.Snapshot) []*table.Row {
	if p.output.Format != output.Text {
		return p.choose(s)
	}
	return p.chosen(s, func(r *table.Row) bool { return output.HasNews(r) || s.FirstOf(r) })
}

// choose returns the rows of s that are wanted, in order.
func (p *plan) choose(s *table.Snapshot) []*table.Row { return p.chosen(s, nil) }

// chosen returns those that are asked for, unless the top ones of all are wanted.
func (p *plan) chosen(s *table.Snapshot, asked func(*table.Row) bool) []*table.Row {
	filtered := p.filter.Match(s)
	keep := func(r *table.Row) bool { return p.family(r) && filtered(r) }
	switch {
	case p.timely:
		return s.Events(keep, nil, p.top)
	case p.output.Events:
		return s.Events(keep, p.order.Compare(s), p.top)
	case p.top > 0:
		return s.Query(keep, p.order.Compare(s), p.top)
	}
	rows := s.Query(func(r *table.Row) bool { return (asked == nil || asked(r)) && keep(r) }, nil, 0)
	p.order.Sort(s, rows)
	return rows
}
