package group

import (
	"slices"
	"sync/atomic"
	"time"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// View is what there is to tell after one tick. It never changes, and any number of
// goroutines may read it.
//
// The bytes of all Groups and Retired are together those of Host.
type View struct {
	Time      time.Time
	Began     time.Time // when counting began
	Mono      int64
	Origin    conn.Origin
	Host      Host
	Groups    []Group // in order of their keys; the last is Other
	Retired   Traffic // of groups that lost their place
	Folded    Traffic // of Other, what had no place when it came
	Places    int     // for groups, taken or not
	Evictions uint64
	Loss      conn.Loss
	NotShown  uint64 // open connections that have no row
	Cost      conn.Cost
	Programs  []conn.Program

	read atomic.Bool
}

// Group is what the connections of one group did since it has its place.
type Group struct {
	Key    Key
	Moved  Traffic
	Opened uint64
	Conns  uint64    // now
	RTT    uint32    // µs, the largest smoothed one now; 0 is not known
	Since  time.Time // when it got its place

	since int64
}

// Read says that somebody takes what is in v. From then on new groups count for themselves.
func (v *View) Read() { v.read.Store(true) }

func (f *Folder) look(s *table.Snapshot) *View {
	when := func(mono int64) time.Time { return s.Time.Add(time.Duration(mono - s.Mono)) }
	v := &View{
		Time: s.Time, Began: when(f.start), Mono: s.Mono, Origin: s.Origin, Host: f.host,
		Retired: f.slots.retired, Folded: f.slots.folded, Places: f.cfg.Top, Evictions: f.slots.evictions,
		Loss: s.Loss, NotShown: s.NotShown(), Cost: s.Cost, Programs: s.Programs,
	}
	v.Groups = make([]Group, 0, len(f.slots.named)+1)
	for _, g := range f.slots.named {
		one := g.group()
		one.Since = when(g.since)
		v.Groups = append(v.Groups, one)
	}
	slices.SortFunc(v.Groups, func(a, b Group) int { return compareKeys(a.Key, b.Key) })
	rest := f.slots.other.group()
	rest.Since = v.Began
	v.Groups = append(v.Groups, rest)
	return v
}

func (g *slot) group() Group {
	return Group{Key: g.key, Moved: g.moved, Opened: g.opened, Conns: g.conns, RTT: g.rtt, since: g.since}
}
