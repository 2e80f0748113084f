// Package column is the one list of fields: name, title, unit, help, width,
// value. The screen, CSV, JSON, the filter language and the docs follow from it;
// a new field is one entry here and one line where it is measured.
package column

import (
	"net/netip"

	"tcptop/internal/table"
)

// Kind says what a field's values are and so how they are compared and printed.
type Kind uint8

// The kinds.
const (
	Text   Kind = iota // a string from a closed or open set
	Int                // a plain number or id
	Count              // a number of things
	Bytes              // bytes
	Rate               // bytes per second
	Micros             // microseconds
	Millis             // milliseconds
	Bool
	Time // nanoseconds since the Unix epoch, printed as RFC 3339
	IP   // an address
)

// Column is one field. Exactly one of Num, Text and Addr is set: Num for the
// numeric kinds (Bool as 0 and 1, Time as Unix nanoseconds), Text for Text, Addr
// for IP. Each reports false where the value is missing (null). None allocates;
// Text appends to dst.
type Column struct {
	Name  string // the contract's spelling
	Title string // heading on a screen or in text
	Group string // the contract's group
	Unit  string // "" where the name says it
	Help  string // one sentence: what is counted
	Kind  Kind
	Width int // usual width on a screen
	Num   func(s *table.Snapshot, r *table.Row) (int64, bool)
	Text  func(dst []byte, s *table.Snapshot, r *table.Row) ([]byte, bool)
	Addr  func(r *table.Row) (netip.Addr, bool)
}
