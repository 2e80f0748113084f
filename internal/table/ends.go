package table

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"net/netip"
	"slices"
	"time"

	"tcptop/internal/conn"
)

// ends finds the two ends of connections between hosts, by position. Of each pair the
// first is shown, the second is reached from it.
type ends struct {
	seed  maphash.Seed
	heads map[uint64]int32 // by ends: the first position of a chain, from 1
	links []link           // by position
	mates []int32          // by position: the other end's from 1; 0 is none, alone is never again
	lent  bool             // a snapshot has mates: they are copied before they change
	dirty map[uint64]struct{}
	late  []lateEnd
	over  map[uint64]overEnd
	turn  int64 // of snapshots
	mono  int64 // of the last one
	apart bool
}

func newEnds() ends {
	return ends{seed: maphash.MakeSeed(), heads: make(map[uint64]int32), dirty: make(map[uint64]struct{}), over: make(map[uint64]overEnd)}
}

// link is a row's place in the chain of those with the same ends, either way round.
type link struct {
	next, prev int32 // from 1; 0 is none
	since      int64 // the turn in which it came
}

// alone marks the end of a connection whose other end is over.
const alone = -1

// lateEnd is an end that is not shown, since its connection's end was told already.
type lateEnd struct {
	id   conn.ID
	pos  int32
	turn int64 // since when
	mono int64
}

// overEnd is a row whose connection has ended and of which no other end was there.
type overEnd struct {
	from pair
	turn int64
	mono int64
	host uint16
}

const (
	// openApart is how far two views of the moment a connection opened may differ: those of
	// two hosts, by the clock of who joins.
	openApart = int64(5 * time.Second)
	// lateTurns and lateFor are for how long an end is waited for after the other one's.
	lateTurns, lateFor = 3, int64(2 * time.Second)
	// maxOver bounds the connections that are remembered for that long.
	maxOver = 1 << 16
)

// pair is the two ends of a connection.
type pair struct {
	a, b conn.Addr
	p, q uint16
}

func pairOf(r *Row) pair { return pair{r.Laddr, r.Raddr, r.Lport, r.Rport} }

func (e pair) turned() pair { return pair{e.b, e.a, e.q, e.p} }

// hash is the same for both ends.
func (e *ends) hash(r *Row) uint64 {
	t := pairOf(r)
	if c := cmp.Or(bytes.Compare(t.a[:], t.b[:]), cmp.Compare(t.p, t.q)); c > 0 {
		t = t.turned()
	}
	return maphash.Comparable(e.seed, t)
}

// joinable reports whether the other end of r may be another host's: its addresses mean
// the same there, and it is a connection and not what one leaves or begins with.
func joinable(r *Row) bool {
	if r.Proto != conn.TCP || r.Has&conn.HasRaddr == 0 || r.Lport == 0 || r.Rport == 0 {
		return false
	}
	switch r.State {
	case conn.Listen, conn.TimeWait, conn.SynRecv, conn.NewSynRecv:
		return false
	}
	return r.Laddr != r.Raddr && travels(r.Laddr.Netip()) && travels(r.Raddr.Netip())
}

func travels(a netip.Addr) bool { return a.IsGlobalUnicast() } // neither loopback nor link-local, multicast or unspecified

// relink puts s, which was was before, where its ends belong.
func (j *Joint) relink(s slot, was *Row) {
	known := was.ID == s.ID
	if known && pairOf(was) == pairOf(s.Row) && was.State == s.State && was.Proto == s.Proto && (was.Has^s.Has)&conn.HasRaddr == 0 {
		if l := j.ends.links[s.pos]; l.next|l.prev != 0 && j.ends.mates[s.pos] == 0 {
			j.ends.dirty[j.ends.hash(s.Row)] = struct{}{} // what did not fit may do so now
		}
		return
	}
	before, now := known && joinable(was), joinable(s.Row)
	if before && now && pairOf(was) == pairOf(s.Row) {
		return
	}
	if before {
		j.part(s, false)
		j.ends.unlink(s.pos, was)
	}
	if now && !j.ends.apart {
		j.ends.link(s)
	}
}

func (e *ends) link(s slot) {
	h, at := e.hash(s.Row), s.pos+1
	l := &e.links[s.pos]
	*l = link{next: e.heads[h], since: e.turn}
	if l.next != 0 {
		e.links[l.next-1].prev = at
	}
	e.heads[h] = at
	if len(e.over) > 0 || l.next != 0 {
		e.dirty[h] = struct{}{}
	}
}

func (e *ends) unlink(pos int32, r *Row) {
	h, l := e.hash(r), e.links[pos]
	e.links[pos] = link{}
	switch {
	case l.prev != 0:
		e.links[l.prev-1].next = l.next
	case e.heads[h] != pos+1:
		return // it was in no chain
	case l.next == 0:
		delete(e.heads, h)
		return
	default:
		e.heads[h] = l.next
	}
	if l.next != 0 {
		e.links[l.next-1].prev = l.prev
	}
	e.dirty[h] = struct{}{}
}

// grow makes room for the positions below n.
func (e *ends) grow(n int) {
	e.links = append(e.links, make([]link, n-len(e.links))...)
	e.own()
	e.mates = append(e.mates, make([]int32, n-len(e.mates))...)
}

// own makes mates free to change.
func (e *ends) own() {
	if e.lent {
		e.mates, e.lent = slices.Clone(e.mates), false
	}
}

func (e *ends) set(pos, mate int32) {
	if e.mates[pos] != mate {
		e.own()
		e.mates[pos] = mate
	}
}

// Apart leaves both ends of a connection rows of their own.
func (j *Joint) Apart() { j.ends.apart = true }
