package spool

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"tcptop/internal/column"
	"tcptop/internal/conn"
	"tcptop/internal/flow"
	"tcptop/internal/table"
	"tcptop/internal/testkit"
)

func TestMain(m *testing.M) {
	child()
	testkit.Main(m)
}

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// host is where records come from; truth is what they stand for.
type host struct {
	rows   *table.Table
	folder *flow.Folder
	ticks  int64
	truth  flow.Moved
}

func newHost() *host {
	return &host{rows: table.New(table.Config{}), folder: flow.New(flow.Config{Interval: time.Second, Top: 3})}
}

// interval has five connections move; two of them are in the rest.
func (h *host) interval() []flow.Record {
	for {
		s := conn.Sample{Time: noon.Add(time.Duration(h.ticks) * time.Second), Mono: (1000 + h.ticks) * 1e9, Host: "web-1", Origin: conn.FromBPF}
		for i := range uint64(5) {
			n := (i + 1) * uint64(h.ticks)
			s.Conns = append(s.Conns, conn.Conn{ID: conn.ID{Cookie: i + 1}, Has: conn.HasBytes | conn.HasPackets, Proto: conn.TCP, State: conn.Established,
				RxBytes: 1000 * n, TxBytes: 10 * n, RxPackets: n, TxPackets: n})
		}
		h.ticks++
		h.rows.Apply(&s)
		snap := h.rows.Snapshot()
		records := h.folder.Fold(snap, false)
		snap.Release()
		if records == nil {
			continue
		}
		for i := range records {
			h.truth.Add(&records[i].Moved)
		}
		return records
	}
}

func open(t testing.TB, cfg Config) *Spool {
	t.Helper()
	cfg.Host, cfg.Schema = "web-1", flow.NewSchema(column.New())
	if cfg.Epoch == 0 {
		cfg.Epoch = 1e18
	}
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func (s *Spool) reopen(t testing.TB) *Spool {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, s.cfg)
}

// engine is what was delivered: each record once, however often it came.
type engine struct {
	seen    map[[2]uint64]bool
	twice   int
	stored  flow.Moved // by records of connections and of their rest
	dropped flow.Moved // by records of what was dropped
	records uint64     // that were dropped, by such
	reasons map[string]flow.Sums
}

func newEngine() *engine { return &engine{seen: map[[2]uint64]bool{}, reasons: map[string]flow.Sums{}} }

func (e *engine) insert(t testing.TB, lines []byte) {
	t.Helper()
	for line := range bytes.Lines(lines) {
		var id struct {
			Epoch, Seq uint64
			Reason     string
		}
		if err := json.Unmarshal(line, &id); err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		if e.seen[[2]uint64{id.Epoch, id.Seq}] {
			e.twice++
			continue
		}
		e.seen[[2]uint64{id.Epoch, id.Seq}] = true
		sums, dropped, err := flow.ParseSums(line)
		if err != nil {
			t.Fatal(err)
		}
		if !dropped {
			e.stored.Add(&sums.Moved)
			continue
		}
		e.dropped.Add(&sums.Moved)
		e.records += sums.Records
		r := e.reasons[id.Reason]
		r.Add(&sums)
		e.reasons[id.Reason] = r
	}
}

// all is what the engine accounts for.
func (e *engine) all() flow.Moved {
	sum := e.stored
	sum.Add(&e.dropped)
	return sum
}

// drain delivers all that waits, the oldest first.
func (e *engine) drain(t testing.TB, s *Spool) {
	t.Helper()
	for g := s.Take(false); g != nil; g = s.Take(false) {
		e.insert(t, g.Lines)
		s.Done(g)
	}
}

func (e *engine) exact(t testing.TB, truth flow.Moved) {
	t.Helper()
	if e.all() != truth {
		t.Errorf("stored %+v and dropped %+v are not %+v", e.stored, e.dropped, truth)
	}
}
