package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"syscall"
	"time"

	"tcptop/internal/conn"
	"tcptop/internal/enrich"
	"tcptop/internal/output"
)

// lastTick is how long the last tick may take once the program has to end; with
// detaching and the last word on stderr it ends within a second.
const lastTick = 500 * time.Millisecond

// run is the program: a sample, its names, the table, the lines.
func (p *plan) run(ctx context.Context, source conn.Source, out output.Writer, loss *lossReport, log *logbook) error {
	defer log.tell(loss.stderr)
	defer log.close(ctx)
	names := namer{enrich.New(p.env.Names), p.remotes(nil)}
	defer names.owners.Close()
	rows := p.newTable()
	var memory thrift
	faults := faultReport{stderr: loss.stderr}
	ticks := 0
	for sample, err := range source(ctx) {
		if err != nil {
			return err
		}
		faults.tick(sample.Faults)
		names.apply(sample)
		rows.Apply(sample)
		log.tick(rows)
		snap := rows.Snapshot()
		if err := out.Write(snap, p.printed(snap)); err != nil {
			return fmt.Errorf("write output: %w", err)
		}
		loss.tick(snap)
		memory.tick(snap.Len(), len(sample.Conns)+len(sample.Closed))
		log.tell(loss.stderr)
		snap.Release()
		if ticks++; ticks == p.count {
			break
		}
	}
	loss.end()
	return nil
}

// stream opens the collector and runs until done or, if ctx ends and nobody
// takes the output, without it.
func (p *plan) stream(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stdout := &gauge{w: p.env.Stdout}
	var collector Collector
	p.output.Missing = func() []string { return collector.Missing() }
	out, err := output.New(stdout, p.list, p.output)
	if err != nil {
		return err
	}
	log, err := p.openLog()
	if err != nil {
		return err
	}
	var notice string
	if collector, notice, err = p.collector(); err != nil {
		return err
	}
	go onHangup(ctx, p.env.Stdout, func() { cancel(syscall.EPIPE) })
	done := make(chan error, 1)
	go func() {
		fmt.Fprint(p.env.Stderr, notice)
		done <- p.run(ctx, collector.Samples, out, &lossReport{stderr: p.env.Stderr}, log)
	}()

	err, ended := stdout.await(ctx, done)
	if !ended {
		return err // the loop may still read what the collector mapped: the kernel detaches it when the process exits
	}
	return errors.Join(outcome(err), detach(collector))
}

// await is what done tells. Once ctx has ended it is not waited for much longer: ended is
// false where it did not come, and err is what there is to say of that.
func (g *gauge) await(ctx context.Context, done <-chan error) (err error, ended bool) {
	select {
	case err = <-done:
		return err, true
	case <-ctx.Done():
	}
	select {
	case err = <-done:
		return err, true
	case <-time.After(lastTick):
	}
	if errors.Is(context.Cause(ctx), syscall.EPIPE) {
		return nil, false // nobody waits for that tick
	}
	return g.unfinished(), false
}

// outcome is err as Main prints it; a reader that has seen enough is none.
func outcome(err error) error {
	if err == nil || errors.Is(err, syscall.EPIPE) {
		return nil
	}
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	return &failure{code: exitRuntime, msg: err.Error()}
}

func detach(c Collector) error {
	if err := c.Close(); err != nil {
		return &failure{code: exitRuntime, msg: "detach: " + err.Error()}
	}
	return nil
}

// gauge knows whether a write is under way.
type gauge struct {
	w       io.Writer
	writing atomic.Bool
}

func (g *gauge) Write(b []byte) (int, error) {
	g.writing.Store(true)
	defer g.writing.Store(false)
	return g.w.Write(b)
}

// unfinished says what the last tick waited for. It is not an error of ours.
func (g *gauge) unfinished() error {
	msg := "the last tick was not ready in time"
	if g.writing.Load() {
		msg = "the reader of the output did not take the last tick"
	}
	return &failure{code: exitDone, msg: msg}
}
