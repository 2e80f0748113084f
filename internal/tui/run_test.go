package tui

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"tcptop/internal/column"
	"tcptop/internal/table"
	"tcptop/internal/testkit"
)

// output is a terminal that remembers.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// onTerminal runs the whole program on a fake terminal.
func onTerminal(ctx context.Context, t *testing.T, frames *Mailbox) (out *output, in io.Writer, done chan error) {
	return configured(ctx, t, Config{Frames: frames})
}

func configured(ctx context.Context, t *testing.T, cfg Config) (out *output, in io.Writer, done chan error) {
	r, w := io.Pipe()
	out, done = &output{}, make(chan error, 1)
	cfg.List, cfg.Host, cfg.Interval, cfg.Theme, cfg.Quiet = column.New(), "web1", time.Second, "dark", true
	m := New(cfg)
	go func() {
		done <- Run(ctx, m, Terminal{In: r, Out: out, Environ: []string{"TERM=xterm-256color"}, Width: 80, Height: 24})
		_ = r.Close()
	}()
	t.Cleanup(func() { _ = w.Close(); cfg.Frames.Close(nil) })
	return out, w, done
}

func TestRunShowsFramesAndRestores(t *testing.T) {
	frames := NewMailbox()
	out, in, done := onTerminal(t.Context(), t, frames)
	rows := table.New(table.Config{})
	for _, s := range ticks() {
		rows.Apply(s)
		frames.Put(Frame{Snapshot: rows.Snapshot()})
	}
	testkit.Eventually(t, 5*time.Second, func() error {
		if !strings.Contains(out.String(), "curl 4242") {
			return errors.New("no row on the screen")
		}
		return nil
	})
	if _, err := io.WriteString(in, "q"); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	restored(t, out)
}

func TestRunEndsWithContext(t *testing.T) {
	frames := NewMailbox()
	ctx, cancel := context.WithCancel(t.Context())
	out, _, done := onTerminal(ctx, t, frames)
	testkit.Eventually(t, 5*time.Second, func() error {
		if !strings.Contains(out.String(), "waiting") {
			return errors.New("no first picture")
		}
		return nil
	})
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	restored(t, out)
}

func TestRunTellsWhyTheSourceEnded(t *testing.T) {
	frames := NewMailbox()
	frames.Close(io.ErrUnexpectedEOF)
	out, _, done := onTerminal(t.Context(), t, frames)
	if err := <-done; !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	restored(t, out)
}

// A defect of ours ends in an error, not in a terminal that nobody can use.
func TestRunRestoresAfterPanic(t *testing.T) {
	frames := NewMailbox()
	out, _, done := configured(t.Context(), t, Config{Frames: frames,
		Match: func(*table.Snapshot) func(*table.Row) bool { panic("a defect") }})
	rows := table.New(table.Config{})
	rows.Apply(ticks()[0])
	frames.Put(Frame{Snapshot: rows.Snapshot()})
	if err := <-done; !errors.Is(err, tea.ErrProgramPanic) {
		t.Errorf("%v", err)
	}
	restored(t, out)
}

// restored fails unless the alternate screen was left and the cursor shown.
func restored(t *testing.T, out *output) {
	t.Helper()
	s := out.String()
	for on, off := range map[string]string{"\x1b[?1049h": "\x1b[?1049l", "\x1b[?25l": "\x1b[?25h", "\x1b[?1002h": "\x1b[?1002l"} {
		if strings.LastIndex(s, on) > strings.LastIndex(s, off) {
			t.Errorf("%q is not undone", on)
		}
	}
}

func TestMailboxKeepsTheNewest(t *testing.T) {
	b, rows := NewMailbox(), table.New(table.Config{})
	var snaps []*table.Snapshot
	for _, s := range ticks() {
		rows.Apply(s)
		snaps = append(snaps, rows.Snapshot())
		b.Put(Frame{Snapshot: snaps[len(snaps)-1]})
	}
	if f := b.take().(frameMsg); f.Snapshot != snaps[2] {
		t.Error("not the newest")
	}
	if snaps[0].Len() != 0 || snaps[1].Len() != 0 || snaps[2].Len() == 0 {
		t.Error("the others are not released, or the newest is")
	}
	b.Close(nil)
	if _, ok := b.take().(endMsg); !ok {
		t.Error("no end")
	}
}

// A long run keeps a bounded number of everything.
func TestBounds(t *testing.T) {
	d := started(t, 80, 24)
	d.press("t")
	first := ticks()[0]
	for n := 3; n < 1200; n++ {
		d.tick(later(first, n), n)
	}
	if n := d.tally.happened.size; n > maxEvents {
		t.Errorf("%d events", n)
	}
	if n := len(d.tally.moved.digests); n > trafficTicks {
		t.Errorf("moments of %d ticks", n)
	}
	d.press("space")
	d.tick(later(first, 1200), 1200)
	d.tick(later(first, 1201), 1201)
	if d.shown.Len() == 0 {
		t.Error("the paused snapshot was released")
	}
	old := d.shown
	d.press("space")
	if old.Len() != 0 || d.shown.Len() == 0 {
		t.Error("the paused snapshot is still held")
	}
}
