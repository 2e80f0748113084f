// Package logfile keeps a log of ticks in a file that may fill its disk, be slow,
// be removed or be moved away meanwhile: nobody waits for it, and what it could not
// write is counted.
//
// It reads no clock: a file's age is told by the times of the samples.
package logfile

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tcptop/internal/column"
	"tcptop/internal/output"
	"tcptop/internal/table"
)

// Config says what is logged where.
type Config struct {
	Path    string                             // ends in .csv or .jsonl and, where it is compressed, .gz or .zst
	Fields  []*column.Column                   // of each line
	Choose  func(*table.Snapshot) []*table.Row // the rows of a tick, in order; called in the log's goroutine
	Changes bool                               // only rows with news; each file begins with all rows
	Force   bool                               // a file that is no log of these fields is overwritten
	MaxSize int64                              // bytes after which a file is moved away; 0 is no bound
	MaxAge  time.Duration                      // after which it is; 0 is no bound
	Keep    int                                // files that were moved away and are kept
}

// Bounds on the ticks that wait for the disk: their number, and their rows unless
// they are those of one tick.
const (
	maxWaiting     = 16
	maxWaitingRows = 1 << 18
)

// Status is how the log fares.
type Status struct {
	Missing uint64 // ticks that were not written, or not whole
	Err     error  // what is wrong now; nil is nothing
}

// tick is what waits to be written.
type tick struct {
	*table.Snapshot
	whole bool // all rows, since what changed in the tick before is missing
}

// Log writes ticks in a goroutine of its own.
type Log struct {
	cfg    Config
	kind   kind
	queue  chan tick
	ticks  atomic.Int64 // that wait, the one that is written included
	rows   atomic.Int64 // of them
	gap    bool         // the last tick that was put found no room
	closed bool         // no more is put
	done   chan struct{}

	// What follows is the writing goroutine's.
	file  *file // nil where none is open
	lines output.Writer
	whole bool  // the next tick has to have all rows
	calm  int   // ticks written since the last one that was missing
	stuck error // why the file is not moved away, though it should be

	mu     sync.Mutex
	status Status
	streak uint64 // ticks missing since the last one that was written
	said   []string
}

// Open starts a log. What a person can only mend on the command line is an error;
// whatever else keeps the file from being written is what Status tells.
func Open(cfg Config) (*Log, error) {
	k, err := kindOf(cfg.Path)
	if err != nil {
		return nil, err
	}
	l := &Log{cfg: cfg, kind: k, queue: make(chan tick, maxWaiting), done: make(chan struct{}), whole: true}
	if err := l.open(); hopeless(err) {
		return nil, err
	} else if err != nil {
		l.fail(err, 0)
	}
	go l.run()
	return l, nil
}

// Put logs s, which is released afterwards. It never waits: a tick that finds too
// many waiting is missing.
func (l *Log) Put(s *table.Snapshot) {
	n := int64(s.Len())
	if waiting := l.rows.Load(); waiting == 0 || waiting+n <= maxWaitingRows {
		l.ticks.Add(1)
		l.rows.Add(n)
		select {
		case l.queue <- tick{s, l.gap}:
			l.gap = false
			return
		default:
			l.ticks.Add(-1)
			l.rows.Add(-n)
		}
	}
	s.Release()
	l.gap = true
	l.fail(errSlow, 1)
}

// patience is how long a program that is in no hurry waits for a disk.
const patience = 30 * time.Second

// Close writes what waits. Once ctx has ended it gives up on what is not written
// after grace.
func (l *Log) Close(ctx context.Context, grace time.Duration) {
	if l.closed {
		return
	}
	l.closed = true
	close(l.queue)
	if !l.over(ctx.Done(), patience) && !l.over(nil, grace) {
		l.fail(errSlow, uint64(l.ticks.Load()))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := l.status.Missing; n > 0 {
		l.sayLocked(fmt.Sprintf("%s missing in all", ticks(n)))
	}
}

// over waits until all is written, but not for longer than d nor once hurry ends.
func (l *Log) over(hurry <-chan struct{}, d time.Duration) bool {
	timeout := time.NewTimer(d)
	defer timeout.Stop()
	select {
	case <-l.done:
		return true
	case <-hurry:
	case <-timeout.C:
	}
	return false
}

// Status tells how the log fares.
func (l *Log) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.status
}

// News returns what there is to tell a person since it was last asked.
func (l *Log) News() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	said := l.said
	l.said = nil
	return said
}

func (l *Log) run() {
	defer close(l.done)
	for t := range l.queue {
		if err := l.write(t); err != nil {
			l.whole, l.calm = true, 0
			l.fail(err, 1)
		} else if l.calm++; len(l.queue) == 0 && l.calm >= calm {
			l.recovered()
		}
		l.ticks.Add(-1)
		l.rows.Add(-int64(t.Len()))
		t.Release()
	}
	l.leave()
}

// write puts one tick into the file.
func (l *Log) write(t tick) error {
	if err := l.ready(t.Time); err != nil {
		return err
	}
	rows := l.cfg.Choose(t.Snapshot)
	if l.cfg.Changes && !l.whole && !t.whole {
		rows = slices.DeleteFunc(rows, func(r *table.Row) bool { return !output.HasNews(r) })
	}
	if err := l.lines.Write(t.Snapshot, rows); err != nil {
		l.leave() // whoever opens it again cuts off what was not finished
		return err
	}
	l.whole = false
	return nil
}

// fail notes that n ticks are missing and why.
func (l *Log) fail(err error, n uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status.Missing += n
	l.streak += n
	if was := l.status.Err; was == nil || was.Error() != err.Error() {
		l.sayLocked(err.Error() + consequence(err))
	}
	l.status.Err = err
}

// calm is how many ticks have to be written until all is well again: a disk that is
// nearly full takes the small ones.
const calm = 3

// recovered notes that the log is as it should be again.
func (l *Log) recovered() {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.streak > 0:
		l.sayLocked(fmt.Sprintf("written again; %s missing", ticks(l.streak)))
	case l.status.Err != nil && l.stuck == nil:
		l.sayLocked("written as it should be again")
	}
	l.status.Err, l.streak = l.stuck, 0
}

const maxSaid = 16

// say keeps text for News; of many the first are kept.
func (l *Log) say(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sayLocked(text)
}

func (l *Log) sayLocked(text string) {
	if len(l.said) < maxSaid {
		l.said = append(l.said, text)
	}
}

func ticks(n uint64) string {
	if n == 1 {
		return "1 tick is"
	}
	return fmt.Sprintf("%d ticks are", n)
}

// kind is what the extensions of a path say.
type kind struct {
	format string
	base   string // the path without the extension of a compression
	ext    string // that extension, "" where there is none
	packer packer
}

func kindOf(path string) (kind, error) {
	k := kind{base: path, packer: plain{}}
	for _, ext := range []string{".gz", ".zst"} {
		if base, found := strings.CutSuffix(path, ext); found {
			k.base, k.ext = base, ext
		}
	}
	switch {
	case strings.HasSuffix(k.base, ".csv"):
		k.format = output.CSV
	case strings.HasSuffix(k.base, ".jsonl"):
		k.format = output.JSONL
	default:
		return k, &NameError{path}
	}
	switch k.ext {
	case ".gz":
		k.packer = newGzip()
	case ".zst":
		k.packer = newZstd()
	}
	return k, nil
}
