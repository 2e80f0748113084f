package fleet

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/protobuf/proto"

	"tcptop/internal/spool"
	"tcptop/internal/testkit"
)

// sink is what stands behind a collector.
type sink struct {
	*httptest.Server
	mu    sync.Mutex
	down  bool
	seen  map[string]bool
	twice int
	sums  map[string]uint64 // bytes received, by host
}

func newSink(t *testing.T) *sink {
	s := &sink{down: true, seen: map[string]bool{}, sums: map[string]uint64{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body io.Reader = r.Body
		if r.Header.Get("Content-Encoding") == "gzip" {
			z, err := gzip.NewReader(r.Body)
			if err != nil {
				return // whoever sent it was killed
			}
			body = z
		}
		b, err := io.ReadAll(body)
		if err != nil {
			return
		}
		var all collectorpb.ExportLogsServiceRequest
		if err := proto.Unmarshal(b, &all); err != nil {
			t.Error(err)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.down {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		s.take(&all)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *sink) take(all *collectorpb.ExportLogsServiceRequest) {
	for _, r := range all.ResourceLogs {
		host := attribute(r.Resource.Attributes, "host.name").GetStringValue()
		for _, scope := range r.ScopeLogs {
			for _, record := range scope.LogRecords {
				id := fmt.Sprint(host, attribute(record.Attributes, "tcptop.epoch").GetIntValue(), "/", attribute(record.Attributes, "tcptop.seq").GetIntValue())
				if s.seen[id] {
					s.twice++
					continue
				}
				s.seen[id] = true
				s.sums[host] += uint64(attribute(record.Attributes, "tcptop.rx_bytes").GetIntValue())
			}
		}
	}
}

func attribute(all []*commonpb.KeyValue, key string) *commonpb.AnyValue {
	for _, a := range all {
		if a.Key == key {
			return a.Value
		}
	}
	return nil
}

// collector is an OpenTelemetry Collector that passes logs on to s, from a queue on disk.
func collector(t *testing.T, s *sink) *engine {
	t.Helper()
	dir, addr := t.TempDir(), "127.0.0.1:"+freePort(t)
	program := filepath.Join(dir, "otelcol")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir = "otelcol"
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	config := filepath.Join(dir, "config.yaml")
	text := fmt.Sprintf(`
extensions:
  file_storage: {directory: %s/queue, create_directory: true}
receivers:
  otlp: {protocols: {http: {endpoint: %q}}}
exporters:
  otlp_http:
    endpoint: %s
    sending_queue: {enabled: true, storage: file_storage, queue_size: 1000}
    retry_on_failure: {enabled: true, initial_interval: 100ms, max_interval: 1s, max_elapsed_time: 0s}
service:
  extensions: [file_storage]
  telemetry: {metrics: {level: none}}
  pipelines:
    logs: {receivers: [otlp], exporters: [otlp_http]}
`, dir, addr, s.URL)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	e := &engine{t: t, args: []string{program, "--config", config}, addr: addr, ready: func() error {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			err = c.Close()
		}
		return err
	}}
	t.Cleanup(e.kill)
	return e
}

// TestCollector has agents deliver to a collector that is killed while what stands behind it
// is away: nothing that the collector has said that it has is lost, and what it had not
// comes again.
func TestCollector(t *testing.T) {
	if testing.Short() {
		t.Skip("the collector is built first, which takes minutes")
	}
	s := newSink(t)
	e := collector(t, s)
	e.start()
	var agents []*agent
	for n := range 3 {
		agents = append(agents, newAgent(t, fmt.Sprintf("host-%d", n), "otlp+http://"+e.addr, spool.Config{}))
	}
	for range 3 {
		for range 10 {
			for _, a := range agents {
				a.shipper.Put(a.host.Interval())
			}
			time.Sleep(time.Duration(rand.IntN(200)) * time.Millisecond)
		}
		e.kill()
		time.Sleep(time.Duration(rand.IntN(1000)) * time.Millisecond)
		e.start()
	}
	s.mu.Lock()
	s.down = false
	s.mu.Unlock()
	for _, a := range agents {
		a.delivered(t)
		a.shipper.Put(a.host.Interval())
		a.delivered(t)
		a.shipper.Close(10 * time.Second)
	}
	testkit.Eventually(t, time.Minute, func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, a := range agents {
			if got, want := s.sums[a.host.Name], a.host.Truth.RxBytes; got != want {
				return fmt.Errorf("%s: %d bytes arrived, there were %d", a.host.Name, got, want)
			}
		}
		return nil
	})
	t.Logf("%d records came twice", s.twice)
}
