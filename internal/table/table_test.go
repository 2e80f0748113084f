package table_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

const second = int64(time.Second)

// start is the monotonic time of the first sample of most tests.
const start = 1000 * second

var wall = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// at is a sample n seconds after start.
func at(seconds float64, conns ...conn.Conn) *conn.Sample {
	d := time.Duration(seconds * float64(time.Second))
	return &conn.Sample{Time: wall.Add(d), Mono: start + int64(d), Host: "h", Origin: conn.FromBPF, Conns: conns}
}

func tcp(cookie, rx, tx uint64) conn.Conn {
	return conn.Conn{
		ID: conn.ID{Cookie: cookie}, Has: conn.HasBytes, Proto: conn.TCP, State: conn.Established,
		Lport: 80, Rport: 1234, RxBytes: rx, TxBytes: tx,
	}
}

func opened(c conn.Conn, seconds float64) conn.Conn {
	c.Opened = start + int64(seconds*float64(second))
	return c
}

func closing(s *conn.Sample, conns ...conn.Conn) *conn.Sample {
	s.Closed = conns
	return s
}

// line is what most tests look at in a row.
type line struct {
	Cookie         uint64
	Event          conn.Event
	State          conn.State
	Moved          bool
	Rx, Tx         uint64
	RxRate, TxRate uint64
}

func lines(s *table.Snapshot) []line {
	var all []line
	for r := range s.Rows() {
		all = append(all, line{r.ID.Cookie, r.Event, r.State, r.Moved, r.RxBytes, r.TxBytes, r.RxRate, r.TxRate})
	}
	return all
}

func rows(s *table.Snapshot) []table.Row {
	var all []table.Row
	for r := range s.Rows() {
		all = append(all, *r)
	}
	return all
}

// want applies s and compares every row.
func want(t *testing.T, tab *table.Table, s *conn.Sample, rows ...line) *table.Snapshot {
	t.Helper()
	tab.Apply(s)
	snap := tab.Snapshot()
	if diff := cmp.Diff(rows, lines(snap)); diff != "" {
		t.Errorf("rows at %v (-want +got):\n%s", time.Duration(s.Mono-start), diff)
	}
	if snap.Len() != len(rows) {
		t.Errorf("Len = %d, want %d", snap.Len(), len(rows))
	}
	return snap
}

func TestHeaderIsTheSamples(t *testing.T) {
	tab := table.New(table.Config{})
	tab.Apply(at(0))
	tab.Apply(at(2))
	s := tab.Snapshot()
	if !s.Time.Equal(wall.Add(2*time.Second)) || s.Mono != start+2*second || s.Elapsed != 2*time.Second ||
		s.First || s.Host != "h" || s.Origin != conn.FromBPF {
		t.Errorf("snapshot = %+v", s)
	}
}

func TestEmptyTable(t *testing.T) {
	s := table.New(table.Config{}).Snapshot()
	if s.Len() != 0 || lines(s) != nil || s.Query(nil, nil, 0) != nil {
		t.Errorf("snapshot of an empty table has rows: %v", lines(s))
	}
	s.Release()
	new(table.Snapshot).Release()
}

func TestDeterminism(t *testing.T) {
	run := func() [][]table.Row {
		rng := rand.New(rand.NewPCG(1, 2))
		tab := table.New(table.Config{MaxRows: 300})
		var ticks [][]table.Row
		for n := range 60 {
			tab.Apply(churn(rng, n))
			s := tab.Snapshot()
			ticks = append(ticks, rows(s))
			if n%3 != 0 {
				s.Release()
			}
		}
		return ticks
	}
	once, again := run(), run()
	for n := range once {
		if !slices.Equal(once[n], again[n]) {
			t.Fatalf("tick %d: the same samples gave different rows:\n%s", n, cmp.Diff(once[n], again[n]))
		}
	}
}

// churn is a random tick of a host with connections and flows coming and going.
// Every seventh takes no time.
func churn(rng *rand.Rand, n int) *conn.Sample {
	s := at(float64(n - n/7))
	for range 80 {
		c := tcp(1+rng.Uint64N(400), rng.Uint64N(1e6)*uint64(n), rng.Uint64N(1e6)*uint64(n))
		if c.ID.Cookie%3 == 0 {
			c.Proto, c.State = conn.UDP, 0
		}
		if rng.IntN(2) == 0 {
			c.Opened = s.Mono - 1
		}
		switch rng.IntN(6) {
		case 0:
			s.Closed = append(s.Closed, c)
		case 1:
			s.Gone = append(s.Gone, c.ID)
		default:
			s.Conns = append(s.Conns, c)
		}
	}
	return s
}

// TestReset starts over in the middle, as a recording does after a gap; the clock may
// go back with it.
func TestReset(t *testing.T) {
	tb := table.New(table.Config{})
	tb.Apply(at(0, tcp(1, 10, 10), tcp(2, 20, 20)))
	tb.Apply(at(1, tcp(1, 1010, 10)))
	before := tb.Snapshot()
	again := at(-100, tcp(2, 5000, 20), tcp(3, 1, 1))
	again.Reset = true
	tb.Apply(again)
	after := tb.Snapshot()
	if diff := cmp.Diff([]line{
		{Cookie: 2, State: conn.Established, Rx: 5000, Tx: 20},
		{Cookie: 3, State: conn.Established, Rx: 1, Tx: 1},
	}, lines(after)); diff != "" || !after.First || after.Len() != 2 {
		t.Errorf("after the reset (-want +got):\n%s", diff)
	}
	tb.Apply(at(-99, tcp(3, 101, 1)))
	if got := lines(tb.Snapshot())[1]; got.RxRate != 100 {
		t.Errorf("a second later: %+v", got)
	}
	if got := lines(before); len(got) != 2 || got[0].RxRate != 1000 {
		t.Errorf("the snapshot from before changed: %+v", got)
	}
}
