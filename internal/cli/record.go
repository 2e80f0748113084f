package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"tcptop/internal/column"
	"tcptop/internal/conn"
	"tcptop/internal/enrich"
	"tcptop/internal/record"
)

// systemRecording is where root records.
const systemRecording = "/var/lib/tcptop"

// leastSize bounds --max-size: a directory of less holds no segment worth its index.
const leastSize = 1 << 20

// recordOptions are the flags of record that no other command has.
type recordOptions struct {
	dir     string
	maxSize bytesValue
	maxAge  ageValue
}

// recordCommand measures and records until it is stopped.
func recordCommand(env *Env, list *column.List) *cobra.Command {
	o, r := newOptions(), recordOptions{maxSize: 1e9, maxAge: ageValue(7 * 24 * time.Hour)}
	cmd := &cobra.Command{
		Use:   "record [flags]",
		Short: "Record every tick in a directory, for replay and report",
		Long: `Records every tick in a directory, for tcptop replay and tcptop report, until it is
stopped. What is recorded survives a crash: at most the last tick is missing. When the
directory holds more than --max-size, or ticks older than --max-age, the oldest go.`,
		Args: noFilter,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := env.configureCommand(cmd, o.origins); err != nil {
				return err
			}
			p, err := o.plan(env, list, cmd.Flags(), nil)
			if err != nil {
				return err
			}
			p.measure.Calm = true
			return p.record(cmd.Context(), &r)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVarP(&r.dir, "dir", "o", "", "record in directory `dir` (default "+systemRecording+"; not as root: in $XDG_STATE_HOME)")
	f.Var(&r.maxSize, "max-size", "keep at most this `size`: 500M, 10G")
	f.Var(&r.maxAge, "max-age", "keep nothing older than this `age`: 36h, 7d")
	f.VarP(&o.interval, "interval", "d", "`time` between ticks: a duration or seconds, 100ms at least")
	f.VarP(&o.count, "count", "n", "stop after `n` ticks")
	f.BoolVarP(&o.selection.tcp, "tcp", "t", false, "only TCP")
	f.BoolVarP(&o.selection.udp, "udp", "u", false, "only UDP")
	f.BoolVarP(&o.numeric, "numeric", "N", false, "no names for addresses")
	f.AddFlagSet(o.collectorFlags())
	return cmd
}

// noFilter takes no words: which rows are looked at is chosen in replay.
func noFilter(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usagef("everything is recorded; choose with tcptop replay DIR "+args[0], "record takes no filter: %s", args[0])
}

// recordDir is where to record.
func (p *plan) recordDir(r *recordOptions) (string, error) {
	switch {
	case r.dir != "":
		return r.dir, nil
	case os.Geteuid() == 0:
		return systemRecording, nil
	}
	if dir := p.stateDir(); dir != "" {
		return filepath.Join(dir, "recording"), nil
	}
	return "", usagef("-o DIR says where", "there is no directory to record in: neither XDG_STATE_HOME nor HOME names one of this user's")
}

// record opens the collector and the directory, and records until done or ctx ends.
func (p *plan) record(ctx context.Context, r *recordOptions) error {
	dir, err := p.recordDir(r)
	if err != nil {
		return err
	}
	w, err := record.Create(record.Config{
		Dir: dir, MaxSize: int64(r.maxSize), MaxAge: time.Duration(r.maxAge), Files: record.System(),
		Header: record.Header{Program: "tcptop " + p.env.Version, Host: p.env.Host, Session: rand.Text(),
			Interval: p.measure.Interval, Timeout: p.measure.UDPTimeout},
	})
	if err != nil {
		return recordFailure(dir, err)
	}
	p.writes = append(p.writes, dir)
	collector, notice, err := p.collector()
	if err != nil {
		return errors.Join(err, w.Close())
	}
	fmt.Fprint(p.env.Stderr, notice, message(fmt.Sprintf("recording in %s, at most %s and %s", dir, &r.maxSize, &r.maxAge), ""))
	log := recordLog{stderr: p.env.Stderr}
	err = p.recordAll(ctx, collector.Samples, w, &log)
	err = errors.Join(outcome(err), detach(collector))
	if closeErr := w.Close(); closeErr != nil {
		log.note(closeErr)
	}
	log.end(w.Stats())
	return err
}

func recordFailure(dir string, err error) error {
	f := &failure{code: exitRuntime, msg: "record in " + dir + ": " + err.Error(), hint: "-o DIR records elsewhere"}
	var locked *record.LockedError
	switch {
	case errors.As(err, &locked):
		f.msg = err.Error()
		f.hint = "stop it, or record elsewhere with -o DIR; tcptop replay " + dir + " reads what it writes"
	case errors.Is(err, fs.ErrPermission):
		f.code = exitPermission
	}
	return f
}

func (p *plan) recordAll(ctx context.Context, source conn.Source, w *record.Writer, log *recordLog) error {
	names := namer{enrich.New(p.env.Names), p.remotes(nil)}
	defer names.owners.Close()
	defer debug.SetGCPercent(debug.SetGCPercent(recordGC))
	var storm storm
	ticks := 0
	for sample, err := range source(ctx) {
		if err != nil {
			return err
		}
		names.apply(sample)
		log.wrote(w.Write(sample))
		storm.tick(len(sample.Conns) + len(sample.Closed))
		if ticks++; ticks == p.count {
			break
		}
	}
	return nil
}

// recordGC is by how many percent the heap may grow before it is looked through: a
// recorder allocates little and keeps what it knows for long.
const recordGC = 10

// recordLog says on stderr what could not be recorded: when it begins, when it is
// something else, and when it is over.
type recordLog struct {
	stderr  io.Writer
	trouble string
	lost    uint64 // ticks since it began
}

func (l *recordLog) wrote(err error) {
	switch {
	case err != nil:
		l.note(err)
		l.lost++
	case l.trouble != "":
		fmt.Fprint(l.stderr, message(fmt.Sprintf("recording again; %s could not be written", ticksText(l.lost)), ""))
		l.trouble, l.lost = "", 0
	}
}

func (l *recordLog) note(err error) {
	if text := err.Error(); text != l.trouble {
		l.trouble = text
		fmt.Fprint(l.stderr, message(text+"; trying again with every tick", ""))
	}
}

func (l *recordLog) end(s record.Stats) {
	text := "recorded " + ticksText(s.Ticks)
	if s.Lost > 0 {
		text += fmt.Sprintf("; %d could not be written", s.Lost)
	}
	fmt.Fprint(l.stderr, message(text, ""))
}

func ticksText(n uint64) string {
	if n == 1 {
		return "1 tick"
	}
	return fmt.Sprintf("%d ticks", n)
}
