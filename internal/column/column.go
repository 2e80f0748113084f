// Package column is the one list of fields: name, title, unit, help, width,
// value. The screen, CSV, JSON, the filter language and the docs follow from it;
// a new field is one entry here and one line where it is measured.
package column

import (
	"net/netip"
	"strconv"
	"time"

	"tcptop/internal/table"
)

// Kind says what a field's values are and so how they are compared and printed.
type Kind uint8

// The kinds.
const (
	Text    Kind = iota // a string from a closed or open set
	Int                 // a plain number or id
	Count               // a number of things
	Bytes               // bytes
	Rate                // bytes per second
	Micros              // microseconds
	Millis              // milliseconds
	Percent             // whole percent
	PPM                 // parts per million, for people in percent
	Bool
	Time // nanoseconds since the Unix epoch, printed as RFC 3339
	IP   // an address
)

// Column is one field. Exactly one of Num, Text and Addr is set: Num for the
// numeric kinds (Bool as 0 and 1, Time as Unix nanoseconds), Text for Text, Addr
// for IP. Each reports false where the value is missing (null). None allocates;
// Text appends to dst.
//
// Text that a process or a peer supplied (comm, cmdline, pod …) is raw: whoever
// prints it escapes it.
type Column struct {
	Name   string // the contract's spelling
	Title  string // heading on a screen or in text
	Group  string // the contract's group
	Unit   string // "" where the name says it
	Help   string // one sentence: what is counted
	Kind   Kind
	Width  int      // usual width on a screen
	Max    int64    // largest valid value of an Int; 0 is no bound
	Values []string // all values of a Text from a closed set; nil is an open set
	Runs   bool     // goes on with the time of the snapshot, though the row does not change
	Num    func(s *table.Snapshot, r *table.Row) (int64, bool)
	Text   func(dst []byte, s *table.Snapshot, r *table.Row) ([]byte, bool)
	Addr   func(r *table.Row) (netip.Addr, bool)
}

// Append appends the field's value for machines, as JSON and CSV spell it but
// without quotes or escapes: numbers in decimal, true and false, RFC 3339 times
// in UTC, raw text. It reports false, and appends nothing, where it is missing.
func (c *Column) Append(dst []byte, s *table.Snapshot, r *table.Row) ([]byte, bool) {
	switch {
	case c.Text != nil:
		return c.Text(dst, s, r)
	case c.Addr != nil:
		a, ok := c.Addr(r)
		if !ok {
			return dst, false
		}
		return a.AppendTo(dst), true
	}
	n, ok := c.Num(s, r)
	if !ok {
		return dst, false
	}
	switch c.Kind {
	case Bool:
		return strconv.AppendBool(dst, n != 0), true
	case Time:
		return AppendTime(dst, n), true
	}
	return strconv.AppendInt(dst, n, 10), true
}

// AppendTime appends ns (nanoseconds since the Unix epoch) as RFC 3339 in UTC
// with milliseconds: always 24 characters from the year 0 to 9999.
func AppendTime(dst []byte, ns int64) []byte {
	return time.Unix(0, ns).UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z")
}
