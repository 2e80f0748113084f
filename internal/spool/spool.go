package spool

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tcptop/internal/flow"
)

// Config says where records are kept and how many. Zero bounds take their defaults.
type Config struct {
	Dir       string
	Host      string
	Epoch     uint64 // when this run began; taken for later than all runs before it
	Schema    *flow.Schema
	MaxSize   int64 // of segments on disk, in bytes; 256 MiB
	MaxDead   int64 // of what an engine refused; 16 MiB
	MaxMemory int64 // of segments that the disk does not take; 8 MiB
}

// maxSegment is how many bytes of lines a segment has, but for its last one.
const maxSegment = 1 << 20

// Spool keeps segments. Its methods may be called from any goroutine; all but Stats
// wait for the disk.
type Spool struct {
	cfg   Config
	codec codec
	stats atomic.Pointer[Stats]
	ready chan struct{}

	mu      sync.Mutex
	dir     *directory
	entries []*entry // by ID
	dead    []deadLetter
	number  uint64 // of the last segment
	seq     uint64 // of the last record
	pending tally  // dropped, and in no segment yet
	count   Stats
}

// entry is a segment that is kept.
type entry struct {
	Header
	size    int64
	data    []byte    // its file, where that is in memory
	flying  bool      // whoever took it has not said what became of it
	sent    bool      // it may have been delivered
	refused string    // why it is to be dropped
	lost    flow.Sums // then: what is lost with it
	carried flow.Sums
	letter  []byte // then: what is kept of it, where not all is refused
}

// Open takes the directory and finds what earlier runs left in it.
func Open(cfg Config) (*Spool, error) {
	if cfg.MaxSize <= 0 {
		cfg.MaxSize = 256 << 20
	}
	if cfg.MaxDead <= 0 {
		cfg.MaxDead = 16 << 20
	}
	if cfg.MaxMemory <= 0 {
		cfg.MaxMemory = 8 << 20
	}
	s := &Spool{cfg: cfg, ready: make(chan struct{}, 1), pending: tally{}}
	var err error
	if s.codec, err = newCodec(); err != nil {
		return nil, err
	}
	if s.dir, err = openDir(cfg.Dir); err != nil {
		return nil, err
	}
	if err := s.recover(); err != nil {
		return nil, errors.Join(err, s.dir.close())
	}
	s.cfg.Epoch, s.count.Err = s.dir.epoch(cfg.Epoch)
	s.publish()
	return s, nil
}

// Close lets go of the directory. Segments that are still in memory are lost.
func (s *Spool) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unload()
	s.publish()
	return s.dir.close()
}

// Ready has a value when there is something to Take that was not there before.
func (s *Spool) Ready() <-chan struct{} { return s.ready }

// Lose notes records that never came here.
func (s *Spool) Lose(reason string, sums flow.Sums) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(reason, &sums, &flow.Sums{})
	s.publish()
}

// Put keeps records, which get their numbers here.
func (s *Spool) Put(records []flow.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var c chunk
	for i := range records {
		s.line(&c, &records[i])
		if len(c.lines) >= maxSegment || i == len(records)-1 {
			s.keep(&c)
			c = chunk{}
		}
	}
	s.publish()
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// file is the name of the segment's file.
func (e *entry) file() string {
	if e.sent {
		return e.name() + sentSuffix
	}
	return e.name() + segmentSuffix
}

// mark says in the file's name whether it was sent, for a run after a kill.
func (s *Spool) mark(e *entry, sent bool) {
	was := e.file()
	e.sent = sent
	if is := e.file(); is != was && e.data == nil {
		if err := s.dir.Rename(was, is); err != nil {
			e.sent, s.count.Err = !sent, bare(err)
		}
	}
}

// chunk is a segment in the making.
type chunk struct {
	lines         []byte
	rows          int
	sums, carried flow.Sums
	at            time.Time
}

func (s *Spool) line(c *chunk, r *flow.Record) {
	s.seq++
	c.lines = s.cfg.Schema.Append(c.lines, r, s.cfg.Epoch, s.seq)
	sums := r.Sums()
	c.sums.Add(&sums)
	if r.Reason != "" {
		c.carried.Add(&sums)
	}
	c.rows++
	c.at = r.Time()
}

// keep makes a segment of c and of what was dropped to make room for it.
func (s *Spool) keep(c *chunk) {
	s.number++
	id := ID{s.cfg.Epoch, s.number}
	plain := *c
	s.tell(&plain, s.pending)
	b := s.pack(id, &plain, nil)
	victims := s.victims(occupied(int64(len(b)) + block))
	whole, wholeB := plain, b
	if len(victims) > 0 {
		whole = *c
		wholeB = s.pack(id, &whole, victims)
	}
	h := whole.header(id, s.cfg.Host)
	if err := s.dir.write(s.dir, id.name()+segmentSuffix, wholeB); err != nil {
		s.count.Err = bare(err)
		s.pending = tally{}
		s.remember(&entry{Header: plain.header(id, s.cfg.Host), data: b})
		return
	}
	s.count.Err = nil
	s.pending = tally{}
	s.bury(victims)
	s.entries = append(s.entries, &entry{Header: h, size: occupied(int64(len(wholeB)))})
	s.unload()
}

// tell adds a record for each reason for which something was dropped.
func (s *Spool) tell(c *chunk, dropped tally) {
	for _, reason := range Reasons {
		if sums, any := dropped[reason]; any {
			r := flow.Dropped(c.at, s.cfg.Host, reason, *sums)
			s.line(c, &r)
		}
	}
}

// pack adds to c what went for it and makes a file of it.
func (s *Spool) pack(id ID, c *chunk, victims []*entry) []byte {
	h := c.header(id, s.cfg.Host)
	if len(victims) > 0 {
		dropped := s.pending.clone()
		for _, v := range victims {
			dropped.add(v.reason(), &v.lost)
			h.Drops = append(h.Drops, v.ID)
		}
		s.tell(c, dropped)
		drops := h.Drops
		h = c.header(id, s.cfg.Host)
		h.Drops = drops
	}
	b, err := s.codec.pack(&h, c.lines)
	if err != nil {
		panic(err) // lines and victims are bounded
	}
	return b
}

func (c *chunk) header(id ID, host string) Header {
	return Header{ID: id, Host: host, Time: c.at, Rows: c.rows, Sums: c.sums, Carried: c.carried}
}

// maxVictims bounds what one segment says is gone.
const maxVictims = 500

// victims are the segments to drop now: those that are refused, and the oldest until
// more bytes fit. One that the engine may have is kept for longest.
func (s *Spool) victims(more int64) (all []*entry) {
	size := more
	for _, e := range s.entries {
		if e.data == nil {
			size += e.size
		}
		if e.refused != "" && !e.flying && len(all) < maxVictims {
			all = append(all, e)
		}
	}
	for _, v := range all {
		size -= v.size
	}
	for _, sent := range []bool{false, true} {
		for _, e := range s.entries {
			if size <= s.cfg.MaxSize || len(all) == maxVictims {
				return all
			}
			if e.data == nil && !e.flying && e.refused == "" && e.sent == sent {
				e.lost, e.carried = e.Sums, e.Carried
				all = append(all, e)
				size -= e.size
			}
		}
	}
	return all
}

// reason says why a victim is dropped.
func (e *entry) reason() string {
	switch {
	case e.refused != "":
		return e.refused
	case e.sent:
		return Unacknowledged
	}
	return SpoolFull
}

// remember keeps a segment in memory, where the oldest make room.
func (s *Spool) remember(e *entry) {
	size := int64(len(e.data))
	for _, old := range s.entries {
		size += int64(len(old.data))
	}
	s.entries = slices.DeleteFunc(append(s.entries, e), func(old *entry) bool {
		if size <= s.cfg.MaxMemory || old.data == nil || old.flying {
			return false
		}
		size -= int64(len(old.data))
		if old.refused != "" {
			s.drop(old.refused, &old.lost, &old.carried)
		} else {
			s.drop(DiskFull, &old.Sums, &old.Carried)
		}
		return true
	})
}

// unload writes what is in memory to the disk, which takes it again.
func (s *Spool) unload() {
	for _, e := range s.entries {
		if e.data == nil || e.flying {
			continue
		}
		if err := s.dir.write(s.dir, e.file(), e.data); err != nil {
			s.count.Err = bare(err)
			return
		}
		e.size, e.data = occupied(int64(len(e.data))), nil
	}
}

// drop counts what no segment has any more; the next one says so.
func (s *Spool) drop(reason string, sums, carried *flow.Sums) {
	s.pending.add(reason, sums)
	s.counted(reason, sums, carried)
}
