package ship

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"tcptop/internal/column"
	"tcptop/internal/flow"
	"tcptop/internal/spool"
	"tcptop/internal/testkit"
	"tcptop/internal/testkit/records"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// server is a ClickHouse that does what a test wants of it.
type server struct {
	*httptest.Server
	t      *testing.T
	engine *records.Engine

	mu       sync.Mutex
	tokens   map[string]bool
	requests int
	doubles  int // inserts whose token it knew
	behave   func(s *server, w http.ResponseWriter, r *http.Request, lines []byte)
}

func newServer(t *testing.T, behave func(*server, http.ResponseWriter, *http.Request, []byte)) *server {
	s := &server{t: t, engine: records.NewEngine(), tokens: map[string]bool{}, behave: behave}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	z, err := gzip.NewReader(r.Body)
	if err != nil {
		s.t.Error(err)
		return
	}
	lines, err := io.ReadAll(z)
	if err != nil {
		s.t.Error(err)
		return
	}
	s.mu.Lock()
	s.requests++
	behave := s.behave
	s.mu.Unlock()
	behave(s, w, r, lines)
}

func (s *server) become(behave func(*server, http.ResponseWriter, *http.Request, []byte)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behave = behave
}

func (s *server) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// store is what an engine does that drops what it has already.
func store(s *server, _ http.ResponseWriter, r *http.Request, lines []byte) {
	token := r.URL.Query().Get("insert_deduplication_token")
	s.mu.Lock()
	known := s.tokens[token]
	s.tokens[token] = true
	if known {
		s.doubles++
	}
	s.mu.Unlock()
	if !known {
		s.engine.Insert(s.t, lines)
	}
}

func status(code int, h ...string) func(*server, http.ResponseWriter, *http.Request, []byte) {
	return func(_ *server, w http.ResponseWriter, _ *http.Request, _ []byte) {
		for i := 0; i < len(h); i += 2 {
			w.Header().Set(h[i], h[i+1])
		}
		w.WriteHeader(code)
		_, _ = fmt.Fprintln(w, "no")
	}
}

// cut ends the connection without an answer, or in the middle of one.
func cut(_ *server, w http.ResponseWriter, _ *http.Request, _ []byte) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = c.Close()
	}
}

func lostAck(s *server, w http.ResponseWriter, r *http.Request, lines []byte) {
	store(s, w, r, lines)
	cut(s, w, r, lines)
}

func truncated(s *server, w http.ResponseWriter, r *http.Request, lines []byte) {
	store(s, w, r, lines)
	w.Header().Set("Content-Length", "100")
	_, _ = w.Write([]byte("half"))
}

func hang(_ *server, _ http.ResponseWriter, r *http.Request, _ []byte) { <-r.Context().Done() }

// refuseMany takes no more than two lines at once.
func refuseMany(s *server, w http.ResponseWriter, r *http.Request, lines []byte) {
	if strings.Count(string(lines), "\n") > 2 {
		status(413)(s, w, r, lines)
		return
	}
	store(s, w, r, lines)
}

// hasty is a backoff for tests.
func hasty() backoff {
	return backoff{least: time.Millisecond, most: 10 * time.Millisecond, timeout: 250 * time.Millisecond, random: rand.Int64N}
}

func newSpool(t *testing.T, cfg spool.Config) *spool.Spool {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir() + "/spool"
	}
	cfg.Host, cfg.Epoch, cfg.Schema = "web-1", 1e18, flow.NewSchema(column.New())
	s, err := spool.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// shipper delivers what sp has to a server.
func shipper(t *testing.T, url string, sp *spool.Spool) *Shipper {
	t.Helper()
	s := idle(t, url, sp)
	s.begin()
	return s
}

// idle is one that has not begun: as one whose disk takes nothing.
func idle(t *testing.T, url string, sp *spool.Spool) *Shipper {
	t.Helper()
	target, err := ParseTarget("clickhouse+" + url)
	if err != nil {
		t.Fatal(err)
	}
	transport, err := NewTransport(TLS{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return newShipper(Config{Target: target, Spool: sp, Interval: 8 * time.Millisecond, Client: NewClient(transport), Version: "test",
		Headers: http.Header{"Authorization": {"Bearer s3cret"}}}, hasty())
}

// delivered waits until the spool is empty.
func (s *Shipper) delivered(t *testing.T) {
	t.Helper()
	testkit.Eventually(t, 30*time.Second, func() error {
		if st := s.Stats(); st.Spool.Segments+st.Queued > 0 {
			return fmt.Errorf("%d segments wait: %w", st.Spool.Segments, errors.Join(errString("the last answer"), st.Err))
		}
		return nil
	})
}

// put has n intervals written, one after the other.
func (s *Shipper) put(t *testing.T, h *records.Host, n int) {
	t.Helper()
	written := func() error {
		if n := s.Stats().Queued; n > 0 {
			return fmt.Errorf("%d intervals wait for the disk", n)
		}
		return nil
	}
	for range n {
		testkit.Eventually(t, 10*time.Second, written)
		s.Put(h.Interval())
		testkit.Eventually(t, 10*time.Second, written)
	}
}

// asked waits until the server has had so many requests.
func (s *server) asked(t *testing.T, n int) {
	t.Helper()
	testkit.Eventually(t, 10*time.Second, func() error {
		if got := s.count(); got < n {
			return fmt.Errorf("%d requests", got)
		}
		return nil
	})
}
