package output

import (
	"io"

	"tcptop/internal/column"
	"tcptop/internal/table"
)

// csvWriter prints RFC 4180 with a header and, as Unix tools and encoding/csv do,
// a bare newline at the end of a line. A missing value is an empty cell.
type csvWriter struct {
	sink
	cols    []*column.Column
	started bool
	raw     []byte // one text value before escaping
}

func newCSV(w io.Writer, cols []*column.Column, started bool) *csvWriter {
	return &csvWriter{sink: sink{w: w}, cols: cols, started: started}
}

// Write prints every row, before the first tick the header.
func (w *csvWriter) Write(s *table.Snapshot, rows []*table.Row) error {
	if !w.started {
		w.started = true
		w.buf = AppendHeader(w.buf, w.cols)
	}
	for _, r := range rows {
		for i, c := range w.cols {
			if i > 0 {
				w.buf = append(w.buf, ',')
			}
			w.cell(c, s, r)
		}
		w.buf = append(w.buf, '\n')
		w.lineEnd()
	}
	w.flush()
	return w.err
}

// AppendHeader appends the line that CSV of these fields begins with.
func AppendHeader(dst []byte, cols []*column.Column) []byte {
	for i, c := range cols {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, c.Name...)
	}
	return append(dst, '\n')
}

func (w *csvWriter) cell(c *column.Column, s *table.Snapshot, r *table.Row) {
	if c.Text == nil {
		w.buf, _ = c.Append(w.buf, s, r)
		return
	}
	var ok bool
	if w.raw, ok = c.Text(w.raw[:0], s, r); ok {
		w.buf = AppendCSV(w.buf, w.raw)
	}
}
