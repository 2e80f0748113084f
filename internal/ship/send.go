package ship

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"time"

	"tcptop/internal/spool"
)

// run sends: what is new at once, and what has waited at a bounded rate, the oldest
// first. After an outage and at a start it waits for a random part of an interval
// before it turns to that, so that a fleet does not come at once.
func (s *Shipper) run(ctx context.Context) {
	defer close(s.sent)
	backlog := time.NewTimer(s.backoff.upTo(s.cfg.Interval))
	defer backlog.Stop()
	for {
		healthy := true
		select {
		case <-ctx.Done():
			return
		case <-s.finish:
			s.last(ctx)
			return
		case <-s.cfg.Spool.Ready():
			healthy = s.deliver(ctx, true)
		case <-backlog.C:
			healthy = s.deliver(ctx, false)
			backlog.Reset(s.cfg.Interval / backlogRate)
		}
		if !healthy {
			backlog.Reset(s.backoff.upTo(s.cfg.Interval))
		}
	}
}

// backlogRate is how many segments that have waited go in the time in which one comes.
const backlogRate = 4

// last tries once to deliver what waits.
func (s *Shipper) last(ctx context.Context) {
	for g := s.cfg.Spool.Take(true); g != nil; g = s.cfg.Spool.Take(true) {
		if a := s.send(ctx, g.Token(), g.Lines, g.Rows, false); a.verdict != stored {
			s.cfg.Spool.Back(g, a.unsure)
			return
		}
		s.cfg.Spool.Done(g)
	}
}

// deliver sends a segment, the newest or the oldest, until the engine has it or refuses
// it, and reports whether that took one try. Where nothing was sent the newest is taken
// anew for each try.
func (s *Shipper) deliver(ctx context.Context, newest bool) (healthy bool) {
	for tries := 0; ; tries++ {
		g := s.cfg.Spool.Take(newest || tries > 0)
		if g == nil {
			return tries == 0
		}
		a := s.whole(ctx, g, tries > 0)
		switch a.verdict {
		case stored, refused:
			return tries == 0
		}
		if !s.pause(ctx, tries, a.wait) {
			return false
		}
	}
}

// whole sends a segment. What the engine may have is sent again under its name until
// the engine says so.
func (s *Shipper) whole(ctx context.Context, g *spool.Segment, again bool) answer {
	unsure := false
	for tries := 0; ; tries++ {
		a := s.send(ctx, g.Token(), g.Lines, g.Rows, again || tries > 0)
		switch {
		case a.verdict == stored:
			s.cfg.Spool.Done(g)
			return a
		case a.verdict == refused:
			return s.halves(ctx, g, unsure)
		case !a.unsure && !unsure:
			s.cfg.Spool.Back(g, false)
			return a
		}
		unsure = true
		if !s.pause(ctx, tries, a.wait) {
			s.cfg.Spool.Back(g, true)
			return a
		}
	}
}

// halves sends what was refused in two parts: it may have been too much, and where it is
// wrong not all of it need be lost.
func (s *Shipper) halves(ctx context.Context, g *spool.Segment, unsure bool) answer {
	if g.Rows < 2 {
		s.cfg.Spool.Reject(g, g.Lines, unsure)
		return answer{verdict: refused}
	}
	var lines []byte // refused
	first, second := halve(g.Lines)
	for _, half := range []struct {
		name  string
		lines []byte
	}{{"/a", first}, {"/b", second}} {
		a := s.half(ctx, g.Token()+half.name, half.lines)
		unsure = unsure || a.unsure
		switch a.verdict {
		case refused:
			lines = append(lines, half.lines...)
		case stored:
		default: // it has to end
			s.cfg.Spool.Back(g, true)
			return a
		}
	}
	if lines == nil {
		s.cfg.Spool.Done(g)
		return answer{}
	}
	s.cfg.Spool.Reject(g, lines, unsure)
	return answer{verdict: refused}
}

// half sends a part until the engine says what becomes of it; the answer is unsure where
// an earlier one was.
func (s *Shipper) half(ctx context.Context, token string, lines []byte) answer {
	unsure := false
	for tries := 0; ; tries++ {
		a := s.send(ctx, token, lines, bytes.Count(lines, []byte{'\n'}), tries > 0)
		unsure = unsure || a.unsure
		a.unsure = unsure
		if a.verdict == stored || a.verdict == refused || !s.pause(ctx, tries, a.wait) {
			return a
		}
	}
}

// halve cuts lines between two of them.
func halve(lines []byte) (first, second []byte) {
	n := len(lines) / 2
	n += bytes.IndexByte(lines[n:], '\n') + 1
	if n == len(lines) { // the last line is most of it
		n = bytes.LastIndexByte(lines[:n-1], '\n') + 1
	}
	return lines[:n:n], lines[n:]
}

// timeout bounds a request, its answer included.
const timeout = 30 * time.Second

// send makes one request.
func (s *Shipper) send(ctx context.Context, token string, lines []byte, rows int, again bool) answer {
	a := s.ask(ctx, token, lines)
	if ctx.Err() == nil {
		s.note(a, rows, again)
	}
	return a
}

func (s *Shipper) ask(ctx context.Context, token string, lines []byte) answer {
	ctx, cancel := context.WithTimeout(ctx, s.backoff.timeout)
	defer cancel()
	r, err := s.engine.request(ctx, token, lines)
	if err != nil {
		return answer{verdict: refused, err: err}
	}
	maps.Copy(r.Header, s.cfg.Headers)
	r.Header.Set("User-Agent", "tcptop/"+s.cfg.Version)
	resp, err := s.cfg.Client.Do(r)
	if err != nil {
		return failed(cause(err))
	}
	defer resp.Body.Close()
	a, body := read(resp)
	return s.engine.understand(a, resp.Header, body)
}

// NewClient is a client that follows nobody elsewhere.
func NewClient(t *http.Transport) *http.Client {
	return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}
