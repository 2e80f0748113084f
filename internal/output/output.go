// Package output prints snapshots as lines: text for people, CSV and JSON for
// programs. It takes a table.Snapshot and the rows that the caller chose, in the
// caller's order, and writes one tick at a time; it keeps no row, starts no
// goroutine and reads no clock.
//
// Everything that a process or a peer supplied is escaped here: no output of
// this package holds a control byte other than the newline that ends a line.
package output

import (
	"fmt"
	"io"
	"time"

	"tcptop/internal/column"
	"tcptop/internal/table"
)

// Writer prints one tick. It returns the first error of the io.Writer below.
type Writer interface {
	Write(s *table.Snapshot, rows []*table.Row) error
}

// The formats, as --output spells them.
const (
	Text  = "text"
	CSV   = "csv"
	JSONL = "jsonl"
)

// Formats lists all formats.
func Formats() []string { return []string{Text, CSV, JSONL} }

// Config says how lines look.
type Config struct {
	Format string
	Fields []*column.Column // nil is the format's own choice
	Style  column.Style     // text only
	Local  *time.Location   // text only: the zone of the times; nil is UTC
	Events bool             // text only: the rows are events, without Fields they say which and why
	Hosts  bool             // the rows are of several hosts: without Fields they say which, and who is at the other end
	Append bool             // CSV only: what is written to has its header already
	// Changes has JSON lines tell of changes alone: rows with news, the ids of those that have gone,
	// and a line that ends the tick.
	Changes bool
	Version string          // that line says
	Missing func() []string // what is not measured here, for that line; nil is nothing
}

// New returns a Writer to w; list is where a format that is given no fields takes
// its own.
func New(w io.Writer, list *column.List, cfg Config) (Writer, error) {
	switch cfg.Format {
	case Text:
		return newText(w, list, cfg), nil
	case CSV:
		return newCSV(w, allIfNone(list, &cfg), cfg.Append), nil
	case JSONL:
		if cfg.Changes {
			return newChanges(w, allIfNone(list, &cfg), cfg), nil
		}
		return newJSONL(w, allIfNone(list, &cfg)), nil
	}
	return nil, fmt.Errorf("unknown output format %q", cfg.Format)
}

func allIfNone(list *column.List, cfg *Config) []*column.Column {
	if cfg.Fields != nil {
		return cfg.Fields
	}
	all := list.Own()
	if cfg.Hosts {
		all = list.All()
	}
	cols := make([]*column.Column, len(all))
	for i := range all {
		cols[i] = &all[i]
	}
	return cols
}

// chunk is how much of a tick is put together before it is written: a tick of
// usual size is one write, one of a million rows does not need a gigabyte.
const chunk = 1 << 20

// sink collects lines and writes them in whole lines.
type sink struct {
	w   io.Writer
	buf []byte
	err error
}

// lineEnd is called after each line.
func (k *sink) lineEnd() {
	if len(k.buf) >= chunk {
		k.flush()
	}
}

// flush writes what was collected. After an error nothing more is written.
func (k *sink) flush() {
	if k.err == nil && len(k.buf) > 0 {
		_, k.err = k.w.Write(k.buf)
	}
	k.buf = k.buf[:0]
}
