package output

import (
	"io"
	"time"

	"tcptop/internal/column"
	"tcptop/internal/table"
)

// jsonlWriter prints one JSON object for each row and tick, keys in the order of
// the fields. A missing value is null.
type jsonlWriter struct {
	sink
	cols []*column.Column
	keys [][]byte // what stands before each value, such as `,"pid":`
	raw  []byte   // one text value before escaping
	tick int64    // Unix ns of the last tick
	said []byte   // its time as it is written
}

func newJSONL(w io.Writer, cols []*column.Column) *jsonlWriter {
	j := &jsonlWriter{sink: sink{w: w}, cols: cols}
	for i, c := range cols {
		before := byte(',')
		if i == 0 {
			before = '{'
		}
		j.keys = append(j.keys, append(AppendJSON([]byte{before}, []byte(c.Name)), ':'))
	}
	return j
}

// Write prints every row.
func (w *jsonlWriter) Write(s *table.Snapshot, rows []*table.Row) error {
	for _, r := range rows {
		w.line(s, r)
	}
	w.flush()
	return w.err
}

func (w *jsonlWriter) line(s *table.Snapshot, r *table.Row) {
	for i, c := range w.cols {
		w.buf = append(w.buf, w.keys[i]...)
		w.value(c, s, r)
	}
	w.buf = append(w.buf, '}', '\n')
	w.lineEnd()
}

func (w *jsonlWriter) value(c *column.Column, s *table.Snapshot, r *table.Row) {
	var ok bool
	switch {
	case c.Text != nil:
		if w.raw, ok = c.Text(w.raw[:0], s, r); ok {
			w.buf = AppendJSON(w.buf, w.raw)
		}
	case c.Kind == column.Time:
		var ns int64
		if ns, ok = c.Num(s, r); ok {
			w.buf = w.appendTime(w.buf, s.Time, ns)
		}
	case c.Kind == column.IP:
		// It has no character that JSON escapes.
		w.buf = append(w.buf, '"')
		if w.buf, ok = c.Append(w.buf, s, r); ok {
			w.buf = append(w.buf, '"')
		} else {
			w.buf = w.buf[:len(w.buf)-1]
		}
	default:
		w.buf, ok = c.Append(w.buf, s, r)
	}
	if !ok {
		w.buf = append(w.buf, "null"...)
	}
}

// appendTime appends a time, in which there is no character that JSON escapes: most are the tick's.
func (w *jsonlWriter) appendTime(dst []byte, at time.Time, ns int64) []byte {
	if ns != at.UnixNano() {
		return append(column.AppendTime(append(dst, '"'), ns), '"')
	}
	if ns != w.tick || w.said == nil {
		w.tick = ns
		w.said = append(column.AppendTime(append(w.said[:0], '"'), ns), '"')
	}
	return append(dst, w.said...)
}
