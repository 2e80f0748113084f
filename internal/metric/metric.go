// Package metric is the one list of what tcptop tells engines of a host, by which names
// and in which units, and gives it to them: on request in Prometheus' formats, or pushed
// by OTLP.
package metric

import (
	"strings"
	"sync/atomic"
	"time"

	"tcptop/internal/group"
)

// Kind is what a metric's numbers mean.
type Kind uint8

// The kinds.
const (
	Counter   Kind = iota // only grows, from 0 when the agent starts or the series begins
	Gauge                 // as of now
	Histogram             // of times
)

var kindNames = [...]string{"counter", "gauge", "histogram"}

func (k Kind) String() string { return kindNames[k] }

// Metric is one name. Its numbers are whole, of Unit or, with s, of a part of it.
type Metric struct {
	Name   string // OpenTelemetry's form
	Unit   string // UCUM: By, s or an annotation such as {packet}
	Kind   Kind
	Help   string
	Labels []string // attributes, in OpenTelemetry's form
	per    uint64   // how many are one of Unit; 0 is 1
	points func(*State, func(Point))
}

// Point is one series' value.
type Point struct {
	Labels []string // values of the metric's Labels; "" is none
	N      uint64
	Hist   *group.Histogram // of a Histogram
	Since  time.Time        // when the series began; zero is with the agent
}

// Points yields what s has of m.
func (m *Metric) Points(s *State, yield func(Point)) { m.points(s, yield) }

// Value is n in the metric's unit.
func (m *Metric) Value(n uint64) float64 { return float64(n) / float64(max(m.per, 1)) }

// units are the suffixes that Prometheus' names have for UCUM's units.
var units = map[string]string{"By": "_bytes", "s": "_seconds"}

// Pull is the name in Prometheus' form, which is what it makes itself of what comes by OTLP
// (the compatibility part of OpenTelemetry's specification).
func (m *Metric) Pull() string {
	name := label(m.Name) + units[m.Unit]
	if m.Kind == Counter {
		name += "_total"
	}
	return name
}

// label is an attribute's name in Prometheus' form.
func label(attr string) string { return strings.ReplaceAll(attr, ".", "_") }

// State is what is told at one time.
type State struct {
	View    *group.View // nil before the first tick
	Version string
	Exports []Export
	timed   bool // the kernel has timed BPF programs
}

// Export is what became of the records of one exporter (--flows).
type Export struct {
	Name    string
	Sent    uint64 // records
	Retries uint64
	Dropped []Dropped
	Spooled uint64    // bytes that wait
	Oldest  time.Time // when the oldest record that waits was made; zero: none waits
}

// Dropped is what an exporter gave up, by reason.
type Dropped struct {
	Reason         string
	Records, Bytes uint64
}

// Board is where the newest View hangs for all who ask for it.
type Board struct {
	version string
	view    atomic.Pointer[group.View]
	timed   atomic.Bool
	exports func() []Export
}

// NewBoard returns an empty one. exports, if not nil, may be called from any goroutine.
func NewBoard(version string, exports func() []Export) *Board {
	return &Board{version: version, exports: exports}
}

// Put hangs up v.
func (b *Board) Put(v *group.View) {
	if v.Cost.Timed {
		b.timed.Store(true)
	}
	b.view.Store(v)
}

// read is what there is now, for somebody who takes it.
func (b *Board) read() *State {
	s := &State{View: b.view.Load(), Version: b.version, timed: b.timed.Load()}
	if s.View != nil {
		s.View.Read()
	}
	if b.exports != nil {
		s.Exports = b.exports()
	}
	return s
}
