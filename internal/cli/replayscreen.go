package cli

import (
	"context"
	"fmt"
	"time"

	"tcptop/internal/record"
	"tcptop/internal/table"
	"tcptop/internal/tui"
)

// replayScreen shows the recording in the screen, which plays it from the start, or
// stands at a time that was asked for.
func (p *plan) replayScreen(ctx context.Context, r *record.Reader, times spanTimes) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w := &rewinder{cursor: r.Cursor(), from: times.from, to: times.to, table: func() *table.Table { return replayTable(r, false) },
		refresh: func(to time.Time) bool {
			_, last := r.Bounds()
			return (to.IsZero() || to.After(last)) && r.Refresh()
		}}
	defer w.close()
	m := tui.New(p.replayConfig(ctx, r, w, times))
	left := make(chan error, 1)
	go func() {
		left <- tui.Run(ctx, m, tui.Terminal{In: p.env.Stdin, Out: p.env.Stdout, Environ: p.screenEnviron()})
	}()
	ended, err := await(ctx, left)
	if !ended {
		return &failure{code: exitDone, msg: "the terminal did not take the last picture"}
	}
	writeGaps(p.env, r.Gaps())
	if saveErr := m.Save(); saveErr != nil && err == nil {
		err = &failure{code: exitRuntime, msg: "remember the view: " + saveErr.Error()}
	}
	return err
}

// replayConfig is the screen of another time and perhaps another host: nothing on it
// may act on this one.
func (p *plan) replayConfig(ctx context.Context, r *record.Reader, w *rewinder, times spanTimes) tui.Config {
	h := r.Header()
	c := p.screenConfig(nil, p.reverse(ctx))
	c.Host, c.Interval = h.Host, h.Interval
	if c.Interval <= 0 {
		c.Interval = time.Second
	}
	c.Actions.Signal, c.Actions.Close, c.SetInterval, c.Lineage, c.Holders = nil, nil, nil, nil, nil
	c.Replay, c.At, c.Play = true, times.at, times.at.IsZero()
	bounds := func() (first, last time.Time) {
		first, last = r.Bounds()
		if first.Before(times.from) {
			first = times.from
		}
		if w.late(last) {
			last = times.to
		}
		return first, last
	}
	c.Past = &tui.Past{Move: w.move, Bounds: bounds, Parse: p.parseTime, Begin: func() string { return "the recording begins here" },
		About: func() []string { return p.aboutRecording(r) }}
	return c
}

// maxGaps is how many gaps the help names.
const maxGaps = 20

func (p *plan) aboutRecording(r *record.Reader) []string {
	h := r.Header()
	first, last := r.Bounds()
	const clock = "2006-01-02 15:04:05"
	lines := []string{fmt.Sprintf("recorded on %s by %s, every %v", h.Host, h.Program, h.Interval),
		fmt.Sprintf("from %s to %s", first.In(p.zone()).Format(clock), last.In(p.zone()).Format(clock))}
	gaps := r.Gaps()
	for _, g := range gaps[:min(len(gaps), maxGaps)] {
		lines = append(lines, "missing: "+gapText(g, p.env.Local))
	}
	if more := len(gaps) - maxGaps; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d gaps more", more))
	}
	return lines
}
