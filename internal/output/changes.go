package output

import (
	"hash/maphash"
	"io"
	"strconv"

	"tcptop/internal/column"
	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// schema is that of the lines, as the field of that name has it.
const schema = 1

// changesWriter prints JSON lines for a reader that keeps rows: each row once and then
// when there is news of it, {"event":"gone"} for one that is not among the rows any more and has
// not ended before its eyes, and {"event":"tick"} at the end of each tick, also where
// nothing moves.
type changesWriter struct {
	jsonlWriter
	version string
	missing func() []string
	started bool
	seed    maphash.Seed
	told    []told // by Row.Pos
	turn    uint32
}

// told is what the reader knows of a row.
type told struct {
	id   conn.ID
	sum  uint64 // of what may change without the row moving
	turn uint32 // when it was last among the rows; 0 is never
}

func newChanges(w io.Writer, cols []*column.Column, cfg Config) *changesWriter {
	c := &changesWriter{jsonlWriter: *newJSONL(w, cols), version: cfg.Version, missing: cfg.Missing, seed: maphash.MakeSeed()}
	if c.missing == nil {
		c.missing = func() []string { return nil }
	}
	return c
}

// Write prints the tick.
func (w *changesWriter) Write(s *table.Snapshot, rows []*table.Row) error {
	w.turn++
	told := 0
	for _, r := range rows {
		if w.news(s, r) {
			w.line(s, r)
			told++
		}
	}
	for i := range w.told {
		if t := &w.told[i]; t.turn != 0 && t.turn != w.turn {
			w.gone(t.id)
			t.turn = 0
		}
	}
	w.tick(s, told)
	w.flush()
	return w.err
}

// news notes that r is there and reports whether the reader has to be told.
func (w *changesWriter) news(s *table.Snapshot, r *table.Row) bool {
	if int(r.Pos) >= len(w.told) {
		w.told = append(w.told, make([]told, int(r.Pos)+1-len(w.told))...)
	}
	t := &w.told[r.Pos]
	if t.turn != 0 && t.id != r.ID {
		w.gone(t.id)
		t.turn = 0
	}
	sum := maphash.Comparable(w.seed, standing{r.Has, r.Owner, r.Holders, r.UID, r.Cgroup, r.Place, r.Process, r.Remote, r.Limit, r.Share})
	known := t.turn != 0 && t.sum == sum
	*t = told{r.ID, sum, w.turn}
	if r.Event == conn.EventClose || r.Event == conn.EventFail {
		t.turn = 0 // the reader lets it go by itself
	}
	// What runs on while nothing moves is in no sum: the kernel's chronographs, a shut window.
	runs := r.Chrono != 0 || r.Has&conn.HasRcvWnd != 0 && r.RcvWnd == 0
	return !known || HasNews(r) || runs || s.First
}

// standing is what may change of a row without it moving.
type standing struct {
	has     conn.Has
	owner   conn.Owner
	holders uint16
	uid     uint32
	cgroup  uint64
	place   *conn.Place
	process *conn.Process
	remote  *conn.Remote
	limit   conn.Limit
	share   uint8
}

func (w *changesWriter) gone(id conn.ID) {
	w.buf = append(w.buf, `{"event":"gone","conn":"`...)
	w.buf = id.Append(w.buf)
	w.buf = append(w.buf, "\"}\n"...)
	w.lineEnd()
}

// tick prints the line that ends a tick.
func (w *changesWriter) tick(s *table.Snapshot, rows int) {
	b := append(w.buf, `{"ts":"`...)
	b = column.AppendTime(b, s.Time.UnixNano())
	b = AppendJSON(append(b, `","host":`...), []byte(s.Host))
	b = strconv.AppendInt(append(b, `,"event":"tick","schema":`...), schema, 10)
	b = AppendJSON(append(b, `,"version":`...), []byte(w.version))
	b = strconv.AppendInt(append(b, `,"mono_ns":`...), s.Mono, 10)
	b = strconv.AppendBool(append(b, `,"first":`...), !w.started)
	b = strconv.AppendInt(append(b, `,"rows":`...), int64(rows), 10)
	b = append(append(append(b, `,"source":"`...), s.Origin.String()...), '"')
	b = strconv.AppendUint(append(b, `,"not_shown":`...), s.NotShown(), 10)
	b = appendLost(b, &s.Loss)
	b = appendTexts(append(b, `,"faults":`...), s.Faults)
	b = appendTexts(append(b, `,"missing":`...), w.missing())
	w.buf = append(b, "}\n"...)
	w.started = true
}

func appendTexts(b []byte, texts []string) []byte {
	b = append(b, '[')
	for i, t := range texts {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendJSON(b, []byte(t))
	}
	return append(b, ']')
}

// appendLost appends what was lost since start.
func appendLost(b []byte, l *conn.Loss) []byte {
	b = append(b, `,"lost":{`...)
	for i, part := range [...]struct {
		name string
		n    uint64
	}{
		{"table_full", l.TableFull}, {"ring_full", l.RingFull}, {"queue_full", l.QueueFull}, {"flows_full", l.FlowsFull},
		{"stale", l.Stale}, {"skipped", l.Skipped}, {"missed_ticks", l.MissedTicks}, {"totals_full", l.TotalsFull},
		{"dns_full", l.DNSFull}, {"unnamed", l.Unnamed}, {"transitions_full", l.TransitionsFull}, {"rows_full", l.RowsFull},
	} {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(append(append(append(b, '"'), part.name...), `":`...), part.n, 10)
	}
	return append(b, '}')
}
