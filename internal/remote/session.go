package remote

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"tcptop/internal/table"
)

// host is one host and the ssh that talks to it.
type host struct {
	cfg    *Config
	target Target
	ticks  chan *tick // those that are not joined yet

	mu    sync.Mutex
	state table.HostState // as far as ssh knows: new, ok or gone
	why   string
	tries int // sessions that have ended without a tick, since the last one
}

// queued is how many ticks may wait: one is under way while another is read.
const queued = 4

func (h *host) set(state table.HostState, why string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.state, h.why = state, why
	switch {
	case state == table.HostOK:
		h.tries = 0
	case state == table.HostGone:
		h.tries++
	}
}

func (h *host) now() (state table.HostState, why string, tries int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state, h.why, h.tries
}

const maxBackoff = 30 * time.Second

// run talks to the host until ctx ends: again and again, after a wait that grows to maxBackoff.
func (h *host) run(ctx context.Context) {
	for {
		err := h.session(ctx)
		if ctx.Err() != nil {
			return
		}
		h.set(table.HostGone, err.Error())
		_, _, tries := h.now()
		wait := min(time.Second<<min(tries-1, 10), maxBackoff)
		wait = wait/2 + rand.N(wait/2+1) // many hosts that went together do not come back at once
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// session runs tcptop there once and returns why it has ended.
func (h *host) session(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	cmd := exec.CommandContext(ctx, h.cfg.SSH, h.cfg.sshArgs(h.target)...)
	// A ^C of the terminal is for us: we end it. Its connection stays usable for as long as ssh needs
	// to say goodbye.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Second // a connection that ssh shares (ControlPersist) may keep stderr open
	if h.cfg.Environ != nil {
		cmd.Env = h.cfg.Environ
	}
	if h.cfg.Copy != nil {
		cmd.Stdin = bytes.NewReader(h.cfg.Copy)
	}
	said := &tail{}
	cmd.Stderr = said
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	cmd.Stdout = w
	err = cmd.Start()
	_ = w.Close()
	if err != nil {
		return fmt.Errorf("start ssh: %w", err)
	}
	silent := time.AfterFunc(h.cfg.patience(), func() { cancel(errSilent) })
	defer silent.Stop()
	// What ssh has started may hold the other end for longer than ssh is there.
	hangUp := context.AfterFunc(ctx, func() { _ = r.Close() })
	defer hangUp()
	readErr := h.read(ctx, r, silent)
	_ = r.Close() // who still writes there ends
	if readErr != nil {
		cancel(readErr)
	}
	end := time.AfterFunc(goodbye, func() { cancel(nil) })
	defer end.Stop()
	waitErr := cmd.Wait()
	switch cause := context.Cause(ctx); {
	case readErr != nil:
		return readErr
	case errors.Is(cause, errSilent):
		return fmt.Errorf("nothing was heard for %v", h.cfg.patience())
	}
	return ending(waitErr, said.last())
}

// goodbye is for how long ssh may stay once it prints nothing more.
const goodbye = 2 * time.Second

var errSilent = errors.New("silent")

// read takes ticks from r until it ends, nil, or says what is no tcptop's.
func (h *host) read(ctx context.Context, r *os.File, silent *time.Timer) error {
	in, d := newLines(r), newDecoder()
	put := func(t *tick) {
		if t == nil {
			return
		}
		silent.Reset(h.cfg.patience())
		h.set(table.HostOK, "")
		t.Loss.RowsFull += in.long + d.bad // lines that are no rows
		select {
		case h.ticks <- t:
		case <-ctx.Done():
		}
	}
	for {
		if !d.named && d.ts != "" { // nothing else will say that the tick is whole
			if err := r.SetReadDeadline(time.Now().Add(min(h.cfg.Interval/4, 250*time.Millisecond))); err != nil {
				return err
			}
		} else if err := r.SetReadDeadline(time.Time{}); err != nil {
			return err
		}
		text, err := in.next()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			put(d.flush())
			continue
		case err != nil:
			put(d.flush())
			return nil
		}
		t, err := d.take(text)
		put(t)
		if err != nil {
			return err
		}
		if d.bad+in.long > maxBad && !d.begun {
			return errors.New("what runs there prints no rows of tcptop")
		}
	}
}

// maxBad is how many lines may be none of tcptop's before the first tick: a login shell may greet.
const maxBad = 1000

// ending is why ssh has ended, for people: the last that it or the other side said.
func ending(err error, said string) error {
	code := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	}
	switch {
	case code == 127 && strings.Contains(said, "tcptop"):
		return ErrNoProgram
	case said != "":
		return errors.New(said)
	case code != 0:
		return fmt.Errorf("ssh ended with status %d", code)
	case err != nil && !errors.Is(err, exec.ErrWaitDelay):
		return fmt.Errorf("ssh: %w", err)
	}
	return errors.New("tcptop ended there")
}

// ErrNoProgram says that there is no tcptop on a host.
var ErrNoProgram = errors.New("there is no tcptop on that host")

// lines reads lines of at most maxLine bytes; longer ones are left out and counted. What
// was read before a deadline is kept.
type lines struct {
	r    *bufio.Reader
	buf  []byte
	skip bool
	long uint64
}

func newLines(r io.Reader) *lines { return &lines{r: bufio.NewReaderSize(r, 1<<16)} }

// next returns a line without its end, valid until the next call.
func (l *lines) next() ([]byte, error) {
	for {
		part, err := l.r.ReadSlice('\n')
		if !l.skip && len(l.buf)+len(part) > maxLine {
			l.skip = true
			l.buf = l.buf[:0]
			l.long++
		}
		if !l.skip {
			l.buf = append(l.buf, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case err != nil:
			return nil, err
		case l.skip:
			l.skip = false
		default:
			line := l.buf[:len(l.buf)-1]
			l.buf = l.buf[:0]
			return line, nil
		}
	}
}

// tail keeps the end of what is written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

const maxTail = 4096

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(b)
	if n > maxTail {
		b = b[n-maxTail:]
	}
	t.buf = append(t.buf, b...)
	if over := len(t.buf) - maxTail; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return n, nil
}

// last is the last line that is no hint.
func (t *tail) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := ""
	for line := range strings.Lines(string(t.buf)) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "hint: ") {
			last = line
		}
	}
	return cut(last)
}
