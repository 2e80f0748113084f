package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"tcptop/internal/conn"
	"tcptop/internal/enrich"
	"tcptop/internal/group"
	"tcptop/internal/metric"
)

// station is where an agent's sums go.
type station struct {
	board  *metric.Board
	server *metric.Server // nil: nobody is answered
	push   *metric.Push   // nil: nothing is sent
	flows  *flowbook      // nil: nothing is recorded
	pulse  *pulse
	log    pushLog
	work   chan error
	begun  int
}

// lastPush is how long the last sums may take.
const lastPush = 300 * time.Millisecond

// agent opens all that is asked for, then the collector, and runs until ctx ends.
func (p *plan) agent(ctx context.Context, a *agentOptions) (err error) {
	groups, err := a.groups()
	if err != nil {
		return err
	}
	if a.serve.addr == "" && a.push.url == "" && a.flows.url == "" {
		return usagef("--listen :9432 answers this machine, --otlp URL sends", "agent has nobody to tell: neither --listen nor --otlp nor --flows is given")
	}
	flows, err := p.openFlows(&a.flows)
	if err != nil {
		return err
	}
	s := &station{board: metric.NewBoard(p.env.Version, flows.exports), flows: flows, log: pushLog{stderr: p.env.Stderr, url: a.push.url}, work: make(chan error, 2)}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer func() {
		cancel(nil)
		err = errors.Join(err, s.close())
	}()
	if err := s.open(ctx, p, a); err != nil {
		return err
	}
	collector, notice, err := p.collector()
	if err != nil {
		return err
	}
	fmt.Fprint(p.env.Stderr, notice)
	s.start(ctx, cancel)
	source := conn.Source(collector.Samples)
	if p.netns != 0 {
		source = within(source, p.netns)
	}
	err = p.fold(ctx, source, group.New(groups), s)
	if cause := context.Cause(ctx); err == nil && cause != nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	return errors.Join(outcome(err), detach(collector))
}

// open makes what the sums go to; what is wrong with it is said before anything is loaded.
func (s *station) open(ctx context.Context, p *plan, a *agentOptions) (err error) {
	if s.pulse, err = openPulse(a.health, p.measure.Interval); err != nil {
		return err
	}
	if a.serve.addr != "" {
		if s.server, err = a.serve.open(s.board, s.pulse); err != nil {
			return err
		}
		p.serves, p.reads = true, append(p.reads, a.serve.files()...)
		fmt.Fprint(p.env.Stderr, message("metrics at "+a.serve.url(s.server.Addr()), ""))
	}
	if a.push.url != "" {
		var port uint16
		if s.push, port, err = a.push.open(ctx, s.board, p.env.Host); err != nil {
			return err
		}
		p.reaches = append(p.reaches, port)
		fmt.Fprint(p.env.Stderr, message(fmt.Sprintf("metrics to %s every %v", a.push.url, time.Duration(a.push.interval)), ""))
	}
	return nil
}

// start lets the server answer and the push send. A server that fails ends the program.
func (s *station) start(ctx context.Context, cancel context.CancelCauseFunc) {
	if s.server != nil {
		s.begun++
		go func() {
			err := s.server.Run()
			if err != nil {
				cancel(fmt.Errorf("answer at %s: %w", s.server.Addr(), err))
			}
			s.work <- nil
		}()
	}
	if s.push != nil {
		s.begun++
		go func() {
			s.push.Run(ctx, s.log.sent)
			last, done := context.WithTimeout(context.WithoutCancel(ctx), lastPush)
			defer done()
			s.log.sent(s.push.Send(last))
			s.work <- s.push.Close(last)
		}()
	}
}

// close ends what start began.
func (s *station) close() (err error) {
	if s.server != nil {
		ctx, cancel := context.WithTimeout(context.Background(), lastPush)
		defer cancel()
		err = s.server.Close(ctx)
	}
	for range s.begun {
		err = errors.Join(err, <-s.work)
	}
	return errors.Join(err, s.flows.close(), s.pulse.close())
}

// fold is the program: a sample, its names, the table, the sums.
func (p *plan) fold(ctx context.Context, source conn.Source, groups *group.Folder, s *station) error {
	names := namer{enrich.New(p.env.Names), p.remotes(nil)}
	defer names.owners.Close()
	rows := p.newTable()
	faults := faultReport{stderr: p.env.Stderr}
	var storm storm
	for sample, err := range source(ctx) {
		if err != nil {
			return err
		}
		faults.tick(sample.Faults)
		names.apply(sample)
		rows.Apply(sample)
		snap := rows.Snapshot()
		s.board.Put(groups.Fold(snap))
		s.flows.tick(snap, sample.Last)
		s.flows.tell()
		snap.Release()
		s.pulse.beat()
		storm.tick(len(sample.Conns) + len(sample.Closed))
	}
	return nil
}

// pushLog says on stderr when sending begins to fail, when it fails otherwise, and when it
// is over.
type pushLog struct {
	stderr  io.Writer
	url     string
	trouble string
}

func (l *pushLog) sent(err error) {
	switch {
	case err != nil && err.Error() != l.trouble:
		l.trouble = err.Error()
		fmt.Fprint(l.stderr, message("metrics to "+l.url+": "+l.trouble+"; the next ones say as much", ""))
	case err == nil && l.trouble != "":
		l.trouble = ""
		fmt.Fprint(l.stderr, message("metrics to "+l.url+": sent again", ""))
	}
}
