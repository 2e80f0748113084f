package flow

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"tcptop/internal/column"
	"tcptop/internal/conn"
	"tcptop/internal/output"
)

// Field is one member of a record: a key of its JSON object, a column of the table, an
// attribute of the log record.
type Field struct {
	Name  string
	Attr  string      // OpenTelemetry's name, or ours where it has none
	Kind  column.Kind // Text, Time and IP are strings, Bool is a boolean, the others are integers
	Help  string
	value func(dst []byte, r *Record, id stamp) ([]byte, bool)
}

// stamp tells a record apart from all others of its host.
type stamp struct{ epoch, seq uint64 }

// Schema is the list of a record's fields.
type Schema struct{ fields []Field }

// NewSchema makes the list. The fields that list has, too, are as there, but that
// counters are what moved in the interval.
func NewSchema(list *column.List) *Schema {
	own := ownFields()
	s := &Schema{}
	for _, n := range []struct{ name, attr string }{
		{"ts", ""}, {"host", "host.name"}, {"epoch", ""}, {"seq", ""}, {"interval_ms", ""}, {"kind", ""}, {"reason", ""},
		{"conns", ""}, {"records", ""}, {"conn", ""}, {"proto", "network.transport"}, {"state", "network.connection.state"}, {"dir", ""},
		{"laddr", "network.local.address"}, {"lport", "network.local.port"},
		{"raddr", "network.peer.address"}, {"rport", "network.peer.port"}, {"server_port", "server.port"},
		{"rname", ""}, {"netns", ""}, {"iface", "network.interface.name"},
		{"pid", "process.pid"}, {"comm", "process.executable.name"}, {"exe", "process.executable.path"}, {"uid", ""}, {"user", "process.user.name"},
		{"unit", ""}, {"container", "container.name"}, {"image", "container.image.name"}, {"pod", "k8s.pod.name"}, {"namespace", "k8s.namespace.name"},
		{"rx_bytes", ""}, {"tx_bytes", ""}, {"rx_packets", ""}, {"tx_packets", ""}, {"retrans_bytes", ""}, {"retrans_packets", ""},
		{"rtt_us", ""}, {"min_rtt_us", ""}, {"limit", ""}, {"opened", ""}, {"close_reason", ""}, {"errno", ""}, {"partial", ""}, {"source", ""},
	} {
		f, ok := own[n.name]
		if !ok {
			f = fieldOf(list, n.name)
		}
		if f.Name, f.Attr = n.name, n.attr; n.attr == "" {
			f.Attr = "tcptop." + n.name
		}
		s.fields = append(s.fields, f)
	}
	return s
}

// Fields returns the fields in order. The caller must not change them.
func (s *Schema) Fields() []Field { return s.fields }

// fieldOf is a field as column has it, of which a rest has only when and where.
func fieldOf(list *column.List, name string) Field {
	c, _ := list.Find(name)
	frame := c.Group == "frame"
	return Field{Kind: c.Kind, Help: c.Help, value: func(dst []byte, r *Record, _ stamp) ([]byte, bool) {
		if r.Kind == Rest && !frame {
			return dst, false
		}
		return c.Append(dst, r.frame, &r.Row)
	}}
}

func ownFields() map[string]Field {
	number := func(kind column.Kind, help string, f func(r *Record, id stamp) (uint64, bool)) Field {
		return Field{Kind: kind, Help: help, value: func(dst []byte, r *Record, id stamp) ([]byte, bool) {
			n, ok := f(r, id)
			if !ok {
				return dst, false
			}
			return strconv.AppendUint(dst, n, 10), true
		}}
	}
	text := func(help string, f func(r *Record) string) Field {
		return Field{Kind: column.Text, Help: help, value: func(dst []byte, r *Record, _ stamp) ([]byte, bool) {
			v := f(r)
			return append(dst, v...), v != ""
		}}
	}
	moved := func(has conn.Has, kind column.Kind, help string, f func(m *Moved) uint64) Field {
		return number(kind, help+" in the interval.", func(r *Record, _ stamp) (uint64, bool) {
			return f(&r.Moved), r.Kind == Rest || r.Row.Has&has != 0
		})
	}
	return map[string]Field{
		"epoch": number(column.Int, "When the agent began, in nanoseconds since 1970: tells its runs apart.",
			func(_ *Record, id stamp) (uint64, bool) { return id.epoch, true }),
		"seq": number(column.Int, "Number of the record in its epoch, from 1: host, epoch and seq name a record, however often it is delivered.",
			func(_ *Record, id stamp) (uint64, bool) { return id.seq, true }),
		"interval_ms": number(column.Millis, "Length of the interval, which ends at ts.",
			func(r *Record, _ stamp) (uint64, bool) {
				return uint64(r.Interval.Milliseconds()), r.Interval != 0
			}),
		"kind": text("update: the connection goes on; end: its last record; rest: all that moved and has no record of its own.",
			func(r *Record) string { return r.Kind.String() }),
		"reason": text("Of a rest that stands for records which were dropped: why.",
			func(r *Record) string { return r.Reason }),
		"conns": number(column.Count, "Connections that the record stands for.",
			func(r *Record, _ stamp) (uint64, bool) { return r.conns(), true }),
		"records": number(column.Count, "Records that were dropped, where there is a reason.",
			func(r *Record, _ stamp) (uint64, bool) { return r.Records, r.Reason != "" }),
		"server_port": number(column.Int, "Port of the side that was connected to: lport of in, rport of out, else the lower one below 32768.",
			func(r *Record, _ stamp) (uint64, bool) { return serverPort(&r.Row.Conn) }),
		"rx_bytes":        moved(conn.HasBytes, column.Bytes, "Payload received", func(m *Moved) uint64 { return m.RxBytes }),
		"tx_bytes":        moved(conn.HasBytes, column.Bytes, "Payload sent", func(m *Moved) uint64 { return m.TxBytes }),
		"rx_packets":      moved(conn.HasPackets, column.Count, "Segments or datagrams received", func(m *Moved) uint64 { return m.RxPackets }),
		"tx_packets":      moved(conn.HasPackets, column.Count, "Segments or datagrams sent", func(m *Moved) uint64 { return m.TxPackets }),
		"retrans_bytes":   moved(conn.HasPath, column.Bytes, "Payload sent again", func(m *Moved) uint64 { return m.RetransBytes }),
		"retrans_packets": moved(conn.HasPath, column.Count, "Segments sent again", func(m *Moved) uint64 { return m.RetransPackets }),
	}
}

// lowPorts are those below the kernel's ephemeral ones (net.ipv4.ip_local_port_range).
const lowPorts = 32768

func serverPort(c *conn.Conn) (uint64, bool) {
	port := min(c.Lport, c.Rport)
	switch {
	case c.Dir == conn.In:
		port = c.Lport
	case c.Dir == conn.Out:
		port = c.Rport
	case port >= lowPorts:
		return 0, false
	}
	return uint64(port), port != 0
}

// maxText bounds a text of a record, in bytes.
const maxText = 256

// Append appends r as a line of JSON. What is missing has no key.
func (s *Schema) Append(dst []byte, r *Record, epoch, seq uint64) []byte {
	var raw [512]byte
	before := byte('{')
	for i := range s.fields {
		f := &s.fields[i]
		value, ok := f.value(raw[:0], r, stamp{epoch, seq})
		if !ok {
			continue
		}
		dst = append(dst, before, '"')
		dst = append(dst, f.Name...)
		dst = append(dst, '"', ':')
		switch f.Kind {
		case column.Text, column.Time, column.IP:
			dst = output.AppendJSON(dst, cut(value))
		default:
			dst = append(dst, value...)
		}
		before = ','
	}
	return append(dst, '}', '\n')
}

// ParseSums reads from a line that Append wrote what its record stands for, and whether
// that is records which were dropped before.
func ParseSums(line []byte) (s Sums, dropped bool, err error) {
	var r struct {
		Sums
		Reason string `json:"reason"`
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return s, false, err
	}
	if r.Reason == "" {
		r.Records = 1
	}
	return r.Sums, r.Reason != "", nil
}

// cut shortens text to what a record has room for, at a whole character.
func cut(s []byte) []byte {
	if len(s) <= maxText {
		return s
	}
	n := maxText
	for n > maxText-utf8.UTFMax && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
