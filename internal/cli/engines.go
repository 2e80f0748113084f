package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"tcptop/internal/fleet"
	"tcptop/internal/table"
	"tcptop/internal/tui"
)

// question is one to an engine: what hosts move, by groups, by connections or
// together.
type question struct {
	name string // of the engine
	hint string // what to look at where it does not answer
	ask  func(ctx context.Context, at time.Time) (*fleet.Answer, error)
	last *fleet.Answer // the newest
	came time.Time     // when
	roll *fleet.Roll
}

func (q question) by(ask func(context.Context, time.Time) (*fleet.Answer, error)) *question {
	q.ask, q.roll = ask, fleet.NewRoll()
	return &q
}

// now is the engine's time.
func (q *question) now() time.Time {
	if q.last == nil {
		return time.Now().UTC()
	}
	return q.last.Time.Add(time.Since(q.came))
}

// engineFeed asks engines again and again, for what is looked at. What no engine tells is nil.
type engineFeed struct {
	groups, peers, workloads, conns *question

	every  time.Duration
	turned chan struct{} // something else is looked at
	wait   bool          // for an engine that has not answered yet: another view may have one that does

	mu   sync.Mutex
	at   *question          // is looked at
	stop context.CancelFunc // of the question under way

	one sync.Mutex // question at a time: the screen's past asks, too
	any bool       // an engine has answered
}

// of is the question that a view's rows answer.
func (e *engineFeed) of(view string) *question {
	switch {
	case e.conns != nil && (e.groups == nil || view == "" || view == tui.ConnectionsView):
		return e.conns
	case view == tui.RemotesView:
		return e.peers
	case view == tui.WorkloadsView:
		return e.workloads
	}
	return e.groups
}

// names are those of the engines.
func (e *engineFeed) names() string {
	switch {
	case e.conns == nil:
		return e.groups.name
	case e.groups == nil:
		return e.conns.name
	}
	return e.groups.name + " " + e.conns.name
}

// views are those that the engines can fill.
func (e *engineFeed) views() []string {
	all := []string{tui.ProcessesView, tui.RemotesView, tui.HostsView, tui.WorkloadsView}
	if e.groups != nil {
		all = append(all, tui.GroupsView)
	}
	if e.conns != nil {
		all = append(all, tui.ConnectionsView)
	}
	return all
}

// viewed is tui.Config's: the feed asks for what the view shows from now on.
func (e *engineFeed) viewed(view string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	at := e.of(view)
	if at == e.at {
		return false
	}
	e.at = at
	if e.stop != nil {
		e.stop()
	}
	select {
	case e.turned <- struct{}{}:
	default: // it will see this one, too
	}
	return true
}

// begin is what is to be asked; ctx ends when something else is.
func (e *engineFeed) begin(ctx context.Context) (context.Context, context.CancelFunc, *question) {
	e.mu.Lock()
	defer e.mu.Unlock()
	ctx, e.stop = context.WithCancel(ctx)
	return ctx, e.stop, e.at
}

// snapshot is what the engine knows now, or the last that it knew where it does not
// answer; about is what there is to say of it. It is nil where something else is looked
// at meanwhile.
func (e *engineFeed) snapshot(ctx context.Context) (s *table.Snapshot, about []string, err error) {
	asking, stop, q := e.begin(ctx)
	defer stop()
	e.one.Lock()
	defer e.one.Unlock()
	answer, err := q.ask(asking, time.Time{})
	switch {
	case asking.Err() != nil:
		return nil, nil, nil
	case err == nil:
		q.last, q.came, e.any = answer, time.Now(), true
		if answer.Time.IsZero() {
			answer.Time = q.came.UTC()
		}
		return q.roll.Snapshot(answer, q.now(), monotonic(), ""), aboutAnswer(answer), nil
	case !e.any && !e.wait:
		return nil, nil, &failure{code: exitRuntime, msg: q.name + ": " + err.Error(), hint: q.hint}
	}
	trouble := fmt.Sprintf("%s does not answer: %v", q.name, err)
	if q.last == nil {
		return q.roll.Snapshot(new(fleet.Answer), q.now(), monotonic(), trouble), []string{trouble}, nil
	}
	age := time.Since(q.came).Round(time.Second)
	return q.roll.Snapshot(q.last, q.now(), monotonic(), trouble), []string{fmt.Sprintf("%s; what is shown is %v old", trouble, age)}, nil
}

// apart leaves both ends of a connection rows of their own.
func (e *engineFeed) apart() {
	if e.conns != nil {
		e.conns.roll.Apart()
	}
}

// each yields a snapshot and what there is to say of it until ctx ends or f has enough.
func (e *engineFeed) each(ctx context.Context, f func(*table.Snapshot, []string) (more bool)) error {
	tick := time.NewTicker(e.every)
	defer tick.Stop()
	for {
		s, about, err := e.snapshot(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case s != nil && !f(s, about):
			return nil
		}
		select {
		case <-tick.C:
		case <-e.turned:
		case <-ctx.Done():
			return nil
		}
	}
}

// aboutAnswer is what an answer does not have.
func aboutAnswer(a *fleet.Answer) (all []string) {
	for _, w := range a.Warnings {
		all = append(all, "the engine says: "+w)
	}
	if len(a.Hosts) == 0 {
		all = append(all, "the engine knows of no agent")
	}
	if a.Exact < len(a.Groups) {
		all = append(all, fmt.Sprintf("only the first %d groups are certainly those that move most: too many hosts move about the same", a.Exact))
	}
	lossy, off := 0, 0
	var first, wrong *fleet.Host
	for i := range a.Hosts {
		h := &a.Hosts[i]
		if h.Lossy {
			lossy++
			first = cmp.Or(first, h)
		}
		if h.Off != 0 {
			off++
			wrong = cmp.Or(wrong, h)
		}
	}
	if lossy > 0 {
		all = append(all, fmt.Sprintf("%s did not see everything in the last minutes", andMore(first.Name, lossy)))
	}
	if off > 0 {
		all = append(all, fmt.Sprintf("the clock of %s is not the engine's: it is %v off", andMore(wrong.Name, off), wrong.Off.Round(time.Minute)))
	}
	return all
}

// andMore names one of n hosts.
func andMore(name string, n int) string {
	if n == 1 {
		return name
	}
	return fmt.Sprintf("%s and %d more", name, n-1)
}

func monotonic() int64 {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) // it is always there
	return t.Nano()
}

// move is tui.Past's: the engine is asked about another time. Its ticks are the whole
// intervals of the clock.
func (e *engineFeed) move() func(time.Time, int, func(*table.Snapshot)) error {
	at, rolls := time.Time{}, make(map[*question]*fleet.Roll)
	return func(to time.Time, ticks int, show func(*table.Snapshot)) error {
		e.mu.Lock()
		q := e.at
		e.mu.Unlock()
		e.one.Lock()
		defer e.one.Unlock()
		if to.IsZero() {
			to = at
		}
		to = to.Truncate(e.every).Add(time.Duration(ticks) * e.every)
		if to.After(q.now()) {
			return io.EOF
		}
		answer, err := q.ask(context.Background(), to)
		if err != nil {
			return err
		}
		if len(answer.Hosts) == 0 {
			return io.EOF
		}
		if rolls[q] == nil {
			rolls[q] = q.roll.Past()
		}
		s := rolls[q].Snapshot(answer, to, monotonic()-int64(q.now().Sub(to)), "")
		s.First, s.Elapsed = !to.Equal(at.Add(e.every)), e.every
		at = to
		show(s)
		return nil
	}
}
