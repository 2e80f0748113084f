package flow_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tcptop/internal/conn"
	"tcptop/internal/flow"
	"tcptop/internal/table"
	"tcptop/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

const second = int64(time.Second)

// host feeds a table and a Folder with the same ticks.
type host struct {
	rows   *table.Table
	folder *flow.Folder
	now    int64 // ns after the first tick
}

func newHost(cfg flow.Config) *host {
	return &host{rows: table.New(table.Config{}), folder: flow.New(cfg)}
}

// start is the monotonic clock of the first tick.
const start = 1000 * second

// tick is the next second; it returns what the Folder has of it.
func (h *host) tick(s conn.Sample, end bool) []flow.Record {
	s.Time, s.Mono, s.Host, s.Origin = noon.Add(time.Duration(h.now)), start+h.now, "web-1", conn.FromBPF
	h.now += second
	h.rows.Apply(&s)
	snap := h.rows.Snapshot()
	defer snap.Release()
	return h.folder.Fold(snap, end)
}

// tcp is a connection older than the agent.
func tcp(cookie, rx, tx uint64) conn.Conn {
	return conn.Conn{ID: conn.ID{Cookie: cookie}, Has: conn.HasBytes | conn.HasPackets | conn.HasPath | conn.HasRaddr, Proto: conn.TCP, State: conn.Established,
		Dir: conn.Out, Lport: 40000, Rport: 443, NetNS: 1, RxBytes: rx, TxBytes: tx, RxPackets: rx / 10, TxPackets: tx / 10}
}

// young is one that opened so many seconds after the first tick.
func young(c conn.Conn, after int64) conn.Conn {
	c.Opened = start + after*second - 1
	return c
}

// line is what a test compares of a record.
type line struct {
	Kind   flow.Kind
	Cookie uint64
	Conns  uint64
	Rx, Tx uint64
}

func lines(records []flow.Record) (all []line) {
	for i := range records {
		r := &records[i]
		conns := r.Conns
		if r.Kind != flow.Rest {
			conns = 1
		}
		all = append(all, line{r.Kind, r.Row.ID.Cookie, conns, r.Moved.RxBytes, r.Moved.TxBytes})
	}
	return all
}

func TestInterval(t *testing.T) {
	h := newHost(flow.Config{Interval: 3 * time.Second, Top: 2})
	var got []flow.Record
	for _, s := range []conn.Sample{
		{Conns: []conn.Conn{tcp(1, 1000, 0), tcp(2, 500, 500)}},
		{Conns: []conn.Conn{tcp(1, 1010, 0), young(tcp(3, 7, 7), 1)}},
		{Conns: []conn.Conn{tcp(2, 500, 600), tcp(4, 99, 99)}, Closed: []conn.Conn{young(tcp(3, 8, 7), 1)}},
		{Conns: []conn.Conn{tcp(1, 1013, 2), tcp(4, 100, 99)}},
	} {
		if got != nil {
			t.Fatal("records before the interval's end")
		}
		got = h.tick(s, false)
	}
	want := []line{{flow.Update, 2, 1, 0, 100}, {flow.Update, 1, 1, 13, 2}, {flow.End, 3, 1, 8, 7}, {flow.Rest, 0, 1, 1, 0}}
	if diff := cmp.Diff(want, lines(got)); diff != "" {
		t.Error(diff)
	}
	for i := range got {
		if r := &got[i]; r.Interval != 3*time.Second || r.Time() != noon.Add(3*time.Second) || r.Host() != "web-1" {
			t.Errorf("record %d: %v at %v of %q", i, r.Interval, r.Time(), r.Host())
		}
	}
	want = []line{{flow.Rest, 0, 0, 0, 0}}
	if diff := cmp.Diff(want, lines(h.tick(conn.Sample{}, true))); diff != "" {
		t.Error("an end without news:", diff)
	}
}

// What never had a row is in the rest, and a table that starts over tells nothing twice.
func TestLostAndReset(t *testing.T) {
	h := newHost(flow.Config{Interval: time.Second})
	total := func(conns, rx, tx uint64) []conn.OwnerTotal {
		return []conn.OwnerTotal{{PID: 1, Conns: conns, RxBytes: rx, TxBytes: tx}, {PID: 2, Conns: 1}}
	}
	h.tick(conn.Sample{Totals: total(1, 10, 10), Conns: []conn.Conn{tcp(1, 5, 5)}}, false)
	want := []line{{flow.Update, 1, 1, 1, 0}, {flow.Rest, 0, 2, 20, 30}}
	if diff := cmp.Diff(want, lines(h.tick(conn.Sample{Totals: total(3, 30, 40), Conns: []conn.Conn{tcp(1, 6, 5)}}, false))); diff != "" {
		t.Error(diff)
	}
	h.tick(conn.Sample{Reset: true, Totals: total(3, 30, 40), Conns: []conn.Conn{tcp(1, 9, 5)}}, false)
	want = []line{{flow.Update, 1, 1, 1, 0}, {flow.Rest, 0, 0, 0, 0}}
	if diff := cmp.Diff(want, lines(h.tick(conn.Sample{Totals: total(3, 30, 40), Conns: []conn.Conn{tcp(1, 10, 5)}}, false))); diff != "" {
		t.Error(diff)
	}
}

// A UDP flow that fell idle ends, and is told of again when it moves.
func TestIdleFlow(t *testing.T) {
	h := newHost(flow.Config{Interval: time.Second})
	udp := func(rx uint64) conn.Conn {
		c := young(tcp(1, rx, 0), 1)
		c.Proto, c.State, c.LastActive = conn.UDP, 0, start+h.now
		return c
	}
	h.tick(conn.Sample{}, false)
	all := lines(h.tick(conn.Sample{Conns: []conn.Conn{udp(10)}}, false))
	for range 6 {
		all = append(all, lines(h.tick(conn.Sample{}, false))...)
	}
	all = append(all, lines(h.tick(conn.Sample{Conns: []conn.Conn{udp(15)}}, false))...)
	all = slices.DeleteFunc(all, func(l line) bool { return l.Kind == flow.Rest })
	want := []line{{flow.Update, 1, 1, 10, 0}, {flow.End, 1, 1, 0, 0}, {flow.Update, 1, 1, 5, 0}}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Error(diff)
	}
}

// crowd is a host's connections and what they moved since the first tick.
type crowd struct {
	random *rand.Rand
	open   []conn.Conn
	next   uint64
	truth  flow.Moved
	ended  uint64
}

// step moves some connections, opens some and closes some.
func (c *crowd) step(now int64) (s conn.Sample) {
	for range c.random.IntN(40) {
		c.next++
		c.open = append(c.open, young(tcp(c.next, 0, 0), now/second))
	}
	c.open = slices.DeleteFunc(c.open, func(o conn.Conn) bool {
		if c.random.IntN(8) != 0 {
			return false
		}
		c.move(&o)
		o.State = conn.Closed
		s.Closed = append(s.Closed, o)
		c.ended++
		return true
	})
	for i := range c.open {
		if o := &c.open[i]; c.random.IntN(3) == 0 {
			c.move(o)
			s.Conns = append(s.Conns, *o)
		}
	}
	return s
}

func (c *crowd) move(o *conn.Conn) {
	d := flow.Moved{RxBytes: c.random.Uint64N(1 << 40), TxBytes: c.random.Uint64N(1 << 20), RxPackets: c.random.Uint64N(1 << 20),
		TxPackets: c.random.Uint64N(1 << 20), RetransBytes: c.random.Uint64N(1 << 20), RetransPackets: c.random.Uint64N(1 << 10)}
	c.truth.Add(&d)
	o.RxBytes += d.RxBytes
	o.TxBytes += d.TxBytes
	o.RxPackets += d.RxPackets
	o.TxPackets += d.TxPackets
	o.RetransBytes += d.RetransBytes
	o.RetransPackets += uint32(d.RetransPackets)
}

// Whatever the bounds are, the records' sum is what moved, to the byte and the packet.
func TestSumIsExact(t *testing.T) {
	for seed := range uint64(20) {
		cfg := flow.Config{Interval: 10 * time.Second, Top: 1 + int(seed), Ends: 1 + int(seed)/2}
		h, c := newHost(cfg), &crowd{random: rand.New(rand.NewPCG(seed, 0))}
		first := conn.Sample{}
		for range 50 { // older than the agent, with a past that is not counted
			c.next++
			c.open = append(c.open, tcp(c.next, 1e9, 1e9))
		}
		first.Conns = c.open
		h.tick(first, false)
		var sum, ends flow.Moved
		var endConns uint64
		for n := range 95 {
			s := c.step(h.now)
			records := h.tick(s, n == 94)
			if records == nil {
				continue
			}
			if len(records) > cfg.Top+cfg.Ends+1 {
				t.Errorf("seed %d: %d records", seed, len(records))
			}
			for i := range records {
				sum.Add(&records[i].Moved)
				if records[i].Kind == flow.End {
					endConns++
					ends.Add(&records[i].Moved)
				}
			}
			if sum != c.truth {
				t.Fatalf("seed %d, second %d: the records have %+v, what moved is %+v", seed, n, sum, c.truth)
			}
		}
		if endConns == 0 || endConns >= c.ended || ends == (flow.Moved{}) {
			t.Errorf("seed %d: %d of %d ends have a record", seed, endConns, c.ended)
		}
	}
}

func BenchmarkFold(b *testing.B) {
	h := newHost(flow.Config{})
	first := conn.Sample{}
	for n := range uint64(100_000) {
		first.Conns = append(first.Conns, tcp(n+1, 1e9, 1e9))
	}
	h.tick(first, false)
	for b.Loop() {
		h.tick(conn.Sample{Conns: first.Conns[:1000]}, false)
	}
}
