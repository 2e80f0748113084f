package fleet

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tcptop/internal/conn"
	"tcptop/internal/group"
	"tcptop/internal/metric"
	"tcptop/internal/table"
)

// simulated is an agent without a kernel: the real sums under the real names, of
// connections that are made up. It has a tick whenever it is asked, so that what it moves
// in a second is, as an engine knows it, what it moves in a tick by the time between two.
type simulated struct {
	name  string
	moves []move        // in each tick, by connection
	off   time.Duration // of its clock, to the right time

	mu     sync.Mutex
	rows   *table.Table
	folder *group.Folder
	board  *metric.Board
	serve  http.Handler
	ticks  int64
	at     map[int64]int64   // which tick had a time, in s
	before map[string]uint64 // bytes of a process' group when the first tick was told
	away   bool
}

// move is what one process moves.
type move struct {
	comm   string
	tx, rx uint64
}

func (m move) total() uint64 { return m.tx + m.rx }

// stride is the time between two ticks as a simulated host has it.
const stride = 15 * time.Second

func newSimulated(name string, moves []move) *simulated {
	s := &simulated{name: name, moves: moves}
	s.restart()
	return s
}

// restart begins anew, as an agent does that was ended and started.
func (s *simulated) restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows, s.folder, s.board = table.New(table.Config{MaxRows: 1000}), group.New(group.Config{}), metric.NewBoard("simulated", nil)
	s.serve, s.ticks = s.board.Handler(), 0
	s.at, s.before = map[int64]int64{}, map[string]uint64{}
	for range warm {
		for _, g := range s.tick(time.Unix(0, 0)).Groups {
			s.before[g.Key.Process] = g.Moved.RxBytes + g.Moved.TxBytes
		}
	}
	clear(s.at)
}

// warm is how many ticks give all places away: half of those that are free in each.
const warm = 12

// tick is the next one. In the first there is nothing, in the second nothing has moved.
func (s *simulated) tick(now time.Time) *group.View {
	mono := int64(time.Hour) + s.ticks*int64(stride)
	sample := conn.Sample{Time: now.Add(s.off), Mono: mono, Host: s.name, Origin: conn.FromBPF}
	times := max(s.ticks-1, 0)
	for i, m := range s.moves {
		if s.ticks == 0 {
			break
		}
		c := conn.Conn{ID: conn.ID{Cookie: uint64(i + 1)}, Has: conn.HasBytes | conn.HasPackets | conn.HasPath | conn.HasRaddr, Proto: conn.TCP, State: conn.Established,
			Dir: conn.Out, Lport: 40000, Rport: 443, NetNS: 1, RTT: 1500, TxBytes: m.tx * uint64(times), RxBytes: m.rx * uint64(times), TxPackets: uint64(times),
			Owner: conn.Owner{PID: 1, Comm: conn.MakeName(m.comm)}, Opened: int64(time.Hour) + 1, Place: &conn.Place{Unit: "app.service"}}
		c.Raddr[10], c.Raddr[11], c.Raddr[12], c.Raddr[15] = 0xff, 0xff, 10, 1
		sample.Conns = append(sample.Conns, c)
	}
	s.rows.Apply(&sample)
	snap := s.rows.Snapshot()
	view := s.folder.Fold(snap)
	snap.Release()
	if s.ticks < warm {
		view.Read()
	}
	s.board.Put(view)
	s.at[sample.Time.Unix()] = s.ticks
	s.ticks++
	return view
}

// ServeHTTP implements http.Handler.
func (s *simulated) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		panic(http.ErrAbortHandler)
	}
	s.tick(time.Now())
	s.serve.ServeHTTP(w, r)
}

// asked is how often it was.
func (s *simulated) asked() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ticks - warm
}

// told is what it had sent and received when it told a time, in s since 1970, and what the
// group of each process that has one had moved.
func (s *simulated) told(at int64) (tx, rx uint64, groups map[string]uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, known := s.at[at]
	if !known {
		return 0, 0, nil, fmt.Errorf("%s had no tick at %d", s.name, at)
	}
	groups = map[string]uint64{}
	for _, m := range s.moves {
		tx, rx = tx+m.tx*uint64(n-1), rx+m.rx*uint64(n-1)
		if before, has := s.before[m.comm]; has {
			groups[m.comm] = before + m.total()*uint64(n-warm+1)
		}
	}
	return tx, rx, groups, nil
}

// hostsAt has hosts answer at one address, each at a path of its own, and returns what a
// Prometheus is told to ask of them.
func hostsAt(t testing.TB, hosts []*simulated) (targets string) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/"), "/metrics"))
		if err != nil || n >= len(hosts) {
			http.NotFound(w, r)
			return
		}
		hosts[n].ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	var b strings.Builder
	for n, h := range hosts {
		fmt.Fprintf(&b, "  - {targets: ['%s'], labels: {instance: %s, __metrics_path__: /%d/metrics}}\n", strings.TrimPrefix(srv.URL, "http://"), h.name, n)
	}
	return b.String()
}
