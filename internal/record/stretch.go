package record

import "tcptop/internal/conn"

const (
	// keyTicks and maxTicks bound how many ticks lie between two key frames: what is
	// lost with one damaged block, and what a jump has to decode.
	keyTicks = 120
	maxTicks = 300
	// keyRows is from how many rows on a key frame may come earlier.
	keyRows = 250_000
)

// stretch is what was written from a key frame on.
type stretch struct {
	keySize int64
	ticks   int
	rows    int
	bytes   int64 // of the ticks
}

func (r *stretch) add(s *conn.Sample, bytes int64) {
	r.ticks++
	r.rows += len(s.Conns) + len(s.Closed)
	r.bytes += bytes
}

// long reports whether a key frame should come before the next tick: not before it
// pays, unless there is much to decode from the last one on.
func (r *stretch) long() bool {
	return r.ticks >= maxTicks || r.ticks >= keyTicks && r.bytes >= r.keySize || r.rows >= keyRows && r.bytes >= 4*r.keySize
}
