package table

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"tcptop/internal/conn"
)

// end is one end of a connection: 10.0.0.N:PORT to 10.0.0.M:PORT.
func end(cookie uint64, from, to byte, lport, rport uint16, event conn.Event) Row {
	r := told(cookie, event, 0)
	r.Has |= conn.HasRaddr
	r.Laddr, r.Raddr = conn.AddrFrom(netip.AddrFrom4([4]byte{10, 0, 0, from})), conn.AddrFrom(netip.AddrFrom4([4]byte{10, 0, 0, to}))
	r.Lport, r.Rport = lport, rport
	return r
}

// ends2 are both ends of a connection of client 1 with server 2.
func ends2(cookie uint64, port uint16, event conn.Event) (client, server Row) {
	client, server = end(cookie, 1, 2, port, 443, event), end(cookie, 2, 1, 443, port, event)
	client.Dir, server.Dir = conn.Out, conn.In
	return client, server
}

// seen is what a snapshot shows: host/id event, and behind = the other end where there is one.
func seen(t *testing.T, j *Joint, mono int64) []string {
	t.Helper()
	s := j.Snapshot(time.Unix(0, mono), mono)
	defer s.Release()
	var all []string
	for r := range s.Rows() {
		text := fmt.Sprintf("%s/%s %v", s.HostOf(r), r.ID, r.Event)
		if o := s.Other(r); o != nil {
			text += fmt.Sprintf(" = %s/%s", s.HostOf(o), o.ID)
			if s.Other(o) != r {
				t.Errorf("%s: not the other way round", text)
			}
		}
		all = append(all, text)
	}
	if s.Len() != len(all) {
		t.Errorf("Len is %d of %d", s.Len(), len(all))
	}
	slices.Sort(all)
	return all
}

func tell(j *Joint, host int, mono int64, rows ...Row) {
	j.Apply(host, &Told{Mono: mono, Rows: rows})
}

func TestPair(t *testing.T) {
	j := NewJoint([]string{"web", "db"}, 0)
	c, s := ends2(1, 40000, conn.EventSample)
	tell(j, 1, 1, s)
	equal(t, "one end", seen(t, j, 1), "db/1 sample")
	tell(j, 0, 2, c)
	equal(t, "both", seen(t, j, 2), "web/1 sample = db/1")
	for n := range int64(5) {
		tell(j, int(n%2), 3+n, []Row{c, s}[n%2])
		equal(t, "as long as both are there", seen(t, j, 3+n), "web/1 sample = db/1")
	}
	j.State(1, HostSlow, "", 9)
	equal(t, "slow", seen(t, j, 9), "web/1 sample = db/1")
	j.State(1, HostGone, "", 10)
	equal(t, "gone", seen(t, j, 10), "web/1 sample")
	j.State(1, HostOK, "", 11)
	tell(j, 1, 11, s)
	equal(t, "back", seen(t, j, 11), "web/1 sample = db/1")
	j.State(0, HostGone, "", 12)
	equal(t, "the other one gone", seen(t, j, 12), "db/1 sample")
}

func TestApart(t *testing.T) {
	j := NewJoint([]string{"web", "db"}, 0)
	j.Apart()
	c, s := ends2(1, 40000, conn.EventSample)
	tell(j, 0, 1, c)
	tell(j, 1, 1, s)
	equal(t, "apart", seen(t, j, 1), "db/1 sample", "web/1 sample")
	j.Apply(0, &Told{Full: true})
	equal(t, "gone", seen(t, j, 2), "db/1 sample")
}

// TestPairEnds ends connections on one host before the other one: each opens once and
// closes once.
func TestPairEnds(t *testing.T) {
	open, sample, closed := conn.EventOpen, conn.EventSample, conn.EventClose
	type say struct {
		host  int
		event conn.Event
	}
	for _, c := range []struct {
		name string
		says [][]say // by tick
		want [][]string
	}{
		{"in one tick", [][]say{{{0, open}, {1, open}}, {{0, closed}, {1, closed}}, {}},
			[][]string{{"web/1 open = db/1"}, {"web/1 close = db/1"}, nil}},
		{"the server is told later", [][]say{{{0, open}}, {{1, open}}, {{0, closed}}, {{1, closed}}, {}},
			[][]string{{"web/1 open"}, {"web/1 sample = db/1"}, {"web/1 close = db/1"}, nil, nil}},
		{"the client is told later", [][]say{{{1, open}}, {{0, open}}, {{1, closed}}, {{0, closed}}, {}},
			[][]string{{"db/1 open"}, {"web/1 sample = db/1"}, {"web/1 sample = db/1"}, {"web/1 close"}, nil}},
		{"short, server later", [][]say{{{0, closed}}, {{1, closed}}, {}}, [][]string{{"web/1 close"}, nil, nil}},
		{"short, client later", [][]say{{{1, closed}}, {{0, closed}}, {}}, [][]string{{"db/1 close"}, nil, nil}},
		{"short, at once", [][]say{{{1, closed}, {0, closed}}, {}}, [][]string{{"web/1 close = db/1"}, nil}},
		{"lingers", [][]say{{{0, sample}, {1, sample}}, {{0, closed}}, {}, {{1, sample}}, {}, {}, {{1, closed}}, {}},
			[][]string{{"web/1 sample = db/1"}, {"web/1 close = db/1"}, nil, nil, nil, {"db/1 sample"}, {"db/1 close"}, nil}},
	} {
		j := NewJoint([]string{"web", "db"}, 0)
		for i, tick := range c.says {
			mono := int64(i+1) * int64(time.Second)
			for _, s := range tick {
				client, server := ends2(1, 40000, s.event)
				tell(j, s.host, mono, []Row{client, server}[s.host])
			}
			equal(t, fmt.Sprintf("%s, tick %d", c.name, i), seen(t, j, mono), c.want[i]...)
		}
	}
}

// TestNoPair has rows of which nobody can say that they are one connection.
func TestNoPair(t *testing.T) {
	c, s := ends2(1, 40000, conn.EventSample)
	with := func(r Row, change func(*Row)) Row { change(&r); return r }
	addr := func(s string) conn.Addr { return conn.AddrFrom(netip.MustParseAddr(s)) }
	between := func(a, b string) (Row, Row) {
		return with(c, func(r *Row) { r.Laddr, r.Raddr = addr(a), addr(b) }), with(s, func(r *Row) { r.Laddr, r.Raddr = addr(b), addr(a) })
	}
	again := func(r Row) Row { r.ID.Cookie = 2; return r }
	loop1, loop2 := between("127.0.0.1", "127.0.0.2")
	link1, link2 := between("fe80::1", "fe80::2")
	self1, self2 := between("10.0.0.1", "10.0.0.1")
	none1, none2 := between("0.0.0.0", "10.0.0.2")
	for name, rows := range map[string][3][]Row{
		"same host":            {{c, again(s)}},
		"loopback":             {{loop1}, {loop2}},
		"link-local":           {{link1}, {link2}},
		"one address":          {{self1}, {self2}},
		"unspecified":          {{none1}, {none2}},
		"two clients":          {{c}, {s}, {c}},
		"two clients, one two": {{c, again(c)}, {s}},
		"two servers":          {{c}, {s}, {s}},
		"both ends elsewhere":  {{c}, {s}, {c, again(s)}},
		"another port":         {{c}, {with(s, func(r *Row) { r.Rport++ })}},
		"udp":                  {{with(c, func(r *Row) { r.Proto = conn.UDP })}, {with(s, func(r *Row) { r.Proto = conn.UDP })}},
		"time-wait":            {{with(c, func(r *Row) { r.State = conn.TimeWait })}, {s}},
		"opened at other times": {{with(c, func(r *Row) { r.Opened = 1 })},
			{with(s, func(r *Row) { r.Opened = 1 + int64(6*time.Second) })}},
	} {
		j := NewJoint([]string{"web", "db", "x"}, 0)
		n := 0
		for i := range rows {
			n += len(rows[i])
			tell(j, i, 1, rows[i]...)
		}
		for range 2 {
			if got := seen(t, j, 1); len(got) != n || slices.ContainsFunc(got, func(s string) bool { return len(s) > len("web/1 sample") }) {
				t.Errorf("%s: %q", name, got)
			}
		}
	}
}

// TestAmbiguous parts a pair when a third row may be one of its ends, and joins it when
// that has gone.
func TestAmbiguous(t *testing.T) {
	j := NewJoint([]string{"web", "db", "x"}, 0)
	c, s := ends2(1, 40000, conn.EventSample)
	tell(j, 0, 1, c)
	tell(j, 1, 1, s)
	equal(t, "two", seen(t, j, 1), "web/1 sample = db/1")
	tell(j, 2, 2, s)
	equal(t, "three", seen(t, j, 2), "db/1 sample", "web/1 sample", "x/1 sample")
	tell(j, 0, 3, c)
	equal(t, "still three", seen(t, j, 3), "db/1 sample", "web/1 sample", "x/1 sample")
	j.Apply(2, &Told{Gone: []conn.ID{s.ID}})
	equal(t, "two again", seen(t, j, 4), "web/1 sample = db/1")
	moved := c
	moved.Lport++
	tell(j, 0, 5, moved)
	equal(t, "the same id is another connection", seen(t, j, 5), "db/1 sample", "web/1 sample")
	c.Opened, s.Opened = 1, 1+int64(time.Minute)
	tell(j, 0, 6, c)
	tell(j, 1, 6, s)
	equal(t, "not at that time", seen(t, j, 6), "db/1 sample", "web/1 sample")
	s.Opened = 1
	tell(j, 1, 7, s)
	equal(t, "the time is known better", seen(t, j, 7), "web/1 sample = db/1")
}

// TestPortAgain uses a port again at once.
func TestPortAgain(t *testing.T) {
	j := NewJoint([]string{"web", "db"}, 0)
	second := int64(time.Second)
	c1, s1 := ends2(1, 40000, conn.EventSample)
	c2, s2 := ends2(2, 40000, conn.EventOpen)
	c2.Opened, s2.Opened = 2*second+1, 2*second+1
	tell(j, 0, second, c1)
	tell(j, 1, second, s1)
	equal(t, "the first", seen(t, j, second), "web/1 sample = db/1")
	c1.Event, s1.Event = conn.EventClose, conn.EventClose
	tell(j, 0, 3*second, c1, c2)
	equal(t, "the client says so first", seen(t, j, 3*second), "web/1 close = db/1", "web/2 open")
	tell(j, 1, 4*second, s1, s2)
	equal(t, "and the server", seen(t, j, 4*second), "web/2 sample = db/2")
}

// TestPairHeld keeps an older snapshot's pairs as they were.
func TestPairHeld(t *testing.T) {
	j := NewJoint([]string{"web", "db"}, 0)
	c, s := ends2(1, 40000, conn.EventSample)
	tell(j, 0, 1, c)
	tell(j, 1, 1, s)
	old := j.Snapshot(time.Unix(0, 1), 1)
	j.State(1, HostGone, "", 2)
	equal(t, "now", seen(t, j, 2), "web/1 sample")
	head := new(Snapshot)
	for r := range old.Rows() {
		if o := old.Other(r); o == nil || old.HostOf(o) != "db" {
			t.Errorf("other is %v", o)
		}
		head.Keep(old, r)
		if o := head.Other(r); o == nil || o.Lport != 443 {
			t.Errorf("kept is %v", o)
		}
	}
}

func TestFirst(t *testing.T) {
	c, s := ends2(1, 40000, conn.EventSample)
	unknown := func(r Row) *Row { r.Dir = 0; return &r }
	for _, p := range [][2]*Row{{&c, &s}, {unknown(c), &s}, {&c, unknown(s)}, {unknown(c), unknown(s)}} {
		if !first(p[0], p[1]) || first(p[1], p[0]) {
			t.Errorf("%v before %v", p[0].Dir, p[1].Dir)
		}
	}
}

// TestHeld has who holds back what one end sends to the other: what the sender says, but
// for a receiver that does not read.
func TestHeld(t *testing.T) {
	const web, db = "web", "db"
	for _, c := range []struct {
		from, to conn.Limit
		want     conn.Limit
		at       string
	}{
		{conn.LimitApp, 0, conn.LimitApp, web}, {conn.LimitApp, conn.LimitReader, conn.LimitApp, web},
		{conn.LimitSendBuffer, conn.LimitIdle, conn.LimitSendBuffer, web},
		{conn.LimitCwnd, conn.LimitReader, conn.LimitCwnd, ""}, {conn.LimitLoss, conn.LimitApp, conn.LimitLoss, ""},
		{conn.LimitPeerWindow, conn.LimitApp, conn.LimitPeerWindow, db}, {conn.LimitPeerWindow, conn.LimitReader, conn.LimitReader, db},
		{conn.LimitIdle, conn.LimitReader, conn.LimitReader, db}, {conn.LimitReader, conn.LimitApp, 0, ""}, {0, conn.LimitReader, conn.LimitReader, db},
		{conn.LimitIdle, conn.LimitIdle, conn.LimitIdle, ""}, {0, 0, 0, ""},
	} {
		from, to := Row{Limit: c.from, Share: 60}, Row{Limit: c.to, Share: 70}
		limit, share, at := Held(&from, &to)
		where := map[*Row]string{&from: web, &to: db}[at]
		want := uint8(60)
		switch {
		case c.want == 0:
			want = 0
		case c.want == conn.LimitReader:
			want = 70
		}
		if limit != c.want || where != c.at || share != want {
			t.Errorf("%v to %v: %v %d at %q, want %v %d at %q", c.from, c.to, limit, share, where, c.want, want, c.at)
		}
	}
	r, o := Row{TxRate: 5}, Row{TxRate: 4, RxRate: 5}
	if from, to := Heavier(&r, &o); from != &r || to != &o {
		t.Error("the lighter way")
	}
	o.SendQueue = 9
	if from, to := Heavier(&r, &o); from != &o || to != &r {
		t.Error("what waits does not weigh")
	}
}

// TestPairRates has the bytes of a connection that one host tells of later in one tick's
// rates, not in two.
func TestPairRates(t *testing.T) {
	j := NewJoint([]string{"web", "db"}, 0)
	c, s := ends2(1, 40000, conn.EventOpen)
	s.RxRate = 1000
	tell(j, 1, 1, s)
	seen(t, j, 1)
	s.Event, s.RxRate, c.TxRate = conn.EventSample, 7, 1007
	tell(j, 1, 2, s)
	tell(j, 0, 2, c)
	snap := j.Snapshot(time.Unix(0, 2), 2)
	for r := range snap.Rows() {
		if r.TxRate != 7 || r.RxRate != 0 || snap.HostOf(r) != "web" {
			t.Errorf("%s sent %d/s", snap.HostOf(r), r.TxRate)
		}
	}
}

// TestPairsHold has three hosts say anything of a few connections, whatever sense it
// makes, and looks whether all that is kept of pairs is consistent.
func TestPairsHold(t *testing.T) {
	for seed := range uint64(40) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		j := NewJoint([]string{"a", "b", "c"}, 8)
		events := []conn.Event{conn.EventSample, conn.EventSample, conn.EventOpen, conn.EventClose, conn.EventFail}
		states := []conn.State{conn.Established, conn.Established, conn.TimeWait, conn.Closed, conn.Listen}
		for tick := range int64(200) {
			for range rnd.IntN(4) {
				told := &Told{Mono: tick * 1e9, Full: rnd.IntN(8) == 0, First: rnd.IntN(20) == 0}
				for range rnd.IntN(5) {
					client, server := ends2(uint64(1+rnd.IntN(6)), uint16(40000+rnd.IntN(3)), events[rnd.IntN(len(events))])
					r := []Row{client, server}[rnd.IntN(2)]
					r.State, r.Opened = states[rnd.IntN(len(states))], int64(rnd.IntN(3))*int64(4*time.Second)
					told.Rows = append(told.Rows, r)
				}
				if rnd.IntN(3) == 0 {
					told.Gone = []conn.ID{{Cookie: uint64(1 + rnd.IntN(6))}}
				}
				j.Apply(rnd.IntN(3), told)
			}
			if rnd.IntN(10) == 0 {
				j.State(rnd.IntN(3), HostState(rnd.IntN(4)), "", tick*1e9)
			}
			checkPairs(t, j, tick*1e9)
			if t.Failed() {
				t.Fatalf("seed %d, tick %d", seed, tick)
			}
		}
		for i := range 3 {
			j.State(i, HostGone, "", 0)
		}
		checkPairs(t, j, 300e9)
		if len(j.ends.heads) > 0 || len(j.ends.late) > 0 || j.t.shown != 0 || j.t.index.Len() != 0 {
			t.Errorf("seed %d: %d chains, %d late, %d shown and %d rows are left", seed, len(j.ends.heads), len(j.ends.late), j.t.shown, j.t.index.Len())
		}
	}
}

func checkPairs(t *testing.T, j *Joint, mono int64) {
	t.Helper()
	s := j.Snapshot(time.Unix(0, mono), mono)
	defer s.Release()
	late := map[conn.ID]bool{}
	for _, l := range j.ends.late {
		late[l.id] = true
	}
	rows, all := 0, 0
	for r, shown := range s.Ends() {
		o := s.Other(r)
		all++
		if shown {
			rows++
		} else if o == nil && !late[r.ID] {
			t.Errorf("%s/%s is not shown", s.HostOf(r), r.ID)
		}
		if o != nil && (s.Other(o) != r || o.ID.Host == r.ID.Host || pairOf(o) != pairOf(r).turned()) {
			t.Errorf("%+v is the other end of %+v", o, r)
		}
	}
	if rows != s.Len() || all != j.t.index.Len() {
		t.Errorf("%d rows and %d ends, not %d and %d", rows, all, s.Len(), j.t.index.Len())
	}
	chained := 0
	for h, at := range j.ends.heads {
		for before := int32(0); at != 0; before, at = at, j.ends.links[at-1].next {
			if r := j.row(at - 1); j.ends.hash(r) != h || !joinable(r) || j.ends.links[at-1].prev != before {
				t.Errorf("%+v is in a chain", r)
			}
			chained++
		}
	}
	joinables := 0
	for r := range s.Ends() {
		if joinable(r) {
			joinables++
		}
	}
	if chained != joinables {
		t.Errorf("%d rows in chains, %d may be", chained, joinables)
	}
}
