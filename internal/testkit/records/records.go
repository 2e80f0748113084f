// Package records is what tests of the way to an engine need: a host whose records are
// known, and an engine that accounts for what it gets. Nothing outside tests imports it.
package records

import (
	"bytes"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"tcptop/internal/conn"
	"tcptop/internal/flow"
	"tcptop/internal/table"
)

// Begin is the time of a Host's first tick.
var Begin = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// Host is where records come from, one a second.
type Host struct {
	Name   string
	rows   *table.Table
	folder *flow.Folder
	Ticks  int64
	Truth  flow.Moved // what the records stand for
}

// NewHost is a Host that has not ticked yet.
func NewHost() *Host {
	return &Host{Name: "web-1", rows: table.New(table.Config{}), folder: flow.New(flow.Config{Interval: time.Second, Top: 3})}
}

// Interval has five connections move; two of them are in the rest: four records.
func (h *Host) Interval() []flow.Record {
	for {
		s := conn.Sample{Time: Begin.Add(time.Duration(h.Ticks) * time.Second), Mono: (1000 + h.Ticks) * 1e9, Host: h.Name, Origin: conn.FromBPF}
		for i := range uint64(5) {
			n := (i + 1) * uint64(h.Ticks)
			s.Conns = append(s.Conns, conn.Conn{ID: conn.ID{Cookie: i + 1}, Has: conn.HasBytes | conn.HasPackets, Proto: conn.TCP, State: conn.Established,
				RxBytes: 1000 * n, TxBytes: 10 * n, RxPackets: n, TxPackets: n})
		}
		h.Ticks++
		h.rows.Apply(&s)
		snap := h.rows.Snapshot()
		records := h.folder.Fold(snap, false)
		snap.Release()
		if records == nil {
			continue
		}
		for i := range records {
			h.Truth.Add(&records[i].Moved)
		}
		return records
	}
}

// Engine is what was delivered: each record once, however often it came.
type Engine struct {
	mu      sync.Mutex
	seen    map[[2]uint64]bool
	Twice   int        // records that came again
	Stored  flow.Moved // by records of connections and of their rest
	Dropped flow.Moved // by records of what was dropped
	Records uint64     // that were dropped, by such
	Reasons map[string]flow.Sums
}

// NewEngine is an Engine that has nothing.
func NewEngine() *Engine {
	return &Engine{seen: map[[2]uint64]bool{}, Reasons: map[string]flow.Sums{}}
}

// Insert stores lines.
func (e *Engine) Insert(t testing.TB, lines []byte) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	for line := range bytes.Lines(lines) {
		var id struct {
			Epoch, Seq uint64
			Reason     string
		}
		if err := json.Unmarshal(line, &id); err != nil {
			t.Errorf("%v: %q", err, line)
			return
		}
		if e.seen[[2]uint64{id.Epoch, id.Seq}] {
			e.Twice++
			continue
		}
		e.seen[[2]uint64{id.Epoch, id.Seq}] = true
		sums, dropped, err := flow.ParseSums(line)
		if err != nil {
			t.Error(err)
			return
		}
		if !dropped {
			e.Stored.Add(&sums.Moved)
			continue
		}
		e.Dropped.Add(&sums.Moved)
		e.Records += sums.Records
		r := e.Reasons[id.Reason]
		r.Add(&sums)
		e.Reasons[id.Reason] = r
	}
}

// All is what the engine accounts for.
func (e *Engine) All() flow.Moved {
	e.mu.Lock()
	defer e.mu.Unlock()
	sum := e.Stored
	sum.Add(&e.Dropped)
	return sum
}

// Exact holds that what is stored and what was dropped is what there was.
func (e *Engine) Exact(t testing.TB, truth flow.Moved) {
	t.Helper()
	if e.All() != truth {
		t.Errorf("stored %+v and dropped %+v are not %+v", e.Stored, e.Dropped, truth)
	}
}
