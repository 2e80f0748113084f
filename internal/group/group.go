// Package group folds snapshots into what a host moved, exactly, and by whom, in a fixed
// number of groups: the same few series whatever happens on the host. It is pure.
package group

import (
	"maps"
	"time"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// Config bounds a Folder. Zero fields take their defaults.
type Config struct {
	Top    int    // groups besides other; 50
	Peer   Peer   // what is told of remote addresses
	Redact Redact // what is not told at all

	Window       time.Duration // over which groups are compared; 10s
	Rounds       int           // windows in a row that a group must win to take another's place; 3
	Residency    time.Duration // for which a group keeps its place at least; 10m
	Replacements int           // places that change hands in an hour at most; 30
}

func (c Config) withDefaults() Config {
	fill(&c.Top, 50)
	fill(&c.Window, 10*time.Second)
	fill(&c.Rounds, 3)
	fill(&c.Residency, 10*time.Minute)
	fill(&c.Replacements, 30)
	return c
}

func fill[T int | time.Duration](field *T, value T) {
	if *field <= 0 {
		*field = value
	}
}

// Folder adds up what snapshots say was moved. It is for one goroutine; the Views that it
// gives away are for any.
type Folder struct {
	cfg    Config
	start  int64  // monotonic ns of the first tick: what moved before is nobody's
	tick   uint64 // number of this one
	seats  []seat // by Row.Pos
	host   Host
	groups map[Key]*member // that had rows in the tick before
	active []*member       // that have some in this one, in order of these
	slots  slots
	view   *View // the newest
}

// New returns a Folder that has seen nothing.
func New(cfg Config) *Folder {
	cfg = cfg.withDefaults()
	return &Folder{cfg: cfg, groups: make(map[Key]*member), slots: newSlots(cfg)}
}

// member is what the connections of one group did in this tick.
type member struct {
	key    Key
	tick   uint64
	moved  Traffic
	opened uint64
	conns  uint64
	rtt    uint32 // µs, the largest
}

// Fold takes the next snapshot; none may be left out. s may be released afterwards.
func (f *Folder) Fold(s *table.Snapshot) *View {
	f.tick++
	begins := s.First || f.tick == 1
	if begins {
		clear(f.seats)
		f.start = s.Mono
		f.slots.begin(s.Mono)
	}
	f.slots.expose(f.view)
	f.host.States = [len(f.host.States)]uint64{}
	f.host.Flows = 0
	for r := range s.Rows() {
		f.row(r, s.Mono)
	}
	f.slots.rest()
	for _, m := range f.active {
		f.slots.add(m)
	}
	f.active = f.active[:0]
	maps.DeleteFunc(f.groups, func(_ Key, m *member) bool { return m.tick != f.tick })
	if !begins {
		f.addLost(s.Ended)
	}
	f.slots.compete(s.Mono)
	f.view = f.look(s)
	return f.view
}

// row counts what r did since the tick before, or since it was last counted.
func (f *Folder) row(r *table.Row, now int64) {
	p := f.seat(r)
	var moved Traffic
	opened := false
	if !f.waits(r, now) {
		moved, opened = p.take(r, f.start), p.opens(r, f.start)
	}
	f.host.row(r, &moved, opened)
	if !grouped(r) {
		return
	}
	m := f.member(p, r)
	m.moved.Add(&moved)
	if opened {
		m.opened++
	}
	if live(r) {
		m.conns++
		if r.Has&conn.HasPath != 0 {
			m.rtt = max(m.rtt, r.RTT)
		}
	}
}

// ownerless is for how long a new connection is not counted while nobody knows whose it
// is: a server's becomes known some ticks after it was accepted, five seconds at most if
// nothing else does, and what is counted before that would stay in the group of nobody.
const ownerless = 6 * time.Second

func (f *Folder) waits(r *table.Row, now int64) bool {
	return r.Owner.PID == 0 && !r.Owner.Kernel && live(r) && r.Opened > f.start && now-r.Opened < int64(ownerless)
}

// member is the group of r, whose seat is p.
func (f *Folder) member(p *seat, r *table.Row) *member {
	if p.member == nil || p.describes != described(r) {
		key := f.cfg.key(r)
		p.describes, p.member = described(r), f.groups[key]
		if p.member == nil {
			p.member = &member{key: key}
		}
	}
	m := p.member
	if m.tick != f.tick {
		// Its own entry may have gone while it had no row.
		if known := f.groups[m.key]; known != nil {
			m, p.member = known, known
		} else {
			f.groups[m.key] = m
		}
		if m.tick != f.tick {
			*m = member{key: m.key, tick: f.tick}
			f.active = append(f.active, m)
		}
	}
	return m
}

// addLost counts what never had a row: the connections that ended in this tick, and datagrams, of
// which nobody knows which of them came and which went.
func (f *Folder) addLost(ended []conn.OwnerTotal) {
	for i := range ended {
		t := &ended[i]
		moved := Traffic{RxBytes: t.RxBytes, TxBytes: t.TxBytes}
		f.host.Moved[t.Proto].Add(&moved)
		f.host.Closed[t.Proto][0] += t.Conns
		f.slots.other.moved.Add(&moved)
	}
}
