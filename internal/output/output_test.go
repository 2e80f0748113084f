package output

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"tcptop/internal/column"
	"tcptop/internal/table"
	"tcptop/internal/testkit"
)

// printed writes all ticks of the fixture.
func printed(t testing.TB, cfg Config, fields string) []byte {
	t.Helper()
	list := column.New()
	if fields != "" {
		var err error
		if cfg.Fields, err = list.Pick(fields); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	w, err := New(&b, list, cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range ticks() {
		if err := w.Write(s, rowsOf(s)); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func TestGolden(t *testing.T) {
	east := time.FixedZone("", 3600)
	for name, c := range map[string]struct {
		cfg    Config
		fields string
	}{
		"text":         {Config{Format: Text}, ""},
		"text-bits":    {Config{Format: Text, Style: column.Style{Bits: true, ASCII: true}, Local: east}, ""},
		"text-fields":  {Config{Format: Text}, "raddr,rport,opened,age_ms,rate,user,partial"},
		"csv":          {Config{Format: CSV}, ""},
		"csv-fields":   {Config{Format: CSV}, "ts,comm,partial,rtt"},
		"jsonl":        {Config{Format: JSONL}, ""},
		"jsonl-fields": {Config{Format: JSONL}, "comm,ts,partial,rx_rate"},
	} {
		t.Run(name, func(t *testing.T) {
			testkit.Golden(t, "testdata/"+name+".golden", printed(t, c.cfg, c.fields))
		})
	}
}

func TestNoControlByteInAnyFormat(t *testing.T) {
	for _, format := range Formats() {
		out := string(printed(t, Config{Format: format}, ""))
		for _, r := range out {
			if r != '\n' && !printable(r, 2) || r == '\ufffd' && format != JSONL {
				t.Errorf("%s: output has %U", format, r)
			}
		}
		for _, line := range strings.SplitAfter(strings.TrimSuffix(out, "\n"), "\n") {
			if strings.TrimSpace(line) == "" {
				t.Errorf("%s: empty line", format)
			}
		}
	}
}

func TestCSVParsesBack(t *testing.T) {
	records, err := csv.NewReader(bytes.NewReader(printed(t, Config{Format: CSV}, "comm,rport,raddr,state,rx_rate"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(records[0], " "); got != "comm rport raddr state rx_rate" {
		t.Errorf("header is %q", got)
	}
	comms := make(map[string]string)
	for _, r := range records[1:] {
		if r[2] == "10.0.0.2" {
			comms[r[1]] = r[0]
		}
	}
	for port, want := range map[string]string{
		"1000": `\x1b[2J\x1b]0;x\x07`, "1001": `a\x0ab\x0d\x09c`, "1002": `x,"y";z\`, "1003": `\xff\xfe\xc3(`,
		"1004": "'=cmd()", "1008": "日本語 é", "1009": "' +1", "1010": "'-", "1011": "'@x", "1012": "'＝1", "1014": "",
	} {
		if comms[port] != want {
			t.Errorf("comm of port %s is %q, want %q", port, comms[port], want)
		}
	}
	if udp := records[4]; udp[0] != "" || udp[3] != "" || udp[4] != "" {
		t.Errorf("UDP row is %q, want no comm, no state and no rate in the first tick", udp)
	}
}

func TestJSONParsesBack(t *testing.T) {
	decoder := json.NewDecoder(bytes.NewReader(printed(t, Config{Format: JSONL}, "")))
	comms := make(map[float64]any)
	rows := 0
	for ; ; rows++ {
		var row map[string]any
		if err := decoder.Decode(&row); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if len(row) != len(column.New().Own()) {
			t.Fatalf("row has %d keys, want one for each field", len(row))
		}
		if port, ok := row["rport"].(float64); ok {
			comms[port] = row["comm"]
		}
	}
	if want := 2*(4+len(hostile)) + 1; rows != want {
		t.Errorf("%d rows, want %d", rows, want)
	}
	for i, name := range hostile {
		var want any = strings.ToValidUTF8(name, "\ufffd")
		if name == "\xff\xfe\xc3(" {
			want = "\ufffd\ufffd\ufffd("
		}
		if name == "" {
			want = nil
		}
		if cut := strings.TrimRight(name, "\x00"); len(cut) <= 15 && comms[float64(1000+i)] != want {
			t.Errorf("comm %q came back as %q", name, comms[float64(1000+i)])
		}
	}
}

// brokenPipe takes what is written until its reader is gone.
type brokenPipe struct{ writes int }

func (p *brokenPipe) Write(b []byte) (int, error) {
	p.writes++
	if p.writes > 1 {
		return 0, syscall.EPIPE
	}
	return len(b), nil
}

func TestOneWritePerTickAndErrorComesBack(t *testing.T) {
	for _, format := range Formats() {
		var p brokenPipe
		w, err := New(&p, column.New(), Config{Format: format})
		if err != nil {
			t.Fatal(err)
		}
		all := ticks()
		if err := w.Write(all[0], rowsOf(all[0])); err != nil || p.writes != 1 {
			t.Errorf("%s: first tick took %d writes, error %v", format, p.writes, err)
		}
		if err := w.Write(all[1], rowsOf(all[1])); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("%s: error is %v, want EPIPE", format, err)
		}
	}
}

// lineCheck fails the test when a write ends within a line.
type lineCheck struct {
	t     *testing.T
	bytes int
	most  int
}

func (c *lineCheck) Write(b []byte) (int, error) {
	if b[len(b)-1] != '\n' {
		c.t.Error("a write ends within a line")
	}
	c.bytes += len(b)
	c.most = max(c.most, len(b))
	return len(b), nil
}

func TestLargeTickIsWrittenInChunks(t *testing.T) {
	s := ticks()[0]
	var rows []*table.Row
	for len(rows) < 4000 {
		rows = append(rows, rowsOf(s)...)
	}
	check := &lineCheck{t: t}
	if err := newJSONL(check, allIfNone(column.New(), &Config{})).Write(s, rows); err != nil {
		t.Fatal(err)
	}
	if check.bytes < 2*chunk || check.most > chunk+1<<12 {
		t.Errorf("%d bytes in writes of up to %d, want more than one of about %d", check.bytes, check.most, chunk)
	}
}

func TestUnknownFormat(t *testing.T) {
	if _, err := New(io.Discard, column.New(), Config{Format: "xml"}); err == nil {
		t.Error("no error for an unknown format")
	}
}

func TestSteadyStateDoesNotAllocate(t *testing.T) {
	s := ticks()[0]
	rows := rowsOf(s)
	for _, format := range Formats() {
		w, err := New(io.Discard, column.New(), Config{Format: format})
		if err != nil {
			t.Fatal(err)
		}
		n := testing.AllocsPerRun(20, func() {
			if err := w.Write(s, rows); err != nil {
				t.Fatal(err)
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations per tick of %d rows, want none", format, n, len(rows))
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	s := ticks()[0]
	rows := rowsOf(s)
	for _, format := range Formats() {
		b.Run(format, func(b *testing.B) {
			w, err := New(io.Discard, column.New(), Config{Format: format})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := w.Write(s, rows); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(rows)), "ns/row")
		})
	}
}
