package cli

import (
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"tcptop/internal/conn"
	"tcptop/internal/record"
	"tcptop/internal/table"
	"tcptop/internal/tui"
)

// Bounds on what leads to a tick that was jumped to: the ticks before it are there for
// histories, as many as are read at once. A row that stands still counts an eighth.
const (
	leadTicks = 60
	leadRows  = 60_000
)

// rewinder moves a screen over earlier ticks.
type rewinder struct {
	cursor   *record.Cursor
	from, to time.Time // where it begins and ends; zero is nowhere
	table    func() *table.Table
	refresh  func(to time.Time) bool // looks for ticks after the last that is known, where to is; nil where there are none

	rows  *table.Table // as of the last of shown; nil where the cursor is elsewhere
	shown []time.Time  // of the ticks that rows has taken, the last leadTicks at least
	snap  *table.Snapshot
	mu    sync.Mutex // held by a move
}

// move is tui.Past's.
func (w *rewinder) move(to time.Time, ticks int, show func(*table.Snapshot)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.snap = nil // it is the screen's
	if !to.IsZero() && w.refresh != nil {
		w.refresh(to)
	}
	err := w.lookAt(to, ticks, show)
	if ticks > 0 && errors.Is(err, io.EOF) && w.refresh != nil && w.refresh(time.Time{}) {
		err = w.lookAt(to, ticks, show)
	}
	if err == nil && w.refresh != nil {
		w.refresh(w.at()) // it may have read on
	}
	return err
}

func (w *rewinder) lookAt(to time.Time, ticks int, show func(*table.Snapshot)) error {
	if to.IsZero() && ticks > 0 && w.rows != nil {
		return w.forth(ticks, show)
	}
	t, err := w.find(to, ticks)
	if err != nil {
		return err
	}
	return w.lead(t, show)
}

// close lets go of the recording, after a move that is under way.
func (w *rewinder) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cursor.Close()
}

// find is the time of the tick to go to.
func (w *rewinder) find(to time.Time, ticks int) (time.Time, error) {
	at := w.at()
	if n := len(w.shown) + ticks; to.IsZero() && ticks < 0 && n > 0 && !w.shown[n-1].Before(w.from) {
		return w.shown[n-1], nil
	}
	w.rows = nil
	if to.IsZero() {
		to = at
	}
	if to.Before(w.from) {
		to = w.from
	}
	t, err := w.cursor.Find(to, ticks)
	if ticks < 0 && (errors.Is(err, io.EOF) || err == nil && t.Before(w.from)) {
		t, err = w.cursor.Find(w.from, 0)
		if err == nil && !t.Before(at) {
			err = io.EOF
		}
	}
	if err == nil && w.late(t) {
		if ticks != 0 {
			return t, io.EOF
		}
		return w.cursor.Find(w.to, 0)
	}
	return t, err
}

// at is the time of the tick shown; zero is none.
func (w *rewinder) at() time.Time {
	if len(w.shown) == 0 {
		return time.Time{}
	}
	return w.shown[len(w.shown)-1]
}

func (w *rewinder) late(t time.Time) bool { return !w.to.IsZero() && t.After(w.to) }

// forth takes the next ticks, one by one.
func (w *rewinder) forth(ticks int, show func(*table.Snapshot)) error {
	for range ticks {
		s, err := w.cursor.Next()
		if err != nil {
			return err
		}
		if w.late(s.Time) {
			w.rows = nil
			return io.EOF
		}
		w.take(s, show)
	}
	return nil
}

func (w *rewinder) take(s *conn.Sample, show func(*table.Snapshot)) {
	if w.snap != nil {
		w.snap.Release() // before the table has to copy what it holds
	}
	if len(w.shown) == 2*leadTicks {
		w.shown = append(w.shown[:0], w.shown[leadTicks:]...)
	}
	w.shown = append(w.shown, s.Time)
	w.rows.Apply(s)
	w.snap = w.rows.Snapshot()
	show(w.snap)
}

// lead shows the tick at t and some of those before it.
func (w *rewinder) lead(t time.Time, show func(*table.Snapshot)) error {
	live, named, err := w.cursor.Rows(t)
	if err != nil {
		return err
	}
	begin, err := w.cursor.Find(t, -min(leadTicks, max(leadRows/(named+live/8+1), 1)))
	if errors.Is(err, io.EOF) {
		begin, err = w.from, nil
	}
	if err != nil {
		return err
	}
	if begin.Before(w.from) {
		begin = w.from
	}
	w.rows, w.shown = w.table(), w.shown[:0]
	err = w.cursor.Go(begin, func(s *conn.Sample) { w.take(s, show) })
	for err == nil && w.at().Before(t) {
		err = w.forth(1, show)
	}
	return err
}

// Bounds on what the screen keeps of its own past.
const (
	historyBytes = 64 << 20
	historyRows  = 1 << 18 // more connections than this have no past
)

// keeper keeps the live screen's past. The nil keeper keeps nothing.
type keeper struct {
	*record.History
	age   time.Duration
	began atomic.Int64 // Unix ns of the first tick; 0 is none yet
	over  atomic.Bool  // there were too many rows
}

// keeper makes one, if the command line wants it.
func (p *plan) keeper() (*keeper, error) {
	if p.history == 0 {
		return nil, nil
	}
	kept, err := record.NewHistory(record.HistoryConfig{
		Header: record.Header{Host: p.env.Host, Interval: p.measure.Interval}, MaxAge: p.history, MaxBytes: historyBytes})
	if err != nil {
		return nil, err
	}
	return &keeper{History: kept, age: p.history}, nil
}

// keep adds a tick of so many rows. After one with too many there is none.
func (k *keeper) keep(s *conn.Sample, rows int) {
	if k == nil || k.over.Load() {
		return
	}
	if rows > historyRows {
		k.over.Store(true)
		return
	}
	k.began.CompareAndSwap(0, s.Time.UnixNano())
	k.Add(s)
}

// past is what the screen may go back to.
func (k *keeper) past(p *plan) *tui.Past {
	if k == nil {
		return nil
	}
	w := &rewinder{cursor: k.Cursor(), table: p.newTable}
	return &tui.Past{Move: w.move, Bounds: k.Bounds, Parse: p.parseTime, About: k.about, Begin: k.begin}
}

// begin says why nothing is kept of what was before.
func (k *keeper) begin() string {
	first, last := k.Bounds()
	switch {
	case first.UnixNano() <= k.began.Load():
		return "tcptop started here"
	case last.Sub(first) < k.age:
		return fmt.Sprintf("more than %d MiB are not kept in memory", historyBytes>>20)
	}
	return fmt.Sprintf("--history %v", (*history)(&k.age))
}

func (k *keeper) about() []string {
	lines := []string{fmt.Sprintf("the last %v are kept in memory, in at most %d MiB (--history); [ goes back", (*history)(&k.age), historyBytes>>20)}
	if first, last := k.Bounds(); !first.IsZero() {
		lines = append(lines, fmt.Sprintf("now there are %v in %s; before that: %s", last.Sub(first).Round(time.Second), size(uint64(k.Bytes())), k.begin()))
	}
	if k.over.Load() {
		lines = append(lines, fmt.Sprintf("nothing more is kept: there were more than %d connections", historyRows))
	}
	return lines
}

// newTable is a table for what p measures. A connection that closed and the one that
// took its place are both rows for a tick, and so are flows.
func (p *plan) newTable() *table.Table {
	c := table.Config{UDPTimeout: p.measure.UDPTimeout, Events: p.output.Events}
	if n := p.measure.MaxConns; n > 0 {
		c.MaxRows = int(min(2*int64(n)+int64(conn.MaxFlows(n)), math.MaxInt32))
	}
	return table.New(c)
}

// parseTime reads a time as people write it; last is the last there is.
func (p *plan) parseTime(text string, last time.Time) (time.Time, error) {
	return record.ParseTime(text, time.Now(), last.In(p.zone()))
}

func (p *plan) zone() *time.Location {
	if p.env.Local == nil {
		return time.UTC
	}
	return p.env.Local
}
