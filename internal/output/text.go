package output

import (
	"bytes"
	"io"
	"unicode/utf8"

	"tcptop/internal/column"
	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// textWriter prints one aligned line for each row with news, as tail -f does: in
// the first tick every row, then those that moved, opened or closed.
type textWriter struct {
	sink
	cells   []cell
	started bool
	events  bool   // a line says itself what happened
	raw     []byte // one value before escaping
	value   []byte // one value before padding
}

// newText returns a writer of cfg.Fields, or of the cells of defaultCells.
func newText(w io.Writer, list *column.List, cfg Config) *textWriter {
	t := &textWriter{sink: sink{w: w}}
	if cfg.Fields == nil {
		t.cells, t.events = defaultCells(list, cfg), cfg.Events
		return t
	}
	for _, c := range cfg.Fields {
		t.cells = append(t.cells, newCell(c, cfg))
	}
	return t
}

// Write prints the rows with news, before the first tick the header.
func (w *textWriter) Write(s *table.Snapshot, rows []*table.Row) error {
	if !w.started {
		w.started = true
		w.fit(s, rows)
		w.header()
	}
	for _, r := range rows {
		if s.FirstOf(r) || HasNews(r) {
			w.line(s, r)
		}
	}
	w.flush()
	return w.err
}

// HasNews reports whether r moved, opened or closed in the tick.
func HasNews(r *table.Row) bool { return r.Moved || r.Event != conn.EventSample }

// fit widens the cells to the first tick's values, so that the header stands
// above them.
func (w *textWriter) fit(s *table.Snapshot, rows []*table.Row) {
	for _, r := range rows {
		for i := range w.cells {
			if c := &w.cells[i]; c.grow {
				w.format(c, s, r)
				c.width = max(c.width, utf8.RuneCount(w.value))
			}
		}
	}
}

func (w *textWriter) header() {
	for i := range w.cells {
		w.value = append(w.value[:0], w.cells[i].title...)
		w.put(i)
	}
	w.endLine()
}

func (w *textWriter) line(s *table.Snapshot, r *table.Row) {
	for i := range w.cells {
		c := &w.cells[i]
		w.format(c, s, r)
		if c.grow {
			c.width = max(c.width, utf8.RuneCount(w.value))
		}
		w.put(i)
	}
	if !w.events && (r.Event == conn.EventClose || r.Event == conn.EventFail) {
		w.buf = append(w.buf, " [CLOSED]"...)
	}
	if r.Partial {
		w.buf = append(w.buf, " [PARTIAL]"...)
	}
	w.endLine()
}

// format puts the cell's value into w.value, safe for a terminal.
func (w *textWriter) format(c *cell, s *table.Snapshot, r *table.Row) {
	var ok bool
	w.value = w.value[:0]
	if c.outside {
		if w.raw, ok = c.append(w.raw[:0], s, r); ok {
			w.value = AppendVisible(w.value, w.raw)
		}
	} else {
		w.value, ok = c.append(w.value, s, r)
		w.value = trimLeft(w.value)
	}
	if !ok || len(w.value) == 0 {
		w.value = append(w.value[:0], '-')
	}
}

// trimLeft moves b to its first character that is no space: a cell pads by its
// own width.
func trimLeft(b []byte) []byte {
	return b[:copy(b, bytes.TrimLeft(b, " "))]
}

// put appends w.value as cell i.
func (w *textWriter) put(i int) {
	if i > 0 {
		w.buf = append(w.buf, ' ')
	}
	pad := w.cells[i].width - utf8.RuneCount(w.value)
	if w.cells[i].right {
		w.buf = appendSpaces(w.buf, pad)
	}
	w.buf = append(w.buf, w.value...)
	if !w.cells[i].right {
		w.buf = appendSpaces(w.buf, pad)
	}
}

func (w *textWriter) endLine() {
	w.buf = bytes.TrimRight(w.buf, " ")
	w.buf = append(w.buf, '\n')
	w.lineEnd()
}

func appendSpaces(b []byte, n int) []byte {
	for range n {
		b = append(b, ' ')
	}
	return b
}
