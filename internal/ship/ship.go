package ship

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"tcptop/internal/flow"
	"tcptop/internal/spool"
)

// Config says what is delivered where.
type Config struct {
	Target   *Target
	Spool    *spool.Spool
	Fields   []flow.Field
	Version  string        // of the program
	Interval time.Duration // of records
	Client   *http.Client
	Headers  http.Header // secrets, as a rule
}

// Stats is how delivery fares.
type Stats struct {
	Records  uint64 // that the engine has taken
	Queued   int    // intervals that wait for the disk
	Requests uint64
	Retries  uint64 // of these, more than one for the same lines
	Lost     uint64 // records that the engine took and said it does not keep
	Err      error  // why nothing is delivered now; nil is nothing
	Denied   bool   // that is the configuration's fault
	Spool    spool.Stats
}

// maxQueue bounds the intervals that wait for the disk.
const maxQueue = 4

// Shipper delivers records.
type Shipper struct {
	cfg     Config
	engine  engine
	backoff backoff
	queue   chan []flow.Record
	written chan struct{} // closed once the queue is in the spool
	sent    chan struct{} // closed once nothing is sent any more
	finish  chan struct{} // closed to have it send what waits, once, and end
	cancel  context.CancelFunc

	mu      sync.Mutex
	stats   Stats
	overrun flow.Sums // found the queue full
	said    []string
}

// Start begins to deliver what the spool has and gets.
func Start(cfg Config) *Shipper { return start(cfg, newBackoff()) }

func start(cfg Config, b backoff) *Shipper {
	s := newShipper(cfg, b)
	s.begin()
	return s
}

func newShipper(cfg Config, b backoff) *Shipper {
	s := &Shipper{cfg: cfg, backoff: b, queue: make(chan []flow.Record, maxQueue), written: make(chan struct{}),
		sent: make(chan struct{}), finish: make(chan struct{})}
	if cfg.Target.kind == "otlp" {
		s.engine = &otlp{target: cfg.Target, fields: cfg.Fields, version: cfg.Version}
	} else {
		s.engine = &clickhouse{target: cfg.Target}
	}
	return s
}

func (s *Shipper) begin() {
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	go s.write()
	go s.run(ctx)
}

// Put takes records and never waits. Those that find the queue full are counted.
func (s *Shipper) Put(records []flow.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.queue <- records:
		s.stats.Queued++
	default:
		for i := range records {
			one := records[i].Sums()
			s.overrun.Add(&one)
		}
	}
}

// write has the records wait on disk.
func (s *Shipper) write() {
	defer close(s.written)
	for records := range s.queue {
		s.mu.Lock()
		lost := s.overrun
		s.overrun = flow.Sums{}
		s.mu.Unlock()
		if lost != (flow.Sums{}) {
			s.cfg.Spool.Lose(spool.DiskSlow, lost)
		}
		s.cfg.Spool.Put(records)
		s.mu.Lock()
		s.stats.Queued--
		s.mu.Unlock()
	}
}

// Close writes what waits to the spool and tries once to deliver it. It takes no longer
// than grace, and reports whether the spool is let go of; what is not delivered by then
// stays in it. No more is Put.
func (s *Shipper) Close(grace time.Duration) bool {
	close(s.queue)
	limit := time.NewTimer(grace)
	defer limit.Stop()
	defer s.cancel()
	if !over(s.written, limit.C) {
		return false
	}
	close(s.finish)
	if over(s.sent, limit.C) {
		return true
	}
	s.cancel()
	limit.Reset(grace) // a request ends at once, a disk may not
	return over(s.sent, limit.C)
}

func over(done <-chan struct{}, limit <-chan time.Time) bool {
	select {
	case <-done:
		return true
	case <-limit:
		return false
	}
}

// Stats returns how delivery fares, without waiting.
func (s *Shipper) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Spool = s.cfg.Spool.Stats()
	return st
}

// maxSaid bounds what News returns.
const maxSaid = 16

// News returns what there is to tell a person since it was last asked.
func (s *Shipper) News() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	said := s.said
	s.said = nil
	return said
}

// note keeps what an answer says.
func (s *Shipper) note(a answer, rows int, again bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Requests++
	if again {
		s.stats.Retries++
	}
	was := s.stats.Err
	s.stats.Lost += a.lost
	if a.verdict == stored {
		s.stats.Records += uint64(rows) - min(a.lost, uint64(rows))
	}
	s.stats.Err, s.stats.Denied = a.err, a.verdict == denied
	switch {
	case a.err == nil && was != nil:
		s.say("delivered again")
	case a.err != nil && (was == nil || was.Error() != a.err.Error()):
		s.say(fmt.Sprintf("%v; %s", a.err, consequence[a.verdict]))
	}
}

// consequence is what follows from an answer, for people.
var consequence = map[verdict]string{
	stored:  "they are counted",
	later:   "what is not delivered waits in the spool",
	refused: "what is refused is counted, and kept as a dead letter",
	denied:  "the address or the rights are wrong; what is not delivered waits in the spool",
}

func (s *Shipper) say(text string) {
	if len(s.said) < maxSaid {
		s.said = append(s.said, text)
	}
}
