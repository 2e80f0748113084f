// Package report sums a recording: who moved how much, by process, container, remote
// and port. It takes samples in order and reads no clock; it knows no file and no
// terminal.
package report

import (
	"cmp"
	"net/netip"
	"reflect"
	"slices"
	"strconv"

	"tcptop/internal/conn"
)

// Kinds are what talkers are told apart by.
func Kinds() []string { return []string{"process", "container", "remote", "port"} }

// Talker is the sum of the connections that share a process name, a container, a remote
// address or a port.
type Talker struct {
	Kind           string
	Name           string // hostile until escaped; "" where it is not known
	RxBytes        uint64 // payload
	TxBytes        uint64
	Opened         uint64 // connections and UDP flows that began
	Closed         uint64 // and ended, the failed ones included
	Failed         uint64 // TCP connections that were never established
	MaxRTT         uint32 // µs, the worst smoothed one; 0 is not measured
	RetransPackets uint64
	RetransBytes   uint64
}

// Bytes is the sum of both directions.
func (t *Talker) Bytes() uint64 { return t.RxBytes + t.TxBytes }

// maxTalkers bounds the talkers of a kind; those that come later are summed as others.
const maxTalkers = 1 << 17

// Others is the name of what found no room.
const Others = "(others)"

// Sum folds samples into talkers.
type Sum struct {
	// Keep says which connections count; nil is all.
	Keep func(*conn.Conn, *conn.Sample) bool

	kinds   []string
	talkers map[key]*Talker
	names   map[string]int // talkers by kind
	known   map[conn.ID]counters
	mono    int64 // of the sample before
	began   int64 // of the first one, or the first since the host was started anew
	started bool
	loss    conn.Loss // of the sample before
	lost    conn.Loss // since the first
	open    []conn.OwnerTotal
	ended   map[conn.OwnerTotal]conn.OwnerTotal // as of the sample before
}

type key struct{ kind, name string }

// counters are what a connection had when it was last named.
type counters struct {
	rx, tx, retransBytes uint64
	retransPackets       uint32
}

// New returns an empty Sum by some of Kinds.
func New(kinds []string) *Sum {
	return &Sum{kinds: kinds, talkers: map[key]*Talker{}, names: map[string]int{}, known: map[conn.ID]counters{}}
}

// Base takes the state before what is to be summed.
func (s *Sum) Base(x *conn.Sample) {
	for i := range x.Conns {
		s.known[x.Conns[i].ID] = countersOf(&x.Conns[i])
	}
	s.mono, s.began, s.started, s.loss = x.Mono, x.Mono, true, x.Loss
	s.baseEnded(x)
}

// Add sums a tick. Of what was open before the first one, only what it moves afterwards
// counts. What happened in a gap of the recording counts where its connection is still there.
func (s *Sum) Add(x *conn.Sample) {
	if !s.started {
		s.Base(&conn.Sample{Mono: x.Mono, Loss: x.Loss, Conns: x.Conns, Totals: x.Totals})
	}
	if x.Mono < s.mono { // the host has been started anew
		clear(s.known)
		s.began = x.Mono
	}
	s.lose(x)
	s.addEnded(x)
	for i := range x.Conns {
		s.move(&x.Conns[i], x, false)
	}
	for i := range x.Closed {
		s.move(&x.Closed[i], x, true)
		delete(s.known, x.Closed[i].ID)
	}
	for _, id := range x.Gone {
		delete(s.known, id)
	}
	if x.Reset {
		s.forget(x)
	}
	s.mono = x.Mono
}

// forget drops what went in a gap.
func (s *Sum) forget(x *conn.Sample) {
	still := make(map[conn.ID]counters, len(x.Conns))
	for i := range x.Conns {
		still[x.Conns[i].ID] = s.known[x.Conns[i].ID]
	}
	s.known = still
}

// lose adds up what was lost while it was recorded. A recorder that starts counts anew.
func (s *Sum) lose(x *conn.Sample) {
	was, is, sum := reflect.ValueOf(s.loss), reflect.ValueOf(x.Loss), reflect.ValueOf(&s.lost).Elem()
	for i := range is.NumField() {
		n, before := is.Field(i).Uint(), was.Field(i).Uint()
		if n < before {
			before = 0
		}
		sum.Field(i).SetUint(sum.Field(i).Uint() + n - before)
	}
	s.loss = x.Loss
}

// Lost is what was not seen or not kept in that time.
func (s *Sum) Lost() conn.Loss { return s.lost }

func countersOf(c *conn.Conn) counters {
	return counters{c.RxBytes, c.TxBytes, c.RetransBytes, c.RetransPackets}
}

// move counts what c did since it was last named.
func (s *Sum) move(c *conn.Conn, x *conn.Sample, closed bool) {
	was, known := s.known[c.ID]
	now := countersOf(c)
	since := s.mono
	if closed && c.Proto == conn.TCP {
		since = s.began // it had no row while it was open
	}
	opened := !known && c.Opened > since
	if !known && !opened {
		was = now // older than what is summed
	}
	now.rx, now.tx = max(now.rx, was.rx), max(now.tx, was.tx)
	s.known[c.ID] = now
	if s.Keep != nil && !s.Keep(c, x) || c.State == conn.Listen {
		return
	}
	failed := closed && c.Proto == conn.TCP && (c.State == conn.SynSent || c.Reason == conn.Refused)
	for _, kind := range s.kinds {
		t := s.talker(kind, nameOf(kind, c))
		t.RxBytes += now.rx - was.rx
		t.TxBytes += now.tx - was.tx
		t.RetransBytes += now.retransBytes - min(was.retransBytes, now.retransBytes)
		t.RetransPackets += uint64(now.retransPackets - min(was.retransPackets, now.retransPackets))
		t.MaxRTT = max(t.MaxRTT, c.RTT)
		t.Opened += one(opened)
		t.Closed += one(closed)
		t.Failed += one(failed)
	}
}

func one(yes bool) uint64 {
	if yes {
		return 1
	}
	return 0
}

func (s *Sum) talker(kind, name string) *Talker {
	if t := s.talkers[key{kind, name}]; t != nil {
		return t
	}
	if s.names[kind] >= maxTalkers && name != Others {
		return s.talker(kind, Others)
	}
	t := &Talker{Kind: kind, Name: name}
	s.talkers[key{kind, name}] = t
	s.names[kind]++
	return t
}

// nameOf is what c counts under.
func nameOf(kind string, c *conn.Conn) string {
	switch kind {
	case "process":
		if c.Owner.Kernel {
			return "(kernel)"
		}
		return c.Owner.Comm.String()
	case "container":
		if c.Place == nil {
			return ""
		}
		return cmp.Or(c.Place.Container, c.Place.ContainerID)
	case "remote":
		if c.Has&conn.HasRaddr == 0 {
			return ""
		}
		return c.Raddr.Netip().String()
	}
	if c.Lport == 0 && c.Rport == 0 {
		return ""
	}
	return c.Proto.String() + "/" + strconv.Itoa(int(servicePort(c)))
}

// servicePort is the port of the side that was called; where that is not known, the
// smaller one.
func servicePort(c *conn.Conn) uint16 {
	switch {
	case c.Dir == conn.In || c.Rport == 0:
		return c.Lport
	case c.Dir == conn.Out:
		return c.Rport
	}
	return min(c.Lport, c.Rport)
}

// Talkers returns the first top of each kind by bytes, the kinds in their order; 0 is all.
// What is not known has no name and comes where its bytes put it.
func (s *Sum) Talkers(top int) []Talker {
	by := map[string][]Talker{}
	for k, t := range s.talkers {
		if t.Bytes() > 0 || t.Opened > 0 || t.Closed > 0 || t.RetransPackets > 0 { // else it was only there
			by[k.kind] = append(by[k.kind], *t)
		}
	}
	var all []Talker
	for _, kind := range s.kinds {
		of := by[kind]
		slices.SortFunc(of, func(a, b Talker) int {
			return cmp.Or(cmp.Compare(b.Bytes(), a.Bytes()), cmp.Compare(b.Opened, a.Opened), cmp.Compare(b.Closed, a.Closed), compareNames(a.Name, b.Name))
		})
		if top > 0 {
			of = of[:min(top, len(of))]
		}
		all = append(all, of...)
	}
	return all
}

// compareNames orders addresses as numbers.
func compareNames(a, b string) int {
	x, errX := netip.ParseAddr(a)
	y, errY := netip.ParseAddr(b)
	if errX == nil && errY == nil {
		return x.Compare(y)
	}
	return cmp.Compare(a, b)
}
