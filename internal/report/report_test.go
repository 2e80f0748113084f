package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"tcptop/internal/conn"
	"tcptop/internal/report"
)

const second = int64(time.Second)

var start = time.Date(2026, 11, 25, 3, 0, 0, 0, time.UTC)

// tcp is a connection of comm to a remote port, opened at a second.
func tcp(cookie uint64, comm, raddr string, rport uint16, opened int64, rx, tx uint64) conn.Conn {
	return conn.Conn{
		ID: conn.ID{Cookie: cookie}, Proto: conn.TCP, State: conn.Established, Dir: conn.Out, Has: conn.HasBytes | conn.HasRaddr,
		Raddr: conn.AddrFrom(netip.MustParseAddr(raddr)), Rport: rport, Lport: 40000 + uint16(cookie), Opened: opened * second,
		Owner: conn.Owner{PID: 1, Comm: conn.MakeName(comm)}, RxBytes: rx, TxBytes: tx, RTT: 1000 * uint32(cookie),
	}
}

func at(second1 int64, conns ...conn.Conn) *conn.Sample {
	return &conn.Sample{Time: start.Add(time.Duration(second1) * time.Second), Mono: second1 * second, Host: "h", Conns: conns}
}

func ended(c conn.Conn, state conn.State, why conn.CloseReason) conn.Conn {
	c.State, c.Reason = state, why
	return c
}

// life is a connection from before, one that opens and closes, one between two ticks and
// one that is refused; then a gap in which one ends and one moves.
func life() []*conn.Sample {
	first := at(100, tcp(1, "old", "192.0.2.1", 443, 50, 1000, 1000))
	first.Reset = true
	second := at(101, tcp(1, "old", "192.0.2.1", 443, 50, 1500, 1010), tcp(2, "new", "192.0.2.2", 80, 101, 70, 7))
	second.Conns[1].RetransBytes, second.Conns[1].RetransPackets = 1448, 1
	second.Closed = []conn.Conn{
		ended(tcp(3, "=evil\x1b[2J", "192.0.2.2", 80, 101, 5, 5), conn.Closed, conn.FinLocal),
		ended(tcp(4, "new", "192.0.2.3", 81, 101, 0, 0), conn.SynSent, conn.Refused),
	}
	second.Loss.RingFull = 2
	third := at(102, tcp(5, "late", "2001:db8::1", 443, 102, 1, 1))
	third.Closed = []conn.Conn{ended(tcp(2, "new", "192.0.2.2", 80, 101, 100, 10), conn.Closed, conn.FinLocal)}
	third.Loss = second.Loss
	gap := at(200, tcp(1, "old", "192.0.2.1", 443, 50, 9000, 1010))
	gap.Reset = true
	gap.Loss = conn.Loss{RingFull: 3}
	return []*conn.Sample{first, second, third, gap, at(201)}
}

func sum(kinds ...string) *report.Sum {
	s := report.New(kinds)
	for _, x := range life() {
		s.Add(x)
	}
	return s
}

func TestSum(t *testing.T) {
	s := sum("process", "port")
	want := []report.Talker{
		{Kind: "process", Name: "old", RxBytes: 8000, TxBytes: 10, MaxRTT: 1000},
		{Kind: "process", Name: "new", RxBytes: 100, TxBytes: 10, Opened: 2, Closed: 2, Failed: 1, MaxRTT: 4000, RetransPackets: 1, RetransBytes: 1448},
		{Kind: "process", Name: "=evil\x1b[2J", RxBytes: 5, TxBytes: 5, Opened: 1, Closed: 1, MaxRTT: 3000},
		{Kind: "process", Name: "late", RxBytes: 1, TxBytes: 1, Opened: 1, MaxRTT: 5000},
		{Kind: "port", Name: "tcp/443", RxBytes: 8001, TxBytes: 11, Opened: 1, MaxRTT: 5000},
		{Kind: "port", Name: "tcp/80", RxBytes: 105, TxBytes: 15, Opened: 2, Closed: 2, MaxRTT: 3000, RetransPackets: 1, RetransBytes: 1448},
		{Kind: "port", Name: "tcp/81", Opened: 1, Closed: 1, Failed: 1, MaxRTT: 4000},
	}
	if diff := cmp.Diff(want, s.Talkers(0)); diff != "" {
		t.Errorf("talkers (-want +got):\n%s", diff)
	}
	if got := s.Talkers(1); len(got) != 2 || got[0].Name != "old" || got[1].Name != "tcp/443" {
		t.Errorf("the first of each kind: %v", got)
	}
	if got := s.Lost(); got != (conn.Loss{RingFull: 3}) {
		t.Errorf("lost %+v", got)
	}
}

// TestRestart has cookies used again after the host was started anew.
func TestRestart(t *testing.T) {
	s := report.New([]string{"process"})
	s.Add(at(1000, tcp(1, "a", "192.0.2.1", 80, 900, 10, 10)))
	again := at(20, tcp(1, "a", "192.0.2.1", 80, 10, 5000, 5000))
	again.Reset = true
	s.Add(again)
	s.Add(at(21, tcp(1, "a", "192.0.2.1", 80, 10, 5001, 5000)))
	if got := s.Talkers(0); got[0].RxBytes != 1 || got[0].TxBytes != 0 {
		t.Errorf("%+v, want one byte", got[0])
	}
}

// TestNoRow has connections that there was no room for: one is told of when it ends, whole, for it began
// after the first tick; some ended without a word but for their owner's and remote's sums; some stay open;
// datagrams had no flow.
func TestNoRow(t *testing.T) {
	s := report.New([]string{"process", "remote", "port"})
	first := at(100)
	first.Totals = []conn.OwnerTotal{{PID: 9, Comm: conn.MakeName("lost"), Conns: 5, RxBytes: 500, TxBytes: 50}}
	s.Add(first)
	second := at(110)
	second.Closed = []conn.Conn{
		ended(tcp(1, "late", "192.0.2.1", 443, 101, 700, 70), conn.Closed, conn.FinLocal),
		ended(tcp(2, "old", "192.0.2.1", 443, 99, 9000, 900), conn.Closed, conn.FinLocal),
	}
	second.Totals = []conn.OwnerTotal{
		{PID: 9, Comm: conn.MakeName("lost"), Conns: 7, RxBytes: 520, TxBytes: 52, Open: 3, OpenRx: 11},
		{PID: 9, Comm: conn.MakeName("lost"), Raddr: conn.AddrFrom(netip.MustParseAddr("192.0.2.7")), Conns: 1, RxBytes: 8, Open: 1, OpenTx: 4},
		{PID: 53, Comm: conn.MakeName("dns"), Proto: conn.UDP, Raddr: conn.AddrFrom(netip.MustParseAddr("192.0.2.8")), Datagrams: 2, RxBytes: 6, TxBytes: 5},
	}
	s.Add(second)
	s.Add(&conn.Sample{Time: second.Time, Mono: second.Mono + 1, Host: "h", Totals: second.Totals})
	anew := second.Totals[2]
	anew.Datagrams, anew.RxBytes, anew.TxBytes = 1, 3, 0 // by another recorder
	s.Add(&conn.Sample{Time: second.Time, Mono: second.Mono + 2, Host: "h", Totals: append(second.Totals[:2:2], anew)})
	want := []report.Talker{
		{Kind: "process", Name: "late", RxBytes: 700, TxBytes: 70, Opened: 1, Closed: 1, MaxRTT: 1000},
		{Kind: "process", Name: "lost", RxBytes: 28, TxBytes: 2, Closed: 3},
		{Kind: "process", Name: "dns", RxBytes: 9, TxBytes: 5},
		{Kind: "process", Name: "old", Closed: 1, MaxRTT: 2000},
		{Kind: "remote", Name: "192.0.2.1", RxBytes: 700, TxBytes: 70, Opened: 1, Closed: 2, MaxRTT: 2000},
		{Kind: "remote", Name: "", RxBytes: 20, TxBytes: 2, Closed: 2},
		{Kind: "remote", Name: "192.0.2.8", RxBytes: 9, TxBytes: 5},
		{Kind: "remote", Name: "192.0.2.7", RxBytes: 8, Closed: 1},
		{Kind: "port", Name: "tcp/443", RxBytes: 700, TxBytes: 70, Opened: 1, Closed: 2, MaxRTT: 2000},
		{Kind: "port", Name: "", RxBytes: 37, TxBytes: 7, Closed: 3},
	}
	if diff := cmp.Diff(want, s.Talkers(0)); diff != "" {
		t.Errorf("talkers (-want +got):\n%s", diff)
	}
	if open := conn.ByOwner(s.Open()); len(open) != 1 || open[0].Open != 4 || open[0].OpenRx != 11 || open[0].OpenTx != 4 {
		t.Errorf("open without a row: %+v", open)
	}
}

func TestBound(t *testing.T) {
	s := report.New([]string{"remote"})
	s.Base(at(1))
	for i := range uint64(1<<17 + 10) {
		a := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		s.Add(at(2+int64(i), tcp(i+1, "scan", a.String(), 80, 2+int64(i), 1, 1)))
	}
	all := s.Talkers(0)
	if len(all) != 1<<17+1 || all[0].Name != report.Others || all[0].RxBytes != 10 {
		t.Errorf("%d talkers, the first %+v", len(all), all[0])
	}
}

var frame = report.Frame{Host: "h", From: start, To: start.Add(time.Minute)}

func write(t *testing.T, format string) []byte {
	t.Helper()
	var b bytes.Buffer
	style := report.Style{Bytes: func(n uint64) string { return strconv.FormatUint(n, 10) }, Local: time.UTC}
	if err := report.Write(&b, format, frame, sum("process").Talkers(0), style); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestText(t *testing.T) {
	const want = `h  2026-11-25 03:00:00 to 2026-11-25 03:01:00

process                                        rx        tx   opened   closed   failed   max rtt   retrans
old                                          8000        10        0        0        0    1.0 ms         0
new                                           100        10        2        2        1    4.0 ms      1448
=evil\x1b[2J                                    5         5        1        1        0    3.0 ms         0
late                                            1         1        1        0        0    5.0 ms         0
`
	if diff := cmp.Diff(want, string(write(t, report.Text))); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
}

func TestCSVAndJSON(t *testing.T) {
	rows, err := csv.NewReader(bytes.NewReader(write(t, report.CSV))).ReadAll()
	if err != nil || len(rows) != 5 {
		t.Fatalf("%d rows of CSV: %v", len(rows), err)
	}
	if got := rows[3][4]; got != `'=evil\x1b[2J` {
		t.Errorf("a hostile name in CSV: %q", got)
	}
	dec := json.NewDecoder(bytes.NewReader(write(t, report.JSONL)))
	for i := 1; dec.More(); i++ {
		var line map[string]any
		if err := dec.Decode(&line); err != nil {
			t.Fatal(err)
		}
		for k, name := range rows[0] {
			got := line[name]
			if n, ok := got.(float64); ok {
				got = strconv.FormatUint(uint64(n), 10)
			}
			if got != rows[i][k] && name != "name" {
				t.Errorf("%s of row %d: %v in JSON, %s in CSV", name, i, got, rows[i][k])
			}
		}
	}
}

func TestParquet(t *testing.T) {
	b := write(t, report.Parquet)
	type row struct {
		From    time.Time `parquet:"from"`
		Host    string    `parquet:"host"`
		Name    *string   `parquet:"name"`
		RxBytes uint64    `parquet:"rx_bytes"`
		MaxRTT  *uint32   `parquet:"max_rtt_us"`
	}
	rows, err := parquet.Read[row](bytes.NewReader(b), int64(len(b)))
	if err != nil || len(rows) != 4 {
		t.Fatalf("%d rows: %v", len(rows), err)
	}
	if r := rows[0]; !r.From.Equal(start) || r.Host != "h" || *r.Name != "old" || r.RxBytes != 8000 || *r.MaxRTT != 1000 {
		t.Errorf("the first row: %+v", r)
	}
}
