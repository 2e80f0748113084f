package report

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"

	"tcptop/internal/output"
)

// The formats of a report.
const (
	Text    = "text"
	CSV     = "csv"
	JSONL   = "jsonl"
	Parquet = "parquet"
)

// Formats lists all formats.
func Formats() []string { return []string{Text, CSV, JSONL, Parquet} }

// Frame is what all lines of a report share.
type Frame struct {
	Host     string
	From, To time.Time
}

// Style turns numbers into text for people.
type Style struct {
	Bytes func(uint64) string
	Local *time.Location
}

// line is a talker in formats for programs; its names are the fields of tcptop where
// those mean the same.
type line struct {
	From           time.Time `parquet:"from,timestamp(microsecond)"`
	To             time.Time `parquet:"to,timestamp(microsecond)"`
	Host           string    `parquet:"host,dict,zstd"`
	Kind           string    `parquet:"kind,dict,zstd"`
	Name           *string   `parquet:"name,optional,zstd"`
	RxBytes        uint64    `parquet:"rx_bytes,zstd"`
	TxBytes        uint64    `parquet:"tx_bytes,zstd"`
	Opened         uint64    `parquet:"opened,zstd"`
	Closed         uint64    `parquet:"closed,zstd"`
	Failed         uint64    `parquet:"failed,zstd"`
	MaxRTT         *uint32   `parquet:"max_rtt_us,optional,zstd"`
	RetransPackets uint64    `parquet:"retrans_packets,zstd"`
	RetransBytes   uint64    `parquet:"retrans_bytes,zstd"`
}

// lineOf is t for programs; what comes from outside is UTF-8.
func lineOf(f Frame, t *Talker) line {
	l := line{
		From: f.From, To: f.To, Host: f.Host, Kind: t.Kind, RxBytes: t.RxBytes, TxBytes: t.TxBytes,
		Opened: t.Opened, Closed: t.Closed, Failed: t.Failed, RetransPackets: t.RetransPackets, RetransBytes: t.RetransBytes,
	}
	if t.Name != "" {
		name := strings.ToValidUTF8(t.Name, "\uFFFD")
		l.Name = &name
	}
	if t.MaxRTT != 0 {
		l.MaxRTT = &t.MaxRTT
	}
	return l
}

// cell is one value of a talker in CSV and JSON lines.
type cell struct {
	name   string
	text   string // of text
	number uint64
	kind   byte // 's' text, 'n' number, 0 missing
}

func cells(f Frame, t *Talker) []cell {
	text := func(name, s string) cell { return cell{name: name, text: s, kind: 's'} }
	number := func(name string, n uint64) cell { return cell{name: name, number: n, kind: 'n'} }
	all := []cell{
		text("from", f.From.Format(time.RFC3339Nano)), text("to", f.To.Format(time.RFC3339Nano)), text("host", f.Host),
		text("kind", t.Kind), text("name", t.Name), number("rx_bytes", t.RxBytes), number("tx_bytes", t.TxBytes),
		number("opened", t.Opened), number("closed", t.Closed), number("failed", t.Failed), number("max_rtt_us", uint64(t.MaxRTT)),
		number("retrans_packets", t.RetransPackets), number("retrans_bytes", t.RetransBytes),
	}
	for i := range all {
		if c := &all[i]; c.name == "name" && c.text == "" || c.name == "max_rtt_us" && c.number == 0 {
			c.kind = 0
		}
	}
	return all
}

// Write prints talkers in a format.
func Write(w io.Writer, format string, f Frame, talkers []Talker, style Style) error {
	if format == Parquet {
		return writeParquet(w, f, talkers)
	}
	b := bufio.NewWriter(w)
	switch format {
	case CSV:
		writeCSV(b, f, talkers)
	case JSONL:
		writeJSON(b, f, talkers)
	default:
		writeText(b, f, talkers, style)
	}
	return b.Flush()
}

func writeParquet(w io.Writer, f Frame, talkers []Talker) error {
	p := parquet.NewGenericWriter[line](w, parquet.CreatedBy("tcptop", "", ""))
	for i := range talkers {
		if _, err := p.Write([]line{lineOf(f, &talkers[i])}); err != nil {
			return err
		}
	}
	return p.Close()
}

func writeCSV(w *bufio.Writer, f Frame, talkers []Talker) {
	for i, c := range cells(f, &Talker{}) {
		if i > 0 {
			w.WriteByte(',')
		}
		w.WriteString(c.name)
	}
	w.WriteByte('\n')
	for t := range talkers {
		for i, c := range cells(f, &talkers[t]) {
			if i > 0 {
				w.WriteByte(',')
			}
			switch c.kind {
			case 's':
				w.Write(output.AppendCSV(nil, []byte(c.text)))
			case 'n':
				fmt.Fprint(w, c.number)
			}
		}
		w.WriteByte('\n')
	}
}

func writeJSON(w *bufio.Writer, f Frame, talkers []Talker) {
	for t := range talkers {
		w.WriteByte('{')
		for i, c := range cells(f, &talkers[t]) {
			if i > 0 {
				w.WriteByte(',')
			}
			fmt.Fprintf(w, "%q:", c.name)
			switch c.kind {
			case 's':
				w.Write(output.AppendJSON(nil, []byte(c.text)))
			case 'n':
				fmt.Fprint(w, c.number)
			default:
				w.WriteString("null")
			}
		}
		w.WriteString("}\n")
	}
}

func writeText(w *bufio.Writer, f Frame, talkers []Talker, style Style) {
	const clock = "2006-01-02 15:04:05"
	visible := func(s string) []byte { return output.AppendVisible(nil, []byte(s)) }
	fmt.Fprintf(w, "%s  %s to %s\n", visible(f.Host), f.From.In(style.Local).Format(clock), f.To.In(style.Local).Format(clock))
	kind := ""
	for i := range talkers {
		t := &talkers[i]
		if t.Kind != kind {
			kind = t.Kind
			fmt.Fprintf(w, "\n%-39s %9s %9s %8s %8s %8s %9s %9s\n", kind, "rx", "tx", "opened", "closed", "failed", "max rtt", "retrans")
		}
		name, rtt := visible(t.Name), "-"
		if len(name) == 0 {
			name = []byte{'-'}
		}
		if t.MaxRTT != 0 {
			rtt = strconv.FormatFloat(float64(t.MaxRTT)/1000, 'f', 1, 64) + " ms"
		}
		fmt.Fprintf(w, "%-39s %9s %9s %8d %8d %8d %9s %9s\n", name, style.Bytes(t.RxBytes), style.Bytes(t.TxBytes),
			t.Opened, t.Closed, t.Failed, rtt, style.Bytes(t.RetransBytes))
	}
}
