package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/pflag"

	"tcptop/internal/column"
	"tcptop/internal/logfile"
	"tcptop/internal/table"
)

// logOptions are the flags of the log as given.
type logOptions struct {
	path    string
	changes bool
	rotate  rotation
	keep    positive
	force   bool
}

func (o *logOptions) flags() *pflag.FlagSet {
	f := newFlagSet()
	f.StringVar(&o.path, "log", "", "also write every tick to `file`: .csv or .jsonl, and .gz or .zst to compress it")
	f.BoolVar(&o.changes, "log-changes", false, "log only rows that moved, opened or closed")
	f.Var(&o.rotate, "log-rotate", "begin a new file at this `size or age`: 100M, 24h or both: 100M,24h")
	f.Var(&o.keep, "log-keep", "keep `n` rotated files: FILE.1 is the newest (default 7)")
	f.BoolVar(&o.force, "force", false, "overwrite a log file that holds something else")
	return f
}

// defaultKeep is how many rotated files are kept.
const defaultKeep = 7

// logConfig checks the flags of the log; a config without a path is none.
func (o *options) logConfig(p *plan, given *pflag.FlagSet) (logfile.Config, error) {
	l := &o.log
	// A configuration file may say how to log without saying that it should.
	typed := func(name string) bool { return given.Changed(name) && o.origins[name] == "" }
	c := logfile.Config{Path: l.path, Fields: p.output.Fields, Choose: p.choose, Changes: l.changes, Force: l.force,
		MaxSize: l.rotate.size, MaxAge: l.rotate.age, Keep: int(l.keep)}
	switch {
	case l.path == "" && (typed("log-changes") || typed("log-rotate") || typed("log-keep") || typed("force")):
		return c, usagef("add --log FILE", "--log-changes, --log-rotate, --log-keep and --force say how to log, but not where")
	case typed("log-keep") && l.rotate == rotation{}:
		return c, usagef("add --log-rotate 100M, for instance", "--log-keep without --log-rotate: no file is ever rotated")
	}
	if c.Fields == nil {
		c.Fields = allFields(p.list)
	}
	if c.Keep == 0 {
		c.Keep = defaultKeep
	}
	return c, nil
}

// logbook is the log beside the stream or the screen. The nil logbook is none.
type logbook struct {
	*logfile.Log
	path string
}

// openLog opens the log that the command line asks for.
func (p *plan) openLog() (*logbook, error) {
	if p.log.Path == "" {
		return nil, nil
	}
	p.writesTo(p.log.Path)
	l, err := logfile.Open(p.log)
	if err != nil {
		return nil, logFailure(p.log.Path, err)
	}
	return &logbook{l, p.log.Path}, nil
}

func logFailure(path string, err error) error {
	var name *logfile.NameError
	var exists *logfile.ExistsError
	switch {
	case errors.As(err, &name):
		return usagef("such as --log flows.csv.gz", "--log %s: %v", path, err)
	case errors.As(err, &exists):
		return &failure{code: exitRuntime, msg: "log " + path + ": " + err.Error(), hint: "choose another name, or overwrite it with --force"}
	}
	return &failure{code: exitRuntime, msg: "log " + path + ": " + err.Error()}
}

// tick logs the rows as they are now.
func (b *logbook) tick(rows *table.Table) {
	if b != nil {
		b.Put(rows.Snapshot())
	}
}

// mark is what the screen says of the log; "" where there is nothing to say.
func (b *logbook) mark() string {
	if b == nil {
		return ""
	}
	switch s := b.Status(); {
	case s.Err != nil && s.Missing > 0:
		return fmt.Sprintf("log lost %d ticks: %v", s.Missing, s.Err)
	case s.Err != nil:
		return fmt.Sprintf("log: %v", s.Err)
	case s.Missing > 0:
		return fmt.Sprintf("log lost %d ticks", s.Missing)
	}
	return ""
}

// tell prints what there is to say of the log.
func (b *logbook) tell(stderr io.Writer) {
	if b == nil {
		return
	}
	for _, text := range b.News() {
		fmt.Fprint(stderr, message("log "+b.path+": "+text, ""))
	}
}

// logWait is how long an end that is in a hurry waits for a slow disk.
const logWait = 200 * time.Millisecond

// close writes what waits.
func (b *logbook) close(ctx context.Context) {
	if b != nil {
		b.Close(ctx, logWait)
	}
}

// allFields are the fields that rows of this host have.
func allFields(list *column.List) []*column.Column {
	all := list.Own()
	fields := make([]*column.Column, len(all))
	for i := range all {
		fields[i] = &all[i]
	}
	return fields
}
