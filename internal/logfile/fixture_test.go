package logfile

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"tcptop/internal/column"
	"tcptop/internal/conn"
	"tcptop/internal/table"
	"tcptop/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

const deadline = 30 * time.Second

var began = time.Date(2026, 11, 25, 3, 0, 0, 0, time.UTC)

// host is two connections, of which the first moves each second.
type host struct {
	rows *table.Table
	n    int
	comm string
}

func newHost() *host { return &host{rows: table.New(table.Config{}), comm: "curl"} }

// tick is the next second.
func (h *host) tick() *table.Snapshot {
	s := &conn.Sample{Time: began.Add(time.Duration(h.n) * time.Second), Mono: int64(h.n+1) * int64(time.Second), Host: "h", Origin: conn.FromBPF}
	for i := range uint64(2) {
		c := conn.Conn{ID: conn.ID{Cookie: i + 1}, Has: conn.HasBytes, Proto: conn.TCP, State: conn.Established, TxBytes: uint64(h.n)}
		c.Owner = conn.Owner{PID: uint32(10 + i), Comm: conn.MakeName(h.comm)}
		if i == 0 || h.n == 0 {
			s.Conns = append(s.Conns, c)
		}
	}
	h.n++
	h.rows.Apply(s)
	return h.rows.Snapshot()
}

const fieldNames = "ts,conn,comm,tx_bytes"

// line is what the log says of one connection in tick n, in CSV.
func line(n, conn int) string {
	tx := n
	if conn == 2 {
		tx = 0
	}
	return fmt.Sprintf("%s,%d,curl,%d\n", began.Add(time.Duration(n)*time.Second).Format("2006-01-02T15:04:05.000Z"), conn, tx)
}

const header = fieldNames + "\n"

// both are the lines of ticks from to, both included.
func both(from, to int) string {
	var b strings.Builder
	for n := from; n <= to; n++ {
		b.WriteString(line(n, 1) + line(n, 2))
	}
	return b.String()
}

func config(t testing.TB, path string) Config {
	fields, err := column.New().Pick(fieldNames)
	if err != nil {
		t.Fatal(err)
	}
	return Config{Path: path, Fields: fields, Keep: 7,
		Choose: func(s *table.Snapshot) []*table.Row { return s.Query(nil, nil, 0) }}
}

func mustOpen(t testing.TB, cfg Config) *Log {
	t.Helper()
	l, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(context.Background(), time.Second) })
	return l
}

// put logs n ticks and waits until each is written or missing.
func (h *host) put(t testing.TB, l *Log, n int) {
	t.Helper()
	for range n {
		l.Put(h.tick())
		l.settle(t)
	}
}

func (l *Log) settle(t testing.TB) {
	t.Helper()
	testkit.Eventually(t, deadline, func() error {
		if n := l.rows.Load(); n != 0 {
			return fmt.Errorf("%d rows wait", n)
		}
		return nil
	})
}

// logged writes n ticks to a new file and returns it.
func logged(t testing.TB, path string, n int) []byte {
	t.Helper()
	l := mustOpen(t, config(t, path))
	newHost().put(t, l, n)
	l.Close(context.Background(), time.Second)
	return read(t, path)
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// text is what path holds as its readers see it.
func text(t testing.TB, path string) string {
	t.Helper()
	b := read(t, path)
	var r io.Reader = bytes.NewReader(b)
	switch filepath.Ext(path) {
	case ".gz":
		z, err := gzip.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		r = z
	case ".zst":
		z, err := zstd.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		r = z
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return string(b)
}

func want(t testing.TB, path, lines string) {
	t.Helper()
	if got := text(t, path); got != lines {
		t.Errorf("%s holds\n%s, want\n%s", filepath.Base(path), got, lines)
	}
}

func extensions() []string { return []string{"", ".gz", ".zst"} }

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// ended is a context that has ended.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
