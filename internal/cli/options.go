package cli

import (
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tcptop/internal/column"
	"tcptop/internal/output"
)

// options are the flags as given.
type options struct {
	interval   seconds
	count      positive
	batch      bool
	output     choice
	fields     string
	sort       string
	top        positive
	units      choice
	numeric    bool
	mmdb       []string
	selection  selection
	backend    choice
	udpTimeout seconds
	maxConns   uint32
	bpfStats   bool
	debug      bool
	sandbox    choice
	log        logOptions
	remote     remoteOptions
	changes    bool
	look       look

	origins map[string]string // where a flag comes from that was not typed
}

// typed reports whether a flag stands on the command line.
func (o *options) typed(given *pflag.FlagSet, name string) bool {
	return given.Changed(name) && o.origins[name] == ""
}

func newOptions() *options {
	return &options{
		interval:   seconds(time.Second),
		output:     choice{word: output.Text, of: output.Formats()},
		sort:       "-rate",
		units:      choice{word: "bytes", of: []string{"bytes", "bits"}},
		backend:    choice{word: backendAuto, of: []string{backendAuto, backendBPF, backendDiag}},
		udpTimeout: seconds(5 * time.Second),
		sandbox:    newSandbox(),
		look:       newLook(),
		origins:    map[string]string{},
	}
}

// flagGroup is what the help shows under one heading.
type flagGroup struct {
	title string
	flags *pflag.FlagSet
}

// groups declares every flag of the stream.
func (o *options) groups() []flagGroup {
	return []flagGroup{
		{"Ticks", o.tickFlags()},
		{"Output", o.outputFlags()},
		{"Only those connections", o.selection.flags()},
		{"Log", o.log.flags()},
		{"Other hosts", o.remote.flags()},
		{"Screen (lines take no notice)", o.look.flags()},
		{"Collector", o.collectorFlags()},
	}
}

func newFlagSet() *pflag.FlagSet {
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	f.SortFlags = false
	return f
}

func (o *options) tickFlags() *pflag.FlagSet {
	f := newFlagSet()
	f.VarP(&o.interval, "interval", "d", "`time` between ticks: a duration or seconds, 100ms at least")
	f.VarP(&o.count, "count", "n", "stop after `n` ticks")
	f.BoolVarP(&o.batch, "batch", "b", false, "stream lines instead of the screen")
	return f
}

func (o *options) outputFlags() *pflag.FlagSet {
	f := newFlagSet()
	f.VarP(&o.output, "output", "o", "`format`: text, csv or jsonl")
	f.BoolVar(&o.changes, "changes", false, "of jsonl only rows with news, and a line that ends each tick")
	f.StringVar(&o.fields, "fields", "", "which fields in which order: `a,b,c` (see tcptop help fields)")
	f.StringVar(&o.sort, "sort", o.sort, "order by `field`, - in front means descending")
	f.Var(&o.top, "top", "print the first `n` rows of a tick")
	f.Var(&o.units, "units", "rates of text in `unit`: bytes or bits")
	f.BoolVarP(&o.numeric, "numeric", "N", false, "no names for addresses and ports")
	return f
}

func (o *options) collectorFlags() *pflag.FlagSet {
	f := newFlagSet()
	f.Var(&o.backend, "backend", "`how` to measure: auto, bpf or diag")
	f.Var(&o.udpTimeout, "udp-timeout", "UDP flows idle for this `time` disappear")
	f.Uint32Var(&o.maxConns, "max-conns", 0, "room for `n` connections (0: by memory)")
	f.BoolVar(&o.bpfStats, "bpf-stats", false, "have the kernel time BPF programs (?): each run of any takes some 55 ns more")
	f.StringArrayVar(&o.mmdb, "mmdb", nil, "networks and countries of remote addresses from MaxMind `file`, each such flag adding one")
	f.Var(&o.sandbox, "sandbox", sandboxUsage)
	f.BoolVar(&o.debug, "debug", false, "print what the kernel says to programs that it refuses")
	return f
}

// completions tells the shell what a flag's value may be.
func (o *options) completions(cmd *cobra.Command, list *column.List) error {
	words := map[string][]string{
		"output": o.output.of, "units": o.units.of, "backend": o.backend.of, "sandbox": o.sandbox.of,
		"fields": list.Names(), "sort": list.Names(),
	}
	for name, of := range words {
		fixed := cobra.FixedCompletions(slices.Clone(of), cobra.ShellCompDirectiveNoFileComp)
		if err := cmd.RegisterFlagCompletionFunc(name, fixed); err != nil {
			return err
		}
	}
	return nil
}
