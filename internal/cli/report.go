package cli

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"tcptop/internal/column"
	"tcptop/internal/conn"
	"tcptop/internal/record"
	"tcptop/internal/report"
	"tcptop/internal/table"
)

// textTop is how many talkers of a kind text shows.
const textTop = 10

// reportCommand says who moved how much in a recording.
func reportCommand(env *Env, list *column.List) *cobra.Command {
	o, s, by := newOptions(), span{}, []string{}
	format := choice{word: report.Text, of: report.Formats()}
	cmd := &cobra.Command{
		Use:   "report FILE|DIR [flags] [FILTER...]",
		Short: "Show the top talkers of a recording",
		Long: `Sums a recording by process, container, remote and port: bytes both ways, connections
opened, closed and failed, the worst round-trip time and what was sent again. Times are
written as for replay.`,
		Args: recordingArg("report"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := env.configureCommand(cmd, o.origins); err != nil {
				return err
			}
			if format.word == report.Parquet && isTerminal(env.Stdout) {
				return usagef("> report.parquet", "Parquet is nothing for a terminal")
			}
			for _, kind := range by {
				if !slices.Contains(report.Kinds(), kind) {
					return usagef("", "--by %q: %v", kind, (&choice{of: report.Kinds()}).Set(kind))
				}
			}
			p, err := o.plan(env, list, cmd.Flags(), args[1:])
			if err != nil {
				return err
			}
			if err := p.confine(needs{}, args[0]); err != nil {
				return err
			}
			r, times, err := s.open(env, args[0])
			if err != nil {
				return err
			}
			return p.report(cmd.Context(), r, times, by, format.word)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&s.from, "from", "", "nothing before `time`")
	f.StringVar(&s.to, "to", "", "nothing after `time`")
	f.StringSliceVar(&by, "by", report.Kinds(), "sum by these `kinds`")
	f.VarP(&format, "output", "o", "`format`: text, csv, jsonl or parquet")
	f.Var(&o.top, "top", "the first `n` of each kind (default 10 as text, else all)")
	f.AddFlagSet(o.selection.flags())
	f.Var(&o.sandbox, "sandbox", sandboxUsage)
	return cmd
}

func (p *plan) report(ctx context.Context, r *record.Reader, times spanTimes, by []string, format string) error {
	sum := report.New(by)
	sum.Keep = p.keeps()
	frame := report.Frame{Host: r.Header().Host}
	for sample, err := range r.Samples(times.from, times.to)(ctx) {
		if err != nil {
			return outcome(err)
		}
		if frame.To = sample.Time; frame.From.IsZero() {
			frame.From = sample.Time
		}
		if sample.Time.Before(times.from) {
			sum.Base(sample)
			continue
		}
		sum.Add(sample)
	}
	switch {
	case ctx.Err() != nil:
		return nil
	case frame.From.IsZero():
		writeGaps(p.env, r.Gaps())
		return &failure{code: exitRuntime, msg: "there is no tick in that time that can be read"}
	}
	top := p.top
	if top == 0 && format == report.Text {
		top = textTop
	}
	style := report.Style{Bytes: size, Local: p.env.zone()}
	if err := report.Write(p.env.Stdout, format, frame, sum.Talkers(top), style); err != nil {
		return outcome(fmt.Errorf("write report: %w", err))
	}
	if lost := sum.Lost(); lost != (conn.Loss{}) {
		fmt.Fprint(p.env.Stderr, message("lost while it was recorded: "+lossText(lost), ""))
	}
	if open := notShownText("open at the end without a row, and in no sum", sum.Open()); open != "" {
		fmt.Fprint(p.env.Stderr, message(open, ""))
	}
	writeGaps(p.env, r.Gaps())
	return nil
}

// keeps is the filter for connections that are in no table: rates are 0 there.
func (p *plan) keeps() func(*conn.Conn, *conn.Sample) bool {
	var at int64
	var match func(*table.Row) bool
	return func(c *conn.Conn, s *conn.Sample) bool {
		if match == nil || at != s.Mono {
			at, match = s.Mono, p.filter.Match(&table.Snapshot{Time: s.Time, Mono: s.Mono, Host: s.Host, Origin: s.Origin})
		}
		row := table.Row{Conn: *c}
		return p.family(&row) && match(&row)
	}
}

// zone is that of times in text.
func (env *Env) zone() *time.Location {
	if env.Local == nil {
		return time.UTC
	}
	return env.Local
}

// recordingArg wants a recording as the first word.
func recordingArg(command string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usagef("such as tcptop "+command+" "+systemRecording, "%s needs a recording: a directory or a file of one", command)
		}
		return nil
	}
}
