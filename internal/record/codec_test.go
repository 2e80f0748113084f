package record

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"tcptop/internal/conn"
)

// testHeader describes what an Encoder of now writes.
func testHeader() *Header {
	h := &Header{Program: "test", Host: "testhost", Session: "s", Interval: 1e9}
	h.describe()
	return h
}

func newEncoder(t testing.TB) *Encoder {
	e, err := NewEncoder(0)
	must(t, err)
	return e
}

func newDecoder(t testing.TB, h *Header) *Decoder {
	d, err := NewDecoder(h)
	must(t, err)
	return d
}

// whole collects the parts that an Encoder gives.
func whole(encode func(put func(Block))) []Block {
	var parts []Block
	encode(func(b Block) {
		b.Body = bytes.Clone(b.Body)
		parts = append(parts, b)
	})
	return parts
}

func tick(e *Encoder, s *conn.Sample) []Block {
	return whole(func(put func(Block)) { e.Tick(s, put) })
}

func key(e *Encoder, next *conn.Sample) []Block {
	return whole(func(put func(Block)) { e.Key(next, put) })
}

// decode gives parts to d and returns the sample, if they are a tick.
func decode(t testing.TB, d *Decoder, parts []Block) (s *conn.Sample) {
	t.Helper()
	for _, b := range parts {
		var err error
		if b.Kind == KindKey {
			err = d.Key(b)
		} else {
			s, err = d.Tick(b)
		}
		must(t, err)
	}
	return s
}

// fill gives every number, text and flag below v a value of its own.
func fill(v reflect.Value, rng *rand.Rand) {
	switch v.Kind() {
	case reflect.Struct:
		for _, f := range v.Fields() {
			fill(f, rng)
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), rng)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), rng)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString(string([]byte{byte(rng.IntN(256)), byte('a' + rng.IntN(26)), 0, '\n'}))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(rng.Uint64() >> 1))
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(rng.Uint64() | 1)
	default:
		panic("a member of kind " + v.Kind().String() + ": teach this test and members.go what to do with it")
	}
}

// TestEveryMember fails where conn.Conn, Place, Process, Remote, Loss, Cost or OwnerTotal has a
// member that members.go does not name.
func TestEveryMember(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	s := &conn.Sample{Time: start, Host: "testhost", Conns: make([]conn.Conn, 3), Closed: make([]conn.Conn, 2), Gone: make([]conn.ID, 2), Totals: make([]conn.OwnerTotal, 2), Faults: []string{"a\n", "", "b"}}
	fill(reflect.ValueOf(&s.Loss).Elem(), rng)
	fill(reflect.ValueOf(&s.Cost).Elem(), rng)
	for _, list := range []any{s.Conns, s.Closed, s.Gone, s.Totals} {
		for i := range reflect.ValueOf(list).Len() {
			fill(reflect.ValueOf(list).Index(i), rng)
		}
	}
	for _, list := range [][]conn.Conn{s.Conns, s.Closed} {
		for i := range list {
			list[i].Seat = 0    // it is the source's, and a recording has no such places
			list[i].ID.Host = 0 // a recording is of one host
		}
	}
	s.Gone[0].Host = 0
	s.Gone[1] = s.Conns[2].ID
	v := reflect.ValueOf(s).Elem()
	for f, value := range v.Fields() {
		if value.IsZero() {
			switch f.Name {
			case "Reset": // for whoever reads a recording to say
			case "Mono", "Origin", "Last":
				fill(value, rng)
			case "DNS": // what became of it is in Remote
			case "Programs": // their sum is in Cost
			case "Transitions": // a tick's state is in its rows
			case "Cgroups", "Places", "Processes", "Remotes": // what they say is in the rows: TestPlaceChanges, TestProcessChanges, TestRemoteChanges
			default:
				t.Errorf("sample has a new member %s: record it", f.Name)
			}
		}
	}
	e, d := newEncoder(t), newDecoder(t, testHeader())
	same(t, "all members", s, decode(t, d, tick(e, s)))
}

// TestPlaceChanges names the rows whose place is known better, and only those: another
// one may have said the same before.
func TestPlaceChanges(t *testing.T) {
	was, other, is := &conn.Place{Cgroup: "/"}, &conn.Place{Cgroup: "/"}, &conn.Place{Cgroup: "/docker/x", Container: "web"}
	e, d := newEncoder(t), newDecoder(t, testHeader())
	s := &conn.Sample{Time: start, Host: "testhost", Conns: []conn.Conn{{ID: conn.ID{Cookie: 1}, Place: was, RxBytes: 7}, {ID: conn.ID{Cookie: 2}, Place: other}}}
	same(t, "before", s, decode(t, d, tick(e, s)))
	got := decode(t, d, tick(e, &conn.Sample{Time: start, Host: "testhost", Places: []conn.PlaceChange{{Was: was, Is: is}}}))
	want := &conn.Sample{Time: start, Host: "testhost", Conns: []conn.Conn{{ID: conn.ID{Cookie: 1}, Place: is, RxBytes: 7}}}
	same(t, "after", want, got)
}

// TestProcessChanges names the rows whose process is known better, and only those:
// another one may have said the same before.
func TestProcessChanges(t *testing.T) {
	was, other, is := &conn.Process{}, &conn.Process{}, &conn.Process{Exe: "/bin/x", Cmdline: "x -v"}
	e, d := newEncoder(t), newDecoder(t, testHeader())
	s := &conn.Sample{Time: start, Host: "testhost", Conns: []conn.Conn{{ID: conn.ID{Cookie: 1}, Process: was, RxBytes: 7}, {ID: conn.ID{Cookie: 2}, Process: other}}}
	same(t, "before", s, decode(t, d, tick(e, s)))
	got := decode(t, d, tick(e, &conn.Sample{Time: start, Host: "testhost", Processes: []conn.ProcessChange{{Was: was, Is: is}}}))
	want := &conn.Sample{Time: start, Host: "testhost", Conns: []conn.Conn{{ID: conn.ID{Cookie: 1}, Process: is, RxBytes: 7}}}
	same(t, "after", want, got)
}

// TestRemoteChanges names the rows whose remote has been named.
func TestRemoteChanges(t *testing.T) {
	was, other, is := &conn.Remote{}, &conn.Remote{}, &conn.Remote{Name: "edge.example", Source: conn.NamePTR}
	e, d := newEncoder(t), newDecoder(t, testHeader())
	s := &conn.Sample{Time: start, Host: "testhost", Conns: []conn.Conn{{ID: conn.ID{Cookie: 1}, Remote: was, RxBytes: 7}, {ID: conn.ID{Cookie: 2}, Remote: other}}}
	same(t, "before", s, decode(t, d, tick(e, s)))
	got := decode(t, d, tick(e, &conn.Sample{Time: start, Host: "testhost", Remotes: []conn.RemoteChange{{Was: was, Is: is}}}))
	want := &conn.Sample{Time: start, Host: "testhost", Conns: []conn.Conn{{ID: conn.ID{Cookie: 1}, Remote: is, RxBytes: 7}}}
	same(t, "after", want, got)
}

// TestChangesNameOnce names a row once however much of it is known better, and whether
// or not it moved as well.
func TestChangesNameOnce(t *testing.T) {
	place, process, remote := &conn.Place{}, &conn.Process{}, &conn.Remote{}
	e, d := newEncoder(t), newDecoder(t, testHeader())
	row := func(cookie, bytes uint64) conn.Conn {
		return conn.Conn{ID: conn.ID{Cookie: cookie}, Place: place, Process: process, Remote: remote, RxBytes: bytes}
	}
	same(t, "before", &conn.Sample{Time: start, Host: "testhost", Conns: []conn.Conn{row(1, 7), row(2, 8), row(3, 9)}},
		decode(t, d, tick(e, &conn.Sample{Time: start, Host: "testhost", Conns: []conn.Conn{row(1, 7), row(2, 8), row(3, 9)}})))
	s := &conn.Sample{
		Time: start, Host: "testhost",
		Places:    []conn.PlaceChange{{Was: place, Is: &conn.Place{Unit: "x"}}},
		Processes: []conn.ProcessChange{{Was: process, Is: &conn.Process{Exe: "/bin/x"}}},
		Remotes:   []conn.RemoteChange{{Was: remote, Is: &conn.Remote{Name: "x.example"}}},
	}
	place, process, remote = s.Places[0].Is, s.Processes[0].Is, s.Remotes[0].Is
	s.Conns, s.Closed = []conn.Conn{row(1, 70)}, []conn.Conn{row(3, 90)}
	got := decode(t, d, tick(e, s))
	same(t, "after", &conn.Sample{Time: start, Host: "testhost", Conns: []conn.Conn{row(2, 8), row(1, 70)}, Closed: []conn.Conn{row(3, 90)}}, got)
}

// TestNames keeps members apart: what a file names must be found again.
func TestNames(t *testing.T) {
	h := testHeader()
	for _, list := range [][]string{h.Conn, h.Head, h.Total, h.Gone, h.Place, h.Process, h.Remote} {
		sorted := slices.Sorted(slices.Values(list))
		if len(slices.Compact(sorted)) != len(list) {
			t.Errorf("a name is given twice: %q", list)
		}
	}
}

// TestRoundTrip encodes a host's life with key frames now and then: every sample
// comes back, also when decoding starts at any key frame.
func TestRoundTrip(t *testing.T) {
	for seed := range uint64(4) {
		h, e, d := newHost(seed), newEncoder(t), newDecoder(t, testHeader())
		late := []*Decoder{}
		live := state{}
		for n := range 60 {
			opened := pick(h.rng, []int{0, 1, 5, 50})
			if n == 0 && seed == 0 {
				opened = 3 * partRows / 2
			}
			s := h.sample(opened, pick(h.rng, []int{0, 10, 1000}), pick(h.rng, []int{0, 50, 300}))
			if h.rng.IntN(6) == 0 {
				parts := key(e, s)
				late = append(late, newDecoder(t, testHeader()))
				for _, d := range append(late, d) {
					decode(t, d, parts)
					live.is(t, d.Whole())
				}
			}
			parts := tick(e, s)
			for _, d := range append(late, d) {
				same(t, "sample", s, decode(t, d, parts))
			}
			live.apply(s)
			if e.Live() != len(live) || d.live != len(live) {
				t.Fatalf("%d connections encoded and %d decoded, want %d", e.Live(), d.live, len(live))
			}
		}
	}
}

// TestOddSamples has what no source should send: the recorder must not choke on it.
func TestOddSamples(t *testing.T) {
	h := newHost(3)
	a, b := h.open(), h.open()
	again := a
	again.RxBytes = 99
	e, d := newEncoder(t), newDecoder(t, testHeader())
	for _, s := range []*conn.Sample{
		{Conns: []conn.Conn{a, again, b}},
		{Conns: []conn.Conn{b, b}, Closed: []conn.Conn{a, a, b}, Gone: []conn.ID{a.ID, b.ID, b.ID}},
		{Closed: []conn.Conn{a, a}},
		{Conns: []conn.Conn{a}, Closed: []conn.Conn{a}},
		{Conns: []conn.Conn{b, a}},
		{Gone: []conn.ID{a.ID, {}, a.ID}},
		{},
	} {
		s.Time, s.Host = start, "testhost"
		same(t, "odd sample", s, decode(t, d, tick(e, s)))
	}
	if e.Live() != 1 {
		t.Errorf("%d connections are known, want 1", e.Live())
	}
}

// TestOtherVersions reads what a program wrote that knew fewer members and more.
func TestOtherVersions(t *testing.T) {
	h := newHost(4)
	e, s := newEncoder(t), h.sample(20, 0, 0)
	parts := tick(e, s)
	header := testHeader()
	for _, list := range [][]string{header.Conn, header.Head, header.Place, header.Process, header.Remote} {
		for i, name := range list {
			switch name {
			case "rtt_us", "mono", "user", "exe":
				list[i] = "unknown_" + name
			}
		}
	}
	got := decode(t, newDecoder(t, header), parts)
	s.Mono = 0
	for _, list := range [][]conn.Conn{s.Conns, s.Closed} {
		for i := range list {
			c := &list[i]
			c.RTT = 0
			if c.Place != nil {
				place := *c.Place
				place.User = ""
				c.Place = &place
			}
			if c.Process != nil {
				process := *c.Process
				process.Exe = ""
				c.Process = &process
			}
		}
	}
	same(t, "without what is unknown", s, got)
}

// FuzzDecoder decodes what nobody encoded.
func FuzzDecoder(f *testing.F) {
	h, e := newHost(5), newEncoder(f)
	for range 3 {
		s := h.sample(5, 500, 100)
		f.Add(key(e, s)[0].Body, tick(e, s)[0].Body)
	}
	f.Fuzz(func(t *testing.T, first, then []byte) {
		d := newDecoder(t, testHeader())
		_ = d.Key(Block{Kind: KindKey, First: true, Last: true, Body: first})
		_, _ = d.Tick(Block{Kind: KindTick, First: true, Last: true, Body: then})
		d.Whole()
	})
}
