package conn

import (
	"context"
	"iter"
	"time"
)

// Sample is one tick of one host.
//
// Conns holds every connection that is new or moved since the last sample, with
// cumulative counters; a connection that is not named is unchanged. The slices
// belong to the Source and are valid until the next sample is asked for.
type Sample struct {
	Time      time.Time // wall clock of the tick, UTC
	Mono      int64     // the same moment in monotonic nanoseconds since boot
	Host      string
	Origin    Origin
	Conns     []Conn
	Closed    []Conn          // ended since the last sample, with their final counters
	Cgroups   []Cgroup        // made since the last sample, where a hook tells
	Places    []PlaceChange   // better known now, for connections that are not named
	Processes []ProcessChange // likewise
	Remotes   []RemoteChange  // likewise
	// Transitions are the changes of state since the last sample, in order for each connection, but
	// for those that open one; nil from a source that does not hear of them.
	Transitions []Transition
	Gone        []ID         // rows that end without a connection ending: time-wait and syn-recv sockets
	DNS         []DNSMessage // sent and received since the last sample, a query before its answer
	Loss        Loss
	Cost        Cost         // of tcptop itself, read once a second at most
	Programs    []Program    // likewise; a new slice with each reading, nil where there are none
	Faults      []string     // what failed and so was not measured in this tick, and why: a clause each, hostile until escaped
	Totals      []OwnerTotal // the connections and flows that have no row
	Last        bool         // the source ends after this sample
	Reset       bool         // nothing said before holds: Conns is everything, as in a first sample; a recording goes on after a gap
}

// Transition is a change of a connection's state.
type Transition struct {
	ID       ID
	Time     int64 // monotonic ns
	From, To State
}

// Cgroup is a control group of the unified hierarchy and its path from the root.
type Cgroup struct {
	ID   uint64
	Path string // hostile until escaped
}

// Change says that what pointed to one T belongs to another one.
type Change[T any] struct{ Was, Is *T }

// PlaceChange says that a Place is known better now.
type PlaceChange = Change[Place]

// ProcessChange says that a Process is known better now, or runs another program.
type ProcessChange = Change[Process]

// RemoteChange says that the name of a remote address has been found.
type RemoteChange = Change[Remote]

// Loss counts what was not seen or not kept since tcptop started. Every field
// is cumulative and zero on a healthy host.
type Loss struct {
	TableFull       uint64 // connections that found no room in the kernel's table
	RingFull        uint64 // closed connections that found no room on the way to user space
	QueueFull       uint64 // closed connections that found no room in user space
	FlowsFull       uint64 // datagrams of UDP flows that found no room in the kernel's table
	Stale           uint64 // slots whose socket went away while it was read; read again next tick
	Skipped         uint64 // events for which the kernel ran no hook, being inside it already; ends are found out later
	MissedTicks     uint64 // ticks that could not be taken in time
	TotalsFull      uint64 // lost rows that not even the sums by owner had room for
	DNSFull         uint64 // DNS messages that found no room on the way to user space: names that are not known
	Unnamed         uint64 // look-ups of names that found no room or failed; what was not named is null
	TransitionsFull uint64 // changes of state that found no room, or no row
	RowsFull        uint64 // connections beyond the table's bound in user space
}

// Source yields samples until ctx ends or it fails. When ctx ends it yields one
// last sample with what happened since the tick before, then stops: nothing seen
// is lost. An error ends the sequence.
type Source func(ctx context.Context) iter.Seq2[*Sample, error]
