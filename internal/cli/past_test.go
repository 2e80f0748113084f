package cli

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tcptop/internal/column"
	"tcptop/internal/conn"
	"tcptop/internal/output"
	"tcptop/internal/record"
	"tcptop/internal/table"
)

var began = time.Date(2026, 11, 25, 3, 0, 0, 0, time.UTC)

// busyHost makes tick n of a host where connections come, move and go.
func busyHost(rng *rand.Rand, n int) *conn.Sample {
	s := &conn.Sample{Time: began.Add(time.Duration(n) * time.Second), Mono: int64(n+100) * int64(time.Second), Host: "h", Origin: conn.FromBPF}
	for i := range uint64(40) {
		c := conn.Conn{ID: conn.ID{Cookie: i + 1}, Has: conn.HasBytes, NetNS: 1, Proto: conn.TCP, State: conn.Established,
			Opened: int64(90 * time.Second), RxBytes: uint64(n) * i * 1000, TxBytes: uint64(n)}
		if n == 0 || rng.IntN(3) == 0 {
			s.Conns = append(s.Conns, c)
		}
	}
	short := conn.Conn{ID: conn.ID{Cookie: uint64(1000 + n)}, Has: conn.HasBytes, NetNS: 1, Proto: conn.TCP, State: conn.Established, Opened: s.Mono - 5}
	s.Conns = append(s.Conns, short)
	if n > 0 {
		short.ID.Cookie--
		short.State, short.RxBytes, short.Opened = conn.Closed, 77, short.Opened-int64(time.Second)
		s.Closed = append(s.Closed, short)
	}
	return s
}

// picture is a snapshot as CSV, in a certain order.
func picture(t testing.TB, s *table.Snapshot) string {
	t.Helper()
	var b bytes.Buffer
	list := column.New()
	w, err := output.New(&b, list, output.Config{Format: output.CSV})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(s, s.Query(nil, nil, 0)); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// TestPastIsThePresentOfThen goes to every tick in every way, and sees what the live
// table saw.
func TestPastIsThePresentOfThen(t *testing.T) {
	const n = 200
	k := &keeper{age: time.Hour}
	var err error
	if k.History, err = record.NewHistory(record.HistoryConfig{Header: record.Header{Host: "h"}, MaxAge: time.Hour, MaxBytes: historyBytes}); err != nil {
		t.Fatal(err)
	}
	rng, live := rand.New(rand.NewPCG(1, 2)), table.New(table.Config{})
	var was []string
	for i := range n {
		s := busyHost(rng, i)
		live.Apply(s)
		snap := live.Snapshot()
		k.keep(s, snap.Len())
		was = append(was, picture(t, snap))
	}
	w := &rewinder{cursor: k.Cursor(), table: func() *table.Table { return table.New(table.Config{}) }}
	at := -1
	look := func(to time.Time, ticks, want int) {
		t.Helper()
		var last *table.Snapshot
		lead := 0
		if err := w.move(to, ticks, func(s *table.Snapshot) { last, lead = s, lead+1 }); err != nil {
			t.Fatalf("from %d by %d: %v", at, ticks, err)
		}
		at = want
		if got := picture(t, last); got != was[want] && want > 0 {
			t.Fatalf("tick %d (-was +is):\n%s", want, cmp.Diff(was[want], got))
		}
		if jumped := !to.IsZero() || ticks < 0; jumped && lead != min(want+1, leadTicks+2) {
			t.Errorf("%d ticks lead to %d", lead, want)
		}
	}
	look(began.Add(150*time.Second+time.Second/2), 0, 150)
	look(time.Time{}, 1, 151)
	look(time.Time{}, -1, 150)
	look(time.Time{}, -1, 149)
	look(time.Time{}, 30, 179)
	look(time.Time{}, -9, 170)
	look(began.Add(99*time.Second), 1, 100)
	for range 200 {
		switch to := rng.IntN(n); rng.IntN(3) {
		case 0:
			look(began.Add(time.Duration(to)*time.Second), 0, to)
		case 1:
			look(time.Time{}, -min(to%7, at), max(at-to%7, 0))
		case 2:
			look(time.Time{}, min(to%7, n-1-at), at+min(to%7, n-1-at))
		}
	}
	look(began.Add(-time.Hour), 0, 0)
	if err := w.move(time.Time{}, -3, func(*table.Snapshot) { t.Error("before the first") }); !errors.Is(err, io.EOF) {
		t.Errorf("before the first: %v", err)
	}
	look(time.Time{}, 1, 1)
	look(time.Time{}, -5, 0) // as far as it goes
	look(began.Add(time.Hour), 0, n-1)
	if err := w.move(time.Time{}, 1, func(*table.Snapshot) { t.Error("after the last") }); !errors.Is(err, io.EOF) {
		t.Errorf("after the last: %v", err)
	}
	look(time.Time{}, -1, n-2)
	look(time.Time{}, 1, n-1)
}

// From and to bound what can be seen.
func TestPastWithin(t *testing.T) {
	h, err := record.NewHistory(record.HistoryConfig{Header: record.Header{Host: "h"}, MaxAge: time.Hour, MaxBytes: historyBytes})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 50 {
		h.Add(busyHost(rng, i))
	}
	w := &rewinder{cursor: h.Cursor(), from: began.Add(10 * time.Second), to: began.Add(20 * time.Second),
		table: func() *table.Table { return table.New(table.Config{}) }}
	go_ := func(to time.Time, ticks, want int) {
		t.Helper()
		if err := w.move(to, ticks, func(*table.Snapshot) {}); err != nil || w.at() != began.Add(time.Duration(want)*time.Second) {
			t.Errorf("at %v, want %d: %v", w.at().Sub(began), want, err)
		}
	}
	go_(time.Time{}, 0, 10)
	go_(time.Time{}, 9, 19)
	go_(time.Time{}, 1, 20)
	if err := w.move(time.Time{}, 1, func(*table.Snapshot) {}); !errors.Is(err, io.EOF) {
		t.Errorf("%v", err)
	}
	go_(time.Time{}, -15, 10)
}

// What is not kept any more has a reason, and it is said.
func TestKeeperSaysWhatFellOut(t *testing.T) {
	for want, c := range map[string]struct {
		age   time.Duration
		bytes int
	}{"tcptop started here": {time.Hour, historyBytes}, "--history 5m": {5 * time.Minute, historyBytes}, "more than 64 MiB are not kept in memory": {time.Hour, 10_000}} {
		h, err := record.NewHistory(record.HistoryConfig{MaxAge: c.age, MaxBytes: c.bytes})
		if err != nil {
			t.Fatal(err)
		}
		k, rng := &keeper{History: h, age: c.age}, rand.New(rand.NewPCG(1, 2))
		for i := range 1200 {
			k.keep(busyHost(rng, i), 40)
		}
		first, last := k.Bounds()
		if got := k.begin(); got != want || k.Bytes() > c.bytes {
			t.Errorf("%q, want %q: %v in %d bytes", got, want, last.Sub(first), k.Bytes())
		}
	}
}

// Too many connections have no past, and it says so.
func TestKeeperGivesUp(t *testing.T) {
	h, err := record.NewHistory(record.HistoryConfig{Header: record.Header{Host: "h"}, MaxAge: time.Hour, MaxBytes: historyBytes})
	if err != nil {
		t.Fatal(err)
	}
	k := &keeper{History: h, age: 10 * time.Minute}
	rng := rand.New(rand.NewPCG(1, 2))
	k.keep(busyHost(rng, 0), 40)
	k.keep(busyHost(rng, 1), historyRows+1)
	k.keep(busyHost(rng, 2), 40)
	if _, last := k.Bounds(); last != began {
		t.Errorf("kept up to %v", last)
	}
	if about := strings.Join(k.about(), "\n"); !strings.Contains(about, "nothing more is kept") || !strings.Contains(about, "the last 10m are") {
		t.Errorf("%s", about)
	}
	(*keeper)(nil).keep(nil, 0)
}

// TestRoomForFlows has a table that is bounded take all UDP flows that the kernel's does, beside
// its connections.
func TestRoomForFlows(t *testing.T) {
	var p plan
	p.measure.MaxConns = 100
	s := &conn.Sample{Mono: 1, Conns: make([]conn.Conn, 2*100+conn.MaxFlows(100))}
	for i := range s.Conns {
		s.Conns[i] = conn.Conn{ID: conn.ID{Cookie: uint64(i + 1)}, Proto: conn.UDP, Has: conn.HasBytes}
	}
	rows := p.newTable()
	rows.Apply(s)
	if snap := rows.Snapshot(); snap.Len() != len(s.Conns) || snap.NotShown() != 0 {
		t.Errorf("%d rows of %d, %d not shown", snap.Len(), len(s.Conns), snap.NotShown())
	}
}
