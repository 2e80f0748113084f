// Package kernel meets a real kernel: known traffic in namespaces of its own,
// measured by a probe in this process (watch) or by the real binary (stream).
package kernel

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"tcptop/internal/conn"
	"tcptop/internal/enrich"
	"tcptop/internal/names"
	"tcptop/internal/probe"
	"tcptop/internal/table"
	"tcptop/internal/testkit"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == enterArg {
		fmt.Fprintln(os.Stderr, "enter:", enter(os.Args[2:]))
		os.Exit(1)
	}
	testkit.Main(m)
}

const tick = 100 * time.Millisecond // the shortest interval there is

// patience is for a condition that a tick or two should meet.
var patience = testkit.Patience(30 * time.Second)

// often is the shortest interval at which this machine prints hundreds of rows.
var often = testkit.Patience(tick).String()

// seen is all that a watcher has been told so far.
type seen struct {
	ticks    int
	mono     int64                 // monotonic ns of the newest tick
	named    []conn.ID             // by the newest sample: new or moved
	start    map[conn.ID]table.Row // of the first tick
	first    map[conn.ID]table.Row // as each row was when it first appeared
	last     map[conn.ID]table.Row // as each row was when it last appeared
	live     map[conn.ID]table.Row // of the newest tick, closing ones included
	closed   []table.Row           // every row that ended, in order
	events   []table.Row           // of every tick, of a source that was asked for transitions
	followed map[conn.ID][]verdict // of each tick, for those that follow names
	dns      int                   // DNS messages
	loss     conn.Loss
	totals   []conn.OwnerTotal
}

// verdict is what held a row back in one tick.
type verdict struct {
	limit conn.Limit
	share uint8
}

// follow keeps the verdicts on a connection from now on.
func (w *watcher) follow(id conn.ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen.followed == nil {
		w.seen.followed = map[conn.ID][]verdict{}
	}
	w.seen.followed[id] = nil
}

// watcher folds a source's samples into rows as the program does.
type watcher struct {
	t      testing.TB
	cancel context.CancelFunc
	done   chan struct{}
	ticked chan struct{}
	// holders asks the source who holds a socket.
	holders func(conn.ID) ([]conn.Owner, error)
	err     error      // to be read after done
	mu      sync.Mutex // guards seen
	seen    seen
}

// watch opens a probe and watches it until the test ends. Its hooks are in place
// and the first tick is taken when it returns. TCP and UDP are both measured
// unless cfg says which; no interval is the shortest.
func watch(t testing.TB, cfg conn.Config) *watcher {
	t.Helper()
	return watchNamed(t, cfg, enrich.Config{})
}

// watchNamed is watch with names from where c says.
func watchNamed(t testing.TB, cfg conn.Config, c enrich.Config) *watcher {
	t.Helper()
	testkit.Kernel(t)
	if !cfg.TCP && !cfg.UDP {
		cfg.TCP, cfg.UDP = true, true
	}
	if cfg.Interval == 0 {
		cfg.Interval = tick
	}
	p, err := probe.Open(cfg)
	if err != nil {
		t.Fatalf("open probe: %v", err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("close probe: %v", err)
		}
	})
	w := watchSource(t, p.Samples, cfg, c)
	w.holders = p.Holders
	return w
}

// watchSource watches a source until the test ends, from its first tick on.
func watchSource(t testing.TB, source conn.Source, cfg conn.Config, c enrich.Config) *watcher {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &watcher{t: t, cancel: cancel, done: make(chan struct{}), ticked: make(chan struct{}, 1)}
	w.seen.first, w.seen.last = map[conn.ID]table.Row{}, map[conn.ID]table.Row{}
	go func() {
		defer close(w.done)
		w.run(ctx, source, cfg, c)
	}()
	t.Cleanup(func() { w.stop() })
	w.until(patience, func(s *seen) error {
		if s.ticks == 0 {
			return fmt.Errorf("no tick yet")
		}
		return nil
	})
	return w
}

func (w *watcher) run(ctx context.Context, source conn.Source, cfg conn.Config, c enrich.Config) {
	owners, remotes, rows := enrich.New(c), names.New(names.Config{}), table.New(table.Config{UDPTimeout: cfg.UDPTimeout, Events: cfg.Transitions})
	defer owners.Close()
	for sample, err := range source(ctx) {
		if err != nil {
			w.err = err
			return
		}
		owners.Apply(sample)
		remotes.Apply(sample)
		rows.Apply(sample)
		w.take(sample, rows.Snapshot())
	}
}

func (w *watcher) take(sample *conn.Sample, s *table.Snapshot) {
	defer s.Release()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen.named = w.seen.named[:0]
	for i := range sample.Conns {
		w.seen.named = append(w.seen.named, sample.Conns[i].ID)
	}
	w.seen.dns += len(sample.DNS)
	w.seen.take(s)
	select {
	case w.ticked <- struct{}{}:
	default:
	}
}

func (s *seen) take(snap *table.Snapshot) {
	s.ticks++
	s.mono = snap.Mono
	s.loss, s.totals = snap.Loss, slices.Clone(snap.Totals)
	s.live = make(map[conn.ID]table.Row, snap.Len())
	for r := range snap.Rows() {
		s.live[r.ID] = *r
		if _, known := s.first[r.ID]; !known {
			s.first[r.ID] = *r
		}
		if r.Event == conn.EventClose || r.Event == conn.EventFail {
			s.closed = append(s.closed, *r)
		}
	}
	maps.Copy(s.last, s.live)
	for _, r := range snap.Events(nil, nil, 0) {
		s.events = append(s.events, *r)
	}
	for id := range s.followed {
		if r, ok := s.live[id]; ok {
			s.followed[id] = append(s.followed[id], verdict{r.Limit, r.Share})
		}
	}
	if s.ticks == 1 {
		s.start = s.live
	}
}

// until waits for a tick after which cond returns nil, and fails the test with
// cond's last error when limit has passed. cond must not keep what it is given.
func (w *watcher) until(limit time.Duration, cond func(*seen) error) {
	w.t.Helper()
	end := time.NewTimer(limit)
	defer end.Stop()
	for {
		err := w.look(cond)
		if err == nil {
			return
		}
		select {
		case <-w.ticked:
		case <-w.done:
			if err := w.look(cond); err != nil {
				w.t.Fatalf("the source ended (%v), and: %v", w.err, err)
			}
			return
		case <-end.C:
			var lost conn.Loss
			_ = w.look(func(s *seen) error { lost = s.loss; return nil })
			w.t.Fatalf("not within %v: %v\nlost: %+v", limit, err, lost)
		}
	}
}

func (w *watcher) look(cond func(*seen) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return cond(&w.seen)
}

// stop takes the last tick and returns all that was seen.
func (w *watcher) stop() *seen {
	w.cancel()
	<-w.done
	if w.err != nil {
		w.t.Errorf("source: %v", w.err)
		w.err = nil
	}
	return &w.seen
}

// in returns the rows of one network namespace.
func in(ns *testkit.NS, rows map[conn.ID]table.Row) []table.Row {
	return slices.DeleteFunc(slices.Collect(maps.Values(rows)), func(r table.Row) bool {
		return uint64(r.NetNS) != ns.Inode()
	})
}
