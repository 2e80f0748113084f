package flow_test

import (
	"encoding/json"
	"strings"
	"testing"

	"tcptop/internal/column"
	"tcptop/internal/conn"
	"tcptop/internal/flow"
	"tcptop/internal/testkit"
)

// hostile is a connection whose texts come from someone who means no good.
func hostile() conn.Conn {
	c := young(tcp(0xabc, 120, 90), 1)
	c.Owner = conn.Owner{PID: 7, Comm: conn.MakeName("a\x1b[31m\"\\"), Source: conn.OwnerConnect}
	c.Place = &conn.Place{Unit: strings.Repeat("é", 200), Container: "web\n{}", Pod: "\xff\xfe", Namespace: "\u202eprod"}
	c.Process = &conn.Process{Exe: "/usr/bin/ü"}
	c.Remote = &conn.Remote{Name: "evil.example', '"}
	c.RetransPackets, c.RTT = 3, 1500
	return c
}

func TestAppend(t *testing.T) {
	h := newHost(flow.Config{})
	h.tick(conn.Sample{}, false)
	failed := young(tcp(2, 0, 0), 1)
	failed.Has, failed.State, failed.Reason, failed.Errno = conn.HasRaddr, conn.SynSent, conn.Refused, 111
	records := h.tick(conn.Sample{Conns: []conn.Conn{hostile()}, Closed: []conn.Conn{failed}}, true)
	schema := flow.NewSchema(column.New())
	var got []byte
	for i := range records {
		got = schema.Append(got, &records[i], 1e18, uint64(i+1))
	}
	got = schema.Append(got, new(flow.Dropped(noon, "web-1", "spool_full", flow.Sums{Records: 12, Conns: 30, Moved: flow.Moved{RxBytes: 1 << 63, TxBytes: 5}})), 1e18, 4)
	testkit.Golden(t, "testdata/records.jsonl", got)
	for line := range strings.Lines(string(got)) {
		if strings.ContainsFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool { return r < ' ' || r == 0x7f || r == 0x202e }) {
			t.Errorf("not escaped: %q", line)
		}
		var o map[string]any
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Errorf("%v: %s", err, line)
		}
		if unit, _ := o["unit"].(string); len(unit) > 256 {
			t.Errorf("a text of %d bytes", len(unit))
		}
	}
}

// Every field has what an engine needs, once.
func TestFields(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range flow.NewSchema(column.New()).Fields() {
		for _, name := range []string{f.Name, f.Attr} {
			if name == "" || seen[name] && f.Name != f.Attr {
				t.Errorf("%q is empty or there twice", name)
			}
			seen[name] = true
		}
		if !strings.HasSuffix(f.Help, ".") {
			t.Errorf("%s: help %q", f.Name, f.Help)
		}
	}
}

func TestServerPort(t *testing.T) {
	for _, c := range []struct {
		dir          conn.Dir
		lport, rport uint16
		want         string
	}{
		{conn.In, 8080, 50000, `"server_port":8080`}, {conn.Out, 50000, 443, `"server_port":443`}, {conn.In, 60000, 22, `"server_port":60000`},
		{0, 50000, 443, `"server_port":443`}, {0, 443, 50000, `"server_port":443`}, {0, 40000, 50000, ""}, {conn.Out, 0, 0, ""},
	} {
		x := young(tcp(1, 1, 1), 1)
		x.Dir, x.Lport, x.Rport = c.dir, c.lport, c.rport
		h := newHost(flow.Config{})
		h.tick(conn.Sample{}, false)
		records := h.tick(conn.Sample{Conns: []conn.Conn{x}}, true)
		got := string(flow.NewSchema(column.New()).Append(nil, &records[0], 1, 1))
		if _, after, found := strings.Cut(got, `"server_port"`); found != (c.want != "") || !strings.HasPrefix(`"server_port"`+after, c.want) {
			t.Errorf("%v %d -> %d: %s", c.dir, c.lport, c.rport, got)
		}
	}
}

// What a line says of its record is what the record says.
func TestParseSums(t *testing.T) {
	h := newHost(flow.Config{Top: 1})
	h.tick(conn.Sample{}, false)
	records := h.tick(conn.Sample{Conns: []conn.Conn{hostile(), young(tcp(2, 7, 8), 1)}}, true)
	records = append(records, flow.Dropped(noon, "web-1", "spool_full", flow.Sums{Records: 12, Conns: 30, Moved: flow.Moved{RxBytes: 1<<64 - 1, TxBytes: 5}}))
	schema := flow.NewSchema(column.New())
	for i := range records {
		r := &records[i]
		got, dropped, err := flow.ParseSums(schema.Append(nil, r, 1, 1))
		if err != nil || dropped != (r.Reason != "") || got != r.Sums() {
			t.Errorf("%+v, %v, %v; the record has %+v", got, dropped, err, r.Sums())
		}
	}
	if _, _, err := flow.ParseSums([]byte(`{"conns":-1}`)); err == nil {
		t.Error("no error")
	}
}
