package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tcptop/internal/column"
	"tcptop/internal/output"
	"tcptop/internal/record"
	"tcptop/internal/table"
)

// span are the flags that choose a time of a recording.
type span struct{ at, from, to string }

// spanTimes is a span as times; zero is not given.
type spanTimes struct{ at, from, to time.Time }

// replayCommand shows what was recorded as if it happened now.
func replayCommand(env *Env, list *column.List) *cobra.Command {
	o, s := newOptions(), span{}
	cmd := &cobra.Command{
		Use:   "replay FILE|DIR [flags] [FILTER...]",
		Short: "Show what tcptop record has recorded",
		Long: `Shows a recording: on a terminal in the same screen as the present, else, or with -b,
as lines. Times are written 03:10 (the last one in the recording), 2h ago,
yesterday 03:10, 2026-11-25 03:10 or as in RFC 3339.`,
		Args: recordingArg("replay"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := env.configureCommand(cmd, o.origins); err != nil {
				return err
			}
			p, err := o.plan(env, list, cmd.Flags(), args[1:])
			if err != nil {
				return err
			}
			live := o.live(env, cmd.Flags())
			if !live && s.at != "" && s.from+s.to != "" {
				return usagef("leave out --at, or --from and --to", "--at prints one tick, --from and --to a span of them")
			}
			n := needs{}
			if live {
				p.remembers()
				n = needs{ask: !p.numeric, writes: p.writes, export: true}
			}
			if err := p.confine(n, args[0]); err != nil {
				return err
			}
			r, times, err := s.open(env, args[0])
			if err != nil {
				return err
			}
			if live {
				return p.replayScreen(cmd.Context(), r, times)
			}
			return p.replayLines(cmd.Context(), r, times)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&s.at, "at", "", "begin at `time`; with -b print that tick alone")
	f.StringVar(&s.from, "from", "", "nothing before `time`")
	f.StringVar(&s.to, "to", "", "nothing after `time`")
	f.VarP(&o.count, "count", "n", "stop after `n` ticks")
	f.BoolVarP(&o.batch, "batch", "b", false, "stream lines instead of the screen")
	f.AddFlagSet(o.outputFlags())
	f.AddFlagSet(o.selection.flags())
	f.AddFlagSet(o.look.flags())
	f.Var(&o.sandbox, "sandbox", sandboxUsage)
	return cmd
}

// open opens the recording at path and reads the times.
func (s *span) open(env *Env, path string) (*record.Reader, spanTimes, error) {
	r, err := record.Open(path)
	if err != nil {
		return nil, spanTimes{}, &failure{code: exitRuntime, msg: "recording " + err.Error(), hint: "tcptop record makes recordings, as root in " + systemRecording}
	}
	times, err := s.parse(env, r)
	return r, times, err
}

// parse reads the times, which are in the zone of the text output.
func (s *span) parse(env *Env, r *record.Reader) (t spanTimes, err error) {
	first, last := r.Bounds()
	zone := env.zone()
	for _, f := range []struct {
		name, text string
		to         *time.Time
	}{{"at", s.at, &t.at}, {"from", s.from, &t.from}, {"to", s.to, &t.to}} {
		if f.text == "" {
			continue
		}
		if *f.to, err = record.ParseTime(f.text, time.Now(), last.In(zone)); err != nil {
			return t, usagef("", "--%s %q: %v", f.name, f.text, err)
		}
	}
	within := fmt.Sprintf("the recording is from %s to %s", first.In(zone).Format(time.RFC3339), last.In(zone).Format(time.RFC3339))
	switch {
	case !t.to.IsZero() && t.to.Before(t.from):
		return t, usagef("", "--to %s is before --from %s", s.to, s.from)
	case t.from.After(last):
		return t, usagef(within, "--from %s is after the last tick", s.from)
	case !t.to.IsZero() && t.to.Before(first):
		return t, usagef(within, "--to %s is before the first tick", s.to)
	case !t.at.IsZero() && (t.at.Before(first.Add(-time.Minute)) || t.at.After(last.Add(time.Minute))):
		return t, usagef(within, "--at %s is not in the recording", s.at)
	}
	return t, nil
}

// replayTable folds recorded samples as the live table would have done.
func replayTable(r *record.Reader, events bool) *table.Table {
	return table.New(table.Config{UDPTimeout: r.Header().Timeout, Events: events})
}

// replayLines prints the ticks that times choose, then what is missing of them.
func (p *plan) replayLines(ctx context.Context, r *record.Reader, times spanTimes) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out, err := output.New(p.env.Stdout, p.list, p.output)
	if err != nil {
		return err
	}
	go onHangup(ctx, p.env.Stdout, cancel)
	if !times.at.IsZero() {
		c := r.Cursor()
		defer c.Close()
		at, err := c.Find(times.at, 0)
		if err != nil {
			return outcome(err)
		}
		times.from, times.to = at, at
	}
	rows, loss, ticks := replayTable(r, p.output.Events), lossReport{stderr: p.env.Stderr}, 0
	for sample, err := range r.Samples(times.from, times.to)(ctx) {
		if err != nil {
			return outcome(err)
		}
		rows.Apply(sample)
		if sample.Time.Before(times.from) {
			continue // rates are counted from it
		}
		snap := rows.Snapshot()
		if err := out.Write(snap, p.printed(snap)); err != nil {
			return outcome(fmt.Errorf("write output: %w", err))
		}
		loss.tick(snap)
		snap.Release()
		if ticks++; ticks == p.count {
			break
		}
	}
	loss.end()
	writeGaps(p.env, r.Gaps())
	return nil
}

// writeGaps says on stderr of which times there is nothing.
func writeGaps(env *Env, gaps []record.Gap) {
	for _, g := range gaps {
		fmt.Fprint(env.Stderr, message("not in the recording: "+gapText(g, env.Local), ""))
	}
}

func gapText(g record.Gap, zone *time.Location) string {
	if zone == nil {
		zone = time.UTC
	}
	text := g.What
	if g.Ticks > 0 {
		text = ticksText(g.Ticks) + ", " + text
	}
	const clock = "2006-01-02 15:04:05"
	switch {
	case g.From.IsZero() && g.To.IsZero():
	case g.From.IsZero():
		text += ", before " + g.To.In(zone).Format(clock)
	case g.To.IsZero():
		text += ", after " + g.From.In(zone).Format(clock)
	default:
		text += ", between " + g.From.In(zone).Format(clock) + " and " + g.To.In(zone).Format(clock)
	}
	return text
}
