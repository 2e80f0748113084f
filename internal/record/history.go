package record

import (
	"errors"
	"sync"
	"time"

	"tcptop/internal/conn"
)

// HistoryConfig bounds a History.
type HistoryConfig struct {
	Header   Header        // Host and Interval
	MaxAge   time.Duration // of what is kept
	MaxBytes int           // of all blocks, without what the encoder needs to know
}

// History keeps the last minutes in memory. One goroutine adds; any may look.
type History struct {
	cfg HistoryConfig
	enc *Encoder
	run stretch

	mu     sync.Mutex // guards what follows
	chunks []*chunk
	gone   int // chunks that were before chunks[0]
	bytes  int
}

// chunk is a key frame and the ticks after it. What is in it never changes.
type chunk struct {
	marks []mark
	blobs [][]byte // by a mark's offset
	bytes int
}

// errGone says that a chunk was too old.
var errGone = errors.New("no longer kept")

// NewHistory returns an empty History.
func NewHistory(cfg HistoryConfig) (*History, error) {
	enc, err := NewEncoder(0)
	if err != nil {
		return nil, err
	}
	cfg.Header.describe()
	return &History{cfg: cfg, enc: enc}, nil
}

// Add keeps s, and forgets what is too old or too much.
func (h *History) Add(s *conn.Sample) {
	var key, tick chunk
	keyed := h.enc.Full() || h.run == (stretch{}) || h.run.long() || h.run.bytes >= int64(h.cfg.MaxBytes/8)
	if keyed {
		h.enc.Key(s, key.put)
		h.run = stretch{keySize: int64(key.bytes)}
	}
	h.enc.Tick(s, tick.put)
	h.run.add(s, int64(tick.bytes))

	h.mu.Lock()
	defer h.mu.Unlock()
	if keyed {
		h.chunks = append(h.chunks, &key)
		h.bytes += key.bytes
	}
	c := h.chunks[len(h.chunks)-1]
	for _, m := range tick.marks {
		m.offset += int64(len(c.blobs))
		c.marks = append(c.marks, m)
	}
	c.blobs = append(c.blobs, tick.blobs...)
	c.bytes += tick.bytes
	h.bytes += tick.bytes
	h.forget(s.Time.Add(-h.cfg.MaxAge).UnixNano())
}

// forget drops chunks that ended before a time, and the oldest where all are too much.
func (h *History) forget(before int64) {
	for len(h.chunks) > 1 && (h.bytes > h.cfg.MaxBytes || h.chunks[0].end() < before) {
		h.bytes -= h.chunks[0].bytes
		h.chunks[0] = nil
		h.chunks = h.chunks[1:]
		h.gone++
	}
}

func (c *chunk) end() int64 { return c.marks[len(c.marks)-1].time }

func (c *chunk) put(b Block) {
	c.marks = append(c.marks, mark{kind: b.Kind, first: b.First, last: b.Last, seq: b.Seq, time: b.Time, offset: int64(len(c.blobs)), length: len(b.Body)})
	c.blobs = append(c.blobs, append([]byte(nil), b.Body...))
	c.bytes += len(b.Body)
}

// Bounds are the times of the first tick that is kept and the last; zero where there
// is none.
func (h *History) Bounds() (first, last time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.chunks) == 0 {
		return time.Time{}, time.Time{}
	}
	return time.Unix(0, h.chunks[0].marks[0].time).UTC(), time.Unix(0, h.chunks[len(h.chunks)-1].end()).UTC()
}

// Bytes is what all blocks take.
func (h *History) Bytes() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.bytes
}

// Cursor returns one that is before the first tick. It sees what is added later.
func (h *History) Cursor() *Cursor { return newCursor(h) }

func (h *History) tapes() (from, to int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.gone, h.gone + len(h.chunks)
}

// chunk returns chunk n, or nil.
func (h *History) chunk(n int) *chunk {
	if n < h.gone || n >= h.gone+len(h.chunks) {
		return nil
	}
	return h.chunks[n-h.gone]
}

func (h *History) bounds(n int) (first, last int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.chunk(n)
	if c == nil {
		return 0, 0
	}
	return c.marks[0].time, c.end()
}

func (h *History) open(n int) (*tape, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.chunk(n)
	if c == nil {
		return nil, errGone
	}
	t := &tape{header: &h.cfg.Header, marks: c.marks, close: func() {}}
	t.more = func() []mark {
		h.mu.Lock()
		defer h.mu.Unlock()
		return c.marks
	}
	t.load = func(m *mark) (Block, error) {
		h.mu.Lock()
		defer h.mu.Unlock()
		return Block{Kind: m.kind, First: m.first, Last: m.last, Seq: m.seq, Time: m.time, Body: c.blobs[m.offset]}, nil
	}
	return t, nil
}

func (h *History) lost(Gap) {}
