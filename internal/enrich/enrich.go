// Package enrich gives connections what the kernel's records only point at: a
// name for their user id. It takes a conn.Sample and fills its Place pointers;
// it owns bounded caches, opens no socket and knows no collector.
//
// One goroutine uses an Enricher at a time.
package enrich

import (
	"os/user"
	"strconv"
	"time"

	"tcptop/internal/conn"
)

const (
	// maxPlaces bounds each cache. A cache that is full is emptied: the few keys
	// in use come back within a tick, and nothing has to be counted per use.
	maxPlaces = 1 << 14
	// retryAfter is how long a user id without a name stays so, in sample time.
	retryAfter = int64(time.Minute)
)

// Config says where names come from.
type Config struct {
	// LookupUser returns the name of a user id, "" where it has none; nil is
	// LookupUser of this package.
	LookupUser func(uid uint32) string
}

// Enricher fills samples. Make one with New.
type Enricher struct {
	lookup func(uid uint32) string
	users  map[uint32]userName
	places map[placeKey]*conn.Place
}

type placeKey struct {
	uid    uint32
	cgroup uint64
}

type userName struct {
	name string
	at   int64 // monotonic ns of the look-up
}

// New returns an Enricher with empty caches.
func New(cfg Config) *Enricher {
	if cfg.LookupUser == nil {
		cfg.LookupUser = LookupUser
	}
	return &Enricher{
		lookup: cfg.LookupUser,
		users:  make(map[uint32]userName),
		places: make(map[placeKey]*conn.Place),
	}
}

// LookupUser asks this host for the name of uid; it is "" where there is none.
func LookupUser(uid uint32) string {
	u, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	if err != nil {
		return ""
	}
	return u.Username
}

// Apply fills the Place of every connection in s that has none.
func (e *Enricher) Apply(s *conn.Sample) {
	for i := range s.Conns {
		e.fill(&s.Conns[i], s.Mono)
	}
	for i := range s.Closed {
		e.fill(&s.Closed[i], s.Mono)
	}
}

func (e *Enricher) fill(c *conn.Conn, now int64) {
	if c.Place != nil || c.Has&conn.HasUID == 0 {
		return
	}
	key := placeKey{uid: c.UID, cgroup: c.Cgroup}
	place, ok := e.places[key]
	if !ok {
		place = e.place(key, now)
	}
	c.Place = place
}

// place makes the Place of key and keeps it, unless nothing is known: then the
// user cache alone decides when to ask again.
func (e *Enricher) place(key placeKey, now int64) *conn.Place {
	name := e.user(key.uid, now)
	if name == "" {
		return nil
	}
	if len(e.places) >= maxPlaces {
		clear(e.places)
	}
	p := &conn.Place{User: name}
	e.places[key] = p
	return p
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
