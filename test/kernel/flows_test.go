package kernel

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sys/unix"

	"tcptop/internal/testkit"
	"tcptop/internal/testkit/truth"
)

// flowStore is an engine's side of agents that deliver flow records.
type flowStore struct {
	*httptest.Server
	mu   sync.Mutex
	seen map[string]bool // host, epoch and number of a record
	rows []sentRow
	down bool
}

// sentRow is what the tests look at of a record.
type sentRow struct {
	Host         string
	Epoch, Seq   uint64
	Kind, Reason string
	Comm         string
	Lport, Rport uint16
	Rx           uint64 `json:"rx_bytes"`
	Tx           uint64 `json:"tx_bytes"`
	Records      uint64
}

func newFlowStore(t *testing.T) *flowStore {
	s := &flowStore{seen: map[string]bool{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		lines, err := io.ReadAll(z)
		if err != nil {
			return // the agent was killed
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.down {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		for line := range bytes.Lines(lines) {
			var row sentRow
			if err := json.Unmarshal(line, &row); err != nil {
				t.Errorf("%v: %s", err, line)
			}
			if id := fmt.Sprint(row.Host, row.Epoch, "/", row.Seq); !s.seen[id] {
				s.seen[id] = true
				s.rows = append(s.rows, row)
			}
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *flowStore) be(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// sum is what the records that match have.
func (s *flowStore) sum(match func(*sentRow) bool) (rx, tx, n uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.rows {
		if r := &s.rows[i]; match(r) {
			rx, tx, n = rx+r.Rx, tx+r.Tx, n+1
		}
	}
	return rx, tx, n
}

// startFlows starts an agent that delivers to s.
func startFlows(t *testing.T, s *flowStore, spool string, args ...string) *child {
	t.Helper()
	c := startAs(t, nil, tcptop(t), append([]string{"agent", "--flows", "clickhouse+" + s.URL, "--flows-interval", "200ms", "--flows-top", "5000",
		"-d", "100ms", "--spool", spool}, args...)...)
	t.Cleanup(func() {
		if t.Failed() {
			_ = c.cmd.Process.Kill()
			_ = c.cmd.Wait()
			t.Logf("the agent says %s", &c.stderr)
		}
	})
	return c
}

func of(ends []truth.Record) (rx, tx uint64) {
	for _, end := range ends {
		rx, tx = rx+end.RxBytes, tx+end.TxBytes
	}
	return rx, tx
}

// delivered waits until records have what a process moved, at both ends.
func (s *flowStore) delivered(t *testing.T, comm string, rx, tx uint64) {
	t.Helper()
	testkit.Eventually(t, patience, func() error { // an agent asks an engine that was away every half a minute at least
		gotRx, gotTx, n := s.sum(func(r *sentRow) bool { return r.Comm == comm })
		if gotRx != rx || gotTx != tx {
			return fmt.Errorf("%s: %d records have %d and %d bytes, there were %d and %d", comm, n, gotRx, gotTx, rx, tx)
		}
		return nil
	})
}

// TestFlows has an agent deliver records of connections that come and go: of each process
// they have what it moved, to the byte, from a confined agent.
func TestFlows(t *testing.T) {
	testkit.Kernel(t)
	ns := testkit.NetNS(t)
	for _, sandbox := range []string{"auto", "strict"} {
		t.Run(sandbox, func(t *testing.T) {
			s, comm := newFlowStore(t), "flows-"+sandbox
			c := startFlows(t, s, filepath.Join(t.TempDir(), "spool"), "--sandbox", sandbox)
			testkit.Eventually(t, patience, func() error {
				if _, _, n := s.sum(func(*sentRow) bool { return true }); n == 0 {
					return errors.New("nothing is delivered")
				}
				return nil
			})
			load := testkit.Start(t, ns, "bulk", "-n", fmt.Sprint(testkit.Scaled(60)), "-max", "200000", "-hold", "-comm", comm)
			rx, tx := of(load.Ready())
			s.delivered(t, comm, rx, tx)
			load.Finish()
			c.endsInTime(c.signal(syscall.SIGTERM))
			if _, _, n := s.sum(func(r *sentRow) bool { return r.Kind == "end" && r.Comm == comm }); n == 0 {
				t.Error("no connection's end is told")
			}
			s.delivered(t, comm, rx, tx)
		})
	}
}

// spooled is how much an agent says that waits.
func spooled(t *testing.T, addr string) (n int) {
	t.Helper()
	r, err := http.Get("http://" + addr + "/metrics")
	must(t, err)
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	must(t, err)
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, `tcptop_export_spool_bytes{exporter="clickhouse"} `); found {
			f, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			must(t, err)
			return int(f)
		}
	}
	t.Fatalf("no size of the spool in %s", text)
	return 0
}

// TestFlowsKilled kills agents while their engine is away and their disk, a small one,
// fills: each begins with what the one before left, none stops measuring, and no record is
// there twice. What was told before a kill is there once the engine is back.
func TestFlowsKilled(t *testing.T) {
	testkit.Kernel(t)
	ns := testkit.NetNS(t)
	disk := t.TempDir()
	must(t, unix.Mount("tmpfs", disk, "tmpfs", 0, "size=1m,mode=700"))
	t.Cleanup(func() { _ = unix.Unmount(disk, unix.MNT_DETACH) })
	spool := filepath.Join(disk, "spool")
	s := newFlowStore(t)
	s.be(true)
	segments := func() (n int) {
		entries, _ := os.ReadDir(spool)
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".seg") {
				n++
			}
		}
		return n
	}
	waits := func(more int) {
		t.Helper()
		from := segments()
		testkit.Eventually(t, patience, func() error {
			if n := segments(); n < from+more {
				return fmt.Errorf("%d segments, %d before", n, from)
			}
			return nil
		})
	}

	for range 3 { // killed at work
		c := startFlows(t, s, spool)
		waits(3)
		must(t, c.cmd.Process.Kill())
		if err := <-c.left; err == nil {
			t.Error("it ended by itself")
		}
	}
	kept := segments()
	addr := freeAddr(t)
	c := startFlows(t, s, spool, "--listen", addr)
	waits(2)
	if err := os.WriteFile(filepath.Join(disk, "ballast"), make([]byte, 2<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("there is room: %v", err)
	}
	load := testkit.Start(t, ns, "bulk", "-n", fmt.Sprint(testkit.Scaled(20)), "-max", "100000", "-hold", "-comm", "flows-full")
	rx, tx := of(load.Ready())
	testkit.Eventually(t, patience, func() error { // files are whole blocks, what is in memory is not
		if n := spooled(t, addr); n%4096 == 0 {
			return fmt.Errorf("%d bytes wait, none in memory", n)
		}
		return nil
	})
	s.be(false)
	s.delivered(t, "flows-full", rx, tx)
	must(t, os.Remove(filepath.Join(disk, "ballast")))
	load.Finish()
	testkit.Eventually(t, patience, func() error {
		if n := segments(); n > 1 {
			return fmt.Errorf("%d segments wait", n)
		}
		return nil
	})
	c.endsInTime(c.signal(syscall.SIGTERM))
	if text := c.stderr.String(); !strings.Contains(text, "no space left on device; records wait in memory") {
		t.Errorf("it says %s", text)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	epochs, rests := map[uint64]bool{}, 0
	for i := range s.rows {
		r := &s.rows[i]
		epochs[r.Epoch] = true
		if r.Kind == "rest" && r.Reason == "" {
			rests++
		}
		if r.Reason != "" {
			t.Errorf("dropped: %+v", *r)
		}
	}
	if len(epochs) != 4 || rests < kept {
		t.Errorf("records of %d runs, of %d intervals; %d segments had waited", len(epochs), rests, kept)
	}
}
