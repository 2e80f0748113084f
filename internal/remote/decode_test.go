package remote

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"tcptop/internal/column"
	"tcptop/internal/conn"
	"tcptop/internal/output"
	"tcptop/internal/table"
)

const second = int64(time.Second)

func addr(s string) conn.Addr { return conn.AddrFrom(netip.MustParseAddr(s)) }

// fixture is a host with every kind of row.
func fixture() []*conn.Sample {
	tcp := func(cookie uint64, rport uint16) conn.Conn {
		return conn.Conn{
			ID:    conn.ID{Cookie: cookie},
			Has:   conn.HasBytes | conn.HasPackets | conn.HasPath | conn.HasQueues | conn.HasUID | conn.HasRaddr | conn.HasSettings | conn.HasRcvWnd | conn.HasHolders,
			Proto: conn.TCP, State: conn.Established, Dir: conn.Out, Laddr: addr("192.0.2.1"), Lport: 40000, Raddr: addr("203.0.113.9"), Rport: rport,
			NetNS: 4026531840, UID: 1000, Holders: 2, Owner: conn.Owner{PID: 4242, Comm: conn.MakeName("curl"), Source: conn.OwnerConnect},
			Place: &conn.Place{User: "ann", Cgroup: "/a", Unit: "u.service", Slice: "s.slice", Session: "c1", Container: "web", ContainerID: "abc", Image: "nginx:1",
				Pod: "p", Namespace: "n", NetNS: "blue", Iface: "eth0"},
			Process: &conn.Process{Exe: "/usr/bin/curl", Cmdline: "curl -v http://x/\x1b[2J"},
			Remote:  &conn.Remote{Name: "example.org", Source: conn.NameDNS, ASN: 64496, Org: "Example", Country: "CH"},
			RxBytes: 1_234_567, TxBytes: 890, RxPackets: 900, TxPackets: 450, RetransBytes: 1448, RetransPackets: 3, LostPackets: 1, ReorderedPackets: 2, CEPackets: 4,
			RTT: 24_500, RTTVar: 800, MinRTT: 20_100, ConnectTime: 25_000, AcceptTime: 7, SYNRetries: 1,
			Cwnd: 10, Ssthresh: 7, MSS: 1448, SndWnd: 65_535, RcvWnd: 262_144, PacingRate: 1_000_000, DeliveryRate: 5_000_000, CC: conn.MakeName("cubic"),
			SendQueue: 5000, Unsent: 1000, RecvQueue: 30, Busy: 2_500_000, RwndLimited: 300_000, SndbufLimited: 200_000, CAState: conn.CARecovery, Probes: 1,
			AppLimited: true, ECN: true, Opened: 3 * second, LastActive: 99 * second, Sampled: 100 * second,
		}
	}
	listener := conn.Conn{
		ID: conn.ID{Cookie: 1}, Has: conn.HasBacklog | conn.HasDrops | conn.HasAccepts | conn.HasListens | conn.HasUID,
		Proto: conn.TCP, State: conn.Listen, Dir: conn.DirListen, Laddr: addr("::"), Lport: 443, Backlog: 3, BacklogMax: 511, Drops: 2,
		Owner:   conn.Owner{PID: 80, Comm: conn.MakeName("nginx"), Source: conn.OwnerFiles},
		Accepts: 77, AcceptP50: 10, AcceptP99: 20, SYNQueue: 1, SYNFlood: true, ListenOverflows: 5, ListenDrops: 6, CookiesSent: 7,
	}
	flow := conn.Conn{
		ID: conn.ID{Cookie: 4, Serial: 7}, Has: conn.HasBytes | conn.HasPackets | conn.HasRaddr | conn.HasQueues | conn.HasRecvBuffer | conn.HasDrops | conn.HasSendErrors,
		Proto: conn.UDP, Dir: conn.In, Partial: true, Laddr: addr("192.0.2.1"), Lport: 53, Raddr: addr("2001:db8::7"), Rport: 65000,
		RxBytes: 40, RxPackets: 1, LastActive: 100 * second, RecvBuffer: 212992, SendErrors: 2, Errno: 111, RecvQueue: 9,
	}
	wait := conn.Conn{ID: conn.ID{Cookie: 9, Serial: conn.TimeWaitSerial}, Has: conn.HasRaddr, Proto: conn.TCP, State: conn.TimeWait,
		Laddr: addr("10.0.0.1"), Lport: 5, Raddr: addr("10.0.0.2"), Rport: 6, Owner: conn.Owner{Comm: conn.MakeName("kernel"), Kernel: true}}
	first := &conn.Sample{Time: time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC), Mono: 100 * second, Host: "web", Origin: conn.FromBPF,
		Conns: []conn.Conn{listener, tcp(2, 443), tcp(3, 22), flow, wait}, Loss: conn.Loss{Stale: 3}}
	moved, ended, opened := tcp(2, 443), tcp(3, 22), tcp(8, 80)
	moved.RxBytes, moved.LastActive, moved.Sampled = moved.RxBytes+2_500_000, 101*second, 101*second
	ended.State, ended.Reason, ended.Detail, ended.Errno = conn.Closed, conn.ResetLocal, conn.Unread, 104
	opened.Opened, opened.Sampled = 100*second+second/2, 101*second
	second1 := &conn.Sample{Time: first.Time.Add(time.Second), Mono: 101 * second, Host: "web", Origin: conn.FromBPF,
		Conns: []conn.Conn{moved, opened}, Closed: []conn.Conn{ended}, Gone: []conn.ID{wait.ID}, Loss: conn.Loss{Stale: 3, MissedTicks: 1}, Faults: []string{"the \x1b pass"}}
	still := &conn.Sample{Time: first.Time.Add(2 * time.Second), Mono: 102 * second, Host: "web", Origin: conn.FromBPF, Loss: second1.Loss}
	return []*conn.Sample{first, second1, still}
}

// stream is what a tcptop prints of the samples.
func stream(t *testing.T, samples []*conn.Sample, changes bool) []byte {
	t.Helper()
	var b bytes.Buffer
	out, err := output.New(&b, column.New(), output.Config{Format: output.JSONL, Changes: changes, Version: "v1", Missing: func() []string { return []string{"all"} }})
	if err != nil {
		t.Fatal(err)
	}
	rows := table.New(table.Config{})
	for _, s := range samples {
		rows.Apply(s)
		snap := rows.Snapshot()
		if err := out.Write(snap, snap.Query(nil, nil, 0)); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// joined is what somebody sees who joins the ticks, tick by tick as JSON lines.
func joined(t *testing.T, h *Hosts, ticks []*tick, began time.Time) []string {
	t.Helper()
	var all []string
	for i, tk := range ticks {
		mono := tk.clock
		h.apply(0, tk, mono)
		var b bytes.Buffer
		out, err := output.New(&b, column.New(), output.Config{Format: output.JSONL})
		if err != nil {
			t.Fatal(err)
		}
		snap := h.joint.Snapshot(began.Add(time.Duration(i)*time.Second), mono)
		order, err := column.New().ParseSort("conn")
		if err != nil {
			t.Fatal(err)
		}
		if err := out.Write(snap, snap.Query(nil, order.Compare(snap), 0)); err != nil {
			t.Fatal(err)
		}
		all = append(all, b.String())
	}
	return all
}

func decoded(t *testing.T, text []byte) []*tick {
	t.Helper()
	d := newDecoder()
	var all []*tick
	for line := range bytes.Lines(text) {
		tk, err := d.take(line)
		if err != nil {
			t.Fatal(err)
		}
		if tk != nil {
			all = append(all, tk)
		}
	}
	if tk := d.flush(); tk != nil {
		all = append(all, tk)
	}
	if d.bad != 0 {
		t.Errorf("%d lines were left out", d.bad)
	}
	return all
}

// TestInverse reads what output prints and prints the same again, by way of another
// table: a stream of changes, and one of all rows in each tick as an older tcptop has it.
func TestInverse(t *testing.T) {
	samples := fixture()
	for _, changes := range []bool{true, false} {
		var want []string
		whole := string(stream(t, samples, false))
		for _, s := range samples {
			var lines []string
			for line := range strings.Lines(whole) {
				if strings.HasPrefix(line, `{"ts":"`+s.Time.Format("2006-01-02T15:04:05.000Z")) {
					lines = append(lines, line)
				}
			}
			slices.SortFunc(lines, func(a, b string) int { return strings.Compare(connOf(a), connOf(b)) })
			want = append(want, strings.Join(lines, ""))
		}
		ticks := decoded(t, stream(t, samples, changes))
		if len(ticks) != len(samples) {
			t.Fatalf("changes %v: %d ticks", changes, len(ticks))
		}
		h := New(&Config{Hosts: []Target{{Name: "web"}}, Interval: time.Second})
		got := joined(t, h, ticks, samples[0].Time)
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("changes %v, tick %d:\n%s", changes, i, difference(got[i], want[i]))
			}
		}
	}
}

func connOf(line string) string {
	_, rest, _ := strings.Cut(line, `"conn":"`)
	id, _, _ := strings.Cut(rest, `"`)
	return id
}

// difference is the first fields that differ.
func difference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		a, b := strings.Split(g[i], `,"`), strings.Split(w[i], `,"`)
		for k := range min(len(a), len(b)) {
			if a[k] != b[k] {
				return connOf(g[i]) + ": got " + a[k] + ", want " + b[k]
			}
		}
	}
	return got + "\nwant\n" + want
}

// TestTickLine reads what a tick's own line says.
func TestTickLine(t *testing.T) {
	ticks := decoded(t, stream(t, fixture(), true))
	second := ticks[1]
	if !ticks[0].First || second.First || second.Loss.Stale != 3 || second.Loss.MissedTicks != 1 || second.Version != "v1" ||
		!slices.Equal(second.Faults, []string{"the \x1b pass"}) || !slices.Equal(second.missing, []string{"all"}) || second.Origin != conn.FromBPF {
		t.Errorf("%+v", second)
	}
	if len(second.Gone) != 1 || second.Gone[0] != (conn.ID{Cookie: 9, Serial: conn.TimeWaitSerial}) {
		t.Errorf("gone %v", second.Gone)
	}
	for _, r := range ticks[2].Rows {
		if r.Event != conn.EventSample || r.Rate() != 0 {
			t.Errorf("told again though nothing moves: %+v", r)
		}
	}
}

// TestFields asks for every field that is read, and for none that no tcptop has.
func TestFields(t *testing.T) {
	list := column.New()
	tags := make(map[string]bool)
	for f := range reflect.TypeFor[line]().Fields() {
		tags[f.Tag.Get("json")] = true
	}
	derived := []string{"host", "rate", "rtt_inflation", "retrans_ppm", "opened", "old_state", "old_state_us", "workload"}
	for _, c := range list.Own() { // the other end is told by its own host
		name := c.Name
		if tags[name] == slices.Contains(derived, name) {
			t.Errorf("%s is read: %v; a new field is read by row.go, or follows from others", name, tags[name])
		}
		if tags[name] != slices.Contains(fields, name) {
			t.Errorf("%s is read: %v, and asked for: %v", name, tags[name], !tags[name])
		}
	}
	if _, err := list.Pick(strings.Join(fields, ",")); err != nil {
		t.Error(err)
	}
}

func TestNewerAndOlder(t *testing.T) {
	const row = `{"ts":"2026-11-23T18:00:00.000Z","event":"sample","schema":1,"conn":"1a","proto":"tcp","state":"established","laddr":"10.0.0.1","lport":1,"raddr":"10.0.0.2","rport":2`
	for text, want := range map[string]string{
		row + `}`: "1 rows, 0 bad",
		row + `,"new_field":{"a":[1,2]},"limit":"new-word"}`:      "1 rows, 0 bad",
		row + `,"rx_bytes":-1}`:                                   "0 rows, 1 bad",
		row + `,"lport":65536}`:                                   "0 rows, 1 bad",
		row + `,"laddr":"10.0.0.1%eth0"}`:                         "0 rows, 1 bad",
		row + `,"conn":"zz"}`:                                     "0 rows, 1 bad",
		row + `,"proto":"sctp"}`:                                  "0 rows, 1 bad",
		"Welcome to web1!":                                        "0 rows, 1 bad",
		strings.Replace(row, `"schema":1`, `"schema":2`, 1) + "}": "schema",
	} {
		d := newDecoder()
		_, err := d.take([]byte(text))
		got := "schema"
		if newer := new(SchemaError); !errors.As(err, &newer) {
			got = string(rune('0'+len(d.next.Rows))) + " rows, " + string(rune('0'+d.bad)) + " bad"
		}
		if got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// FuzzDecode takes anything: nothing panics, and what comes out is bounded.
func FuzzDecode(f *testing.F) {
	for _, changes := range []bool{true, false} {
		var b bytes.Buffer
		rows := table.New(table.Config{})
		out, err := output.New(&b, column.New(), output.Config{Format: output.JSONL, Changes: changes})
		if err != nil {
			f.Fatal(err)
		}
		for _, s := range fixture() {
			rows.Apply(s)
			snap := rows.Snapshot()
			if err := out.Write(snap, snap.Query(nil, nil, 0)); err != nil {
				f.Fatal(err)
			}
		}
		f.Add(b.Bytes())
	}
	f.Add([]byte(`{"event":"gone","conn":"-"}` + "\n" + `{"event":"tick","mono_ns":-9223372036854775808,"first":true}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		in, d := newLines(bytes.NewReader(text)), newDecoder()
		h := New(&Config{Hosts: []Target{{Name: "a"}}, Interval: time.Second})
		mono := h.base
		for {
			line, err := in.next()
			if err != nil {
				break
			}
			tk, err := d.take(line)
			if err != nil {
				return
			}
			if tk == nil {
				continue
			}
			mono += second
			h.apply(0, tk, mono)
			snap := h.joint.Snapshot(time.Unix(0, mono), mono)
			for r := range snap.Rows() {
				if r.Opened < 0 || r.Opened > mono || r.LastActive < 0 || r.LastActive > mono || r.Share > 100 || r.ID.Host != 1 {
					t.Fatalf("%+v", r)
				}
			}
			var b bytes.Buffer
			out, err := output.New(&b, column.New(), output.Config{Format: output.JSONL})
			if err == nil {
				err = out.Write(snap, snap.Query(nil, nil, 0))
			}
			if err != nil {
				t.Fatal(err)
			}
			for line := range bytes.Lines(b.Bytes()) {
				if !json.Valid(line) {
					t.Fatalf("%q", line)
				}
			}
			snap.Release()
		}
	})
}
