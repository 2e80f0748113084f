package enrich

import (
	"os"
	"strconv"
	"testing"

	"tcptop/internal/conn"
)

// counted is a look-up that remembers how often it was asked.
type counted struct {
	names map[uint32]string
	asked map[uint32]int
}

func (c *counted) lookup(uid uint32) string {
	c.asked[uid]++
	return c.names[uid]
}

func newCounted(names map[uint32]string) *counted {
	return &counted{names: names, asked: make(map[uint32]int)}
}

func sample(mono int64, uids ...uint32) *conn.Sample {
	s := &conn.Sample{Mono: mono}
	for _, uid := range uids {
		s.Conns = append(s.Conns, conn.Conn{Seat: uint32(len(s.Conns) + 1), Has: conn.HasUID, UID: uid})
	}
	return s
}

func TestApplyNamesLiveAndClosed(t *testing.T) {
	c := newCounted(map[uint32]string{0: "root", 1000: "ann"})
	s := sample(0, 0, 1000)
	s.Closed = []conn.Conn{{Has: conn.HasUID, UID: 1000}}
	open(t, Config{LookupUser: c.lookup}).Apply(s)
	if got := s.Conns[0].Place.User; got != "root" {
		t.Errorf("uid 0 is %q, want root", got)
	}
	if got := s.Closed[0].Place.User; got != "ann" {
		t.Errorf("closed row is %q, want ann", got)
	}
	if s.Conns[1].Place != s.Closed[0].Place {
		t.Error("rows of one user do not share their Place")
	}
}

func TestApplyLeavesUnknownAlone(t *testing.T) {
	c := newCounted(map[uint32]string{0: "root"})
	given := &conn.Place{User: "given"}
	s := sample(0, 7, 0)
	s.Conns = append(s.Conns, conn.Conn{}, conn.Conn{Has: conn.HasUID, Place: given})
	open(t, Config{LookupUser: c.lookup}).Apply(s)
	if s.Conns[0].Place != nil {
		t.Error("a user id without a name got a Place")
	}
	if s.Conns[2].Place != nil {
		t.Error("a connection without a user id got a Place")
	}
	if s.Conns[3].Place != given {
		t.Error("a Place that was there was replaced")
	}
}

func TestUnknownUserIsAskedAgainLater(t *testing.T) {
	c := newCounted(map[uint32]string{})
	e := open(t, Config{LookupUser: c.lookup})
	e.Apply(sample(0, 7, 7))
	e.Apply(sample(retryAfter-1, 7))
	if c.asked[7] != 1 {
		t.Errorf("asked %d times within the retry time, want once", c.asked[7])
	}
	c.names[7] = "new"
	s := sample(retryAfter, 7)
	e.Apply(s)
	if s.Conns[0].Place == nil || s.Conns[0].Place.User != "new" {
		t.Errorf("place after the retry time is %v, want new", s.Conns[0].Place)
	}
}

func TestOneLookupPerUserOverCgroups(t *testing.T) {
	c := newCounted(map[uint32]string{5: "web"})
	s := sample(0, 5, 5, 5)
	for i := range s.Conns {
		s.Conns[i].Cgroup = uint64(i)
	}
	open(t, Config{LookupUser: c.lookup}).Apply(s)
	if c.asked[5] != 1 {
		t.Errorf("asked %d times for one user in three cgroups, want once", c.asked[5])
	}
	if s.Conns[0].Place == s.Conns[1].Place {
		t.Error("two cgroups share a Place")
	}
}

func TestCachesAreBounded(t *testing.T) {
	e := open(t, Config{LookupUser: func(uint32) string { return "u" }})
	for uid := range uint32(3*maxPlaces + 1) {
		e.Apply(sample(0, uid))
	}
	if len(e.users) > maxPlaces || len(e.places) > maxPlaces {
		t.Errorf("caches hold %d users and %d places, want at most %d", len(e.users), len(e.places), maxPlaces)
	}
}

// TestSeats gives each connection what is its own, whoever had its seat before and however
// often it has no seat.
func TestSeats(t *testing.T) {
	e := open(t, Config{LookupUser: func(uid uint32) string { return strconv.Itoa(int(uid)) }})
	me := ownerOf(t, os.Getpid())
	for _, c := range []struct{ seat, uid, netns, pid uint32 }{
		{1, 5, 1, me.PID}, {2, 6, 1, 0}, {1, 6, 1, me.PID}, {1, 6, 1, 0}, {5000, 7, 1, 0}, {2, 5, 2, me.PID}, {0, 5, 1, 0}, {1, 5, 1, me.PID}, {0, 6, 1, me.PID},
	} {
		row := conn.Conn{Seat: c.seat, Has: conn.HasUID, UID: c.uid, NetNS: c.netns}
		if c.pid != 0 {
			row.Owner = me
		}
		s := &conn.Sample{Mono: 1, Conns: []conn.Conn{row}}
		e.Apply(s)
		is := &s.Conns[0]
		if is.Place == nil || is.Place.User != strconv.Itoa(int(c.uid)) || (is.Process != nil) != (c.pid != 0) {
			t.Errorf("%+v: place %+v, process %v", c, is.Place, is.Process)
		}
	}
}

func TestKnownKeysDoNotAllocate(t *testing.T) {
	e := open(t, Config{LookupUser: func(uid uint32) string { return map[uint32]string{1: "one"}[uid] }})
	s := sample(0, 1, 2)
	n := testing.AllocsPerRun(100, func() {
		for i := range s.Conns {
			s.Conns[i].Place = nil
		}
		e.Apply(s)
	})
	if n != 0 {
		t.Errorf("%v allocations for known keys, want none", n)
	}
}

func TestLookupUserOfThisHost(t *testing.T) {
	if got := LookupUser(1<<32 - 2); got != "" {
		t.Errorf("user id 4294967294 is %q, want no name", got)
	}
}
