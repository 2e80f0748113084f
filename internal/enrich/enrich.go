// Package enrich gives connections what the kernel's records only point at: a
// name for their user id, the unit, session and container of their cgroup, a name
// for their network namespace, the program and command line of their process. It takes
// a conn.Sample and fills its Place and Process pointers; it owns bounded caches and
// knows no collector and no runtime.
//
// One goroutine uses an Enricher at a time. What takes longer than a few µs is
// looked up in another one, and is there in a later tick.
package enrich

import (
	"context"
	"os/user"
	"strconv"
	"sync"
	"time"

	"tcptop/internal/conn"
)

const (
	// maxPlaces bounds each cache. A cache that is full is emptied: the few keys
	// in use come back within a tick, and nothing has to be counted per use.
	maxPlaces = 1 << 15
	// retryAfter is how long a user id without a name stays so, in sample time.
	retryAfter = int64(time.Minute)
	// spacesEvery is how often names of network namespaces are looked for, likewise.
	spacesEvery = int64(time.Second)
	// linksEvery is how often all namespaces' network devices are read again, linksAgain how
	// soon those of one that a connection has an unknown device in, likewise.
	linksEvery = int64(time.Minute)
	linksAgain = int64(time.Second)
	// firstWait is how long the first tick waits for what was there before: a single one
	// (-n 1) shall be whole.
	firstWait = 250 * time.Millisecond
)

// Config says where names come from.
type Config struct {
	// LookupUser returns the name of a user id, "" where it has none; nil is
	// LookupUser of this package.
	LookupUser func(uid uint32) string
	// Containers tells of containers until ctx ends; nil is nobody.
	Containers func(ctx context.Context, feed conn.ContainerFeed)
	Proc       string // where procfs is mounted; "" is /proc
	NetNS      string // where ip-netns(8) keeps names; "" is /run/netns
}

// Enricher fills samples. Make one with New.
type Enricher struct {
	lookup  func(uid uint32) string
	netns   string
	users   map[uint32]userName
	places  map[placeKey]*entry
	spots   map[uint64]*spot // by cgroup id
	spaces  map[uint32]*space
	boxes   boxes
	cgroups cgroups
	own     map[uint32]bool // network namespaces that no container names
	owners  processes

	clerk    *clerk
	stop     context.CancelFunc
	watching sync.WaitGroup
	feed     func(ctx context.Context, feed conn.ContainerFeed)
	wanted   chan struct{} // closed once a container has no name
	listed   chan struct{} // closed once those that were there are known

	known    conn.Seats[known]
	last     known               // of the connection without a seat that was named last: the next is often alike
	runNames map[uint32]string   // network namespaces by ip-netns(8)
	stamp    int64               // of the directory that they are from
	lookAt   int64               // when to look again for those that have no name
	strange  bool                // there are such
	linksAt  int64               // when to read all network devices again
	dirty    bool                // what places follow from has changed
	changed  map[uint32]struct{} // network namespaces whose name has
	asked    int                 // the kernel, in this tick
	started  bool
	news     []conn.PlaceChange
}

type userName struct {
	name string
	at   int64 // monotonic ns of the look-up
}

// New returns an Enricher with empty caches. Close ends it.
func New(cfg Config) *Enricher {
	if cfg.LookupUser == nil {
		cfg.LookupUser = LookupUser
	}
	if cfg.Proc == "" {
		cfg.Proc = "/proc"
	}
	if cfg.NetNS == "" {
		cfg.NetNS = "/run/netns"
	}
	e := &Enricher{
		lookup:  cfg.LookupUser,
		netns:   cfg.NetNS,
		users:   make(map[uint32]userName),
		places:  make(map[placeKey]*entry),
		spots:   make(map[uint64]*spot),
		spaces:  make(map[uint32]*space),
		cgroups: openCgroups(cfg.Proc),
		own:     ownSpaces(cfg.Proc),
		feed:    cfg.Containers,
		wanted:  make(chan struct{}),
		listed:  make(chan struct{}),
		changed: make(map[uint32]struct{}),
		strange: true,
	}
	e.owners.forgot = e.forgetKnown
	e.clerk = newClerk(&e.cgroups, cfg.Proc, cfg.NetNS)
	return e
}

// watch lets runtimes tell of containers.
func (e *Enricher) watch() {
	listed := sync.OnceFunc(func() { close(e.listed) })
	if e.feed == nil {
		listed()
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	e.stop = stop
	e.watching.Go(func() {
		defer listed()
		e.feed(ctx, conn.ContainerFeed{Wanted: e.wanted, Found: e.clerk.found, Listed: listed, Failed: e.clerk.failed})
	})
}

// want says that a container has no name.
func (e *Enricher) want() {
	select {
	case <-e.wanted:
	default:
		close(e.wanted)
	}
}

// Close ends what goes on in the background. Places that were given out stay.
func (e *Enricher) Close() error {
	if e.stop != nil {
		e.stop()
	}
	e.watching.Wait()
	e.clerk.close()
	return e.cgroups.close()
}

// LookupUser asks this host for the name of uid; it is "" where there is none.
func LookupUser(uid uint32) string {
	u, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	if err != nil {
		return ""
	}
	return u.Username
}

// Apply fills the Place and Process of every connection in s that has none, and says
// which of those that it has given out before are known better now.
func (e *Enricher) Apply(s *conn.Sample) {
	e.Begin(s)
	e.Name(s, s.Conns)
	e.Name(s, s.Closed)
	e.End(s)
}

// Begin comes before Name for all rows of s, a part of them at a time, and End: Apply for
// who has more to do with a row while the processor has it at hand.
func (e *Enricher) Begin(s *conn.Sample) {
	e.asked, e.news = 0, e.news[:0]
	e.learn(s.Cgroups)
	e.lookForSpaces(s.Mono)
	e.lookAtLinks(s.Mono)
	e.catchUp(s)
	e.owners.begin()
}

// Name fills the Place and Process of rows of s that have none.
func (e *Enricher) Name(s *conn.Sample, rows []conn.Conn) {
	for i := range rows {
		e.fill(&rows[i], s.Mono)
	}
}

// End says what is known better now of those that were given out before.
func (e *Enricher) End(s *conn.Sample) {
	if !e.started {
		e.started = true
		e.watch()
		e.awaitFirst()
		e.catchUp(s)
	}
	if e.dirty || len(e.changed) > 0 {
		e.rebuild(s.Mono)
		replace(s, e.news, func(c *conn.Conn) **conn.Place { return &c.Place })
	}
	s.Places = e.news
	e.owners.end(s)
}

// replace gives this sample's connections what is known better by now.
func replace[T any](s *conn.Sample, news []conn.Change[T], of func(*conn.Conn) **T) {
	if len(news) == 0 {
		return
	}
	is := make(map[*T]*T, len(news))
	for _, n := range news {
		is[n.Was] = n.Is
	}
	for _, all := range [][]conn.Conn{s.Conns, s.Closed} {
		for i := range all {
			if better := is[*of(&all[i])]; better != nil {
				*of(&all[i]) = better
			}
		}
	}
}

func (e *Enricher) user(uid uint32, now int64) string {
	u, ok := e.users[uid]
	if ok && (u.name != "" || now-u.at < retryAfter) {
		return u.name
	}
	if len(e.users) >= maxPlaces {
		clear(e.users)
	}
	u = userName{name: e.lookup(uid), at: now}
	e.users[uid] = u
	return u.name
}
