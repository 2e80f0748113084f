package metric

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tcptop/internal/conn"
	"tcptop/internal/group"
	"tcptop/internal/table"
)

const second = int64(time.Second)

// host feeds a Board.
type host struct {
	board  *Board
	rows   *table.Table
	folder *group.Folder
	now    int64
}

func newHost(cfg group.Config) *host {
	return &host{board: NewBoard("1.2.3", nil), rows: table.New(table.Config{}), folder: group.New(cfg), now: 1000 * second}
}

// tick is the next second.
func (h *host) tick(s conn.Sample) {
	s.Time, s.Mono, s.Host, s.Origin = time.Unix(1_800_000_000, h.now-1000*second).UTC(), h.now, "web-1", conn.FromBPF
	h.now += second
	h.rows.Apply(&s)
	snap := h.rows.Snapshot()
	h.board.Put(h.folder.Fold(snap))
	snap.Release()
}

// out is a connection that opened since the tick before, to port 443 of 10.0.0.n.
func (h *host) out(cookie uint64, comm string, n byte, rx, tx uint64) conn.Conn {
	c := conn.Conn{ID: conn.ID{Cookie: cookie}, Has: conn.HasBytes | conn.HasPackets | conn.HasPath | conn.HasRaddr, Proto: conn.TCP, State: conn.Established,
		Dir: conn.Out, Lport: 40000, Rport: 443, NetNS: 1, RTT: 1500, RxBytes: rx, TxBytes: tx, RxPackets: rx / 10, TxPackets: tx / 10,
		RetransPackets: 3, Owner: conn.Owner{PID: 1, Comm: conn.MakeName(comm)}, Opened: h.now - 1,
		Place: &conn.Place{Unit: "app.service"}}
	c.Raddr[10], c.Raddr[11], c.Raddr[12], c.Raddr[15] = 0xff, 0xff, 10, n
	return c
}

// scrape is what a Prometheus gets.
func (h *host) scrape(t *testing.T, accept string) string {
	t.Helper()
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.Header.Set("Accept", accept)
	h.board.Handler().ServeHTTP(w, r)
	text, err := io.ReadAll(w.Body)
	if err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d %v\n%s", w.Code, err, text)
	}
	return string(text)
}

const (
	plain       = "text/plain;version=0.0.4"
	openMetrics = "application/openmetrics-text;version=1.0.0"
)

// wantLines fails unless text has each line.
func wantLines(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains("\n"+text, "\n"+line+"\n") {
			t.Errorf("no line %s in\n%s", line, text)
		}
	}
}

// series counts those of text.
func series(text string) (n int) {
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			n++
		}
	}
	return n
}

// busy is a host with everything that there is to tell, and a process that is up to no good.
func busy() *host {
	h := newHost(group.Config{})
	h.board.exports = func() []Export {
		return []Export{{Name: "clickhouse", Sent: 10, Retries: 1, Spooled: 2048, Oldest: time.Unix(1_700_000_000, 0), Dropped: []Dropped{{"spool_full", 5, 600}}}}
	}
	h.tick(conn.Sample{})
	conns := []conn.Conn{h.out(1, "nginx", 1, 100, 200), h.out(2, "\x1b[2J\"}\n\\", 2, 1, 2)}
	h.tick(conn.Sample{Conns: conns, Loss: conn.Loss{RingFull: 4},
		Cost:     conn.Cost{Mono: 1, CPU: 1_500_000_000, Resident: 4096, Maps: 8192, Timed: true},
		Programs: []conn.Program{{Name: "tt_sweep", Own: true, Runs: 7, Time: 2_000_000_000}}})
	h.board.view.Load().Read()
	for i := range conns {
		conns[i].TxBytes += 1000
		conns[i].TxPackets++
	}
	h.tick(conn.Sample{Conns: conns, Loss: conn.Loss{RingFull: 4}, Cost: conn.Cost{Mono: 1, CPU: 1_500_000_000, Resident: 4096, Maps: 8192},
		Programs: []conn.Program{{Name: "tt_sweep", Own: true, Runs: 7, Time: 2_000_000_000}}})
	return h
}

func named(i int) string { return fmt.Sprintf("x%d", i) }
