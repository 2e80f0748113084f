package names

import (
	"errors"
	"time"

	"tcptop/internal/conn"
)

const (
	maxPending   = 4096 // queries that wait for an answer
	maxAddresses = 8192 // addresses with a name, of those that were not used for long
	maxNames     = 4    // of one address
)

const (
	// answerWithin is how long a query is waited for: resolvers give up sooner.
	answerWithin = int64(30 * time.Second)
	// grace is how long after its TTL an answer still names new connections: programs
	// keep what they were told for a while, as browsers and the JVM do.
	grace = int64(time.Minute)
)

// dns knows which name each address was asked for by.
type dns struct {
	pending recent[askKey, asked]
	names   recent[place, *[]told]
	aged    int64 // monotonic ns of when the pending ones were last thinned out
	counts  Counts
}

// askKey is what an answer must agree in with its query, besides the question.
type askKey struct {
	socket uint64
	server conn.Addr
	id     uint16
}

type asked struct {
	question
	netns, uid, pid uint32
	at              int64 // monotonic ns
}

// place is an address as one network namespace knows it.
type place struct {
	netns uint32
	addr  conn.Addr
}

// told is one name of an address: who asked for it, and from when to when that was
// so, in monotonic ns.
type told struct {
	remote             *conn.Remote
	uid, pid           uint32
	first, last, until int64
}

// Counts says what became of the messages so far.
type Counts struct {
	Queries   uint64 // for addresses
	Answers   uint64 // that were believed
	Unasked   uint64 // answers to what nobody had asked, or not that server, or not in time
	Malformed uint64 // messages that no DNS message is like
}

func newDNS() dns {
	return dns{pending: newRecent[askKey, asked](maxPending), names: newRecent[place, *[]told](maxAddresses)}
}

// hear takes in one message. It returns the answer, whose question somebody asked, and
// who that was; ok is false of every other message.
func (d *dns) hear(m *conn.DNSMessage) (a answer, by asked, ok bool) {
	if m.Time-d.aged > answerWithin {
		d.aged = m.Time
		d.pending.age()
	}
	if !m.Answer {
		d.ask(m)
		return a, by, false
	}
	id, a, err := parseAnswer(m.Data, m.Cut)
	switch {
	case errors.Is(err, errOther):
		return a, by, false
	case err != nil:
		d.counts.Malformed++
		return a, by, false
	}
	key := askKey{m.Socket, m.Server, id}
	by, ok = d.pending.get(key)
	if !ok || by.question != a.question || m.Time-by.at > answerWithin {
		d.counts.Unasked++
		return a, by, false
	}
	d.counts.Answers++
	d.pending.remove(key) // the first answer is the one that the resolver takes
	return a, by, true
}

func (d *dns) ask(m *conn.DNSMessage) {
	id, q, err := parseQuery(m.Data)
	switch {
	case err == nil && q.name != "":
		d.counts.Queries++
		d.pending.put(askKey{m.Socket, m.Server, id}, asked{q, m.NetNS, m.UID, m.PID, m.Time})
	case err != nil && !errors.Is(err, errOther):
		d.counts.Malformed++
	}
}

// learn notes that at time at the address of p was told to whoever asked.
func (d *dns) learn(p place, remote *conn.Remote, by *asked, at int64, ttl time.Duration) {
	all, ok := d.names.get(p)
	if !ok {
		all = new([]told)
		d.names.put(p, all)
	}
	until := at + int64(ttl) + grace
	oldest := 0
	for i := range *all {
		t := &(*all)[i]
		if t.remote.Name == remote.Name && t.uid == by.uid && t.pid == by.pid {
			if t.until < at {
				t.first = at
			}
			t.last, t.until = at, max(t.until, until)
			return
		}
		if t.last < (*all)[oldest].last {
			oldest = i
		}
	}
	t := told{remote, by.uid, by.pid, at, at, until}
	if len(*all) < maxNames {
		*all = append(*all, t)
		return
	}
	(*all)[oldest] = t
}

// remote is what c's remote was asked for by, nil where that is not known: an answer
// that came before c opened and was good then. Best is one to the same process, then
// one to the same user, then one to the system's resolver; then the newest.
func (d *dns) remote(c *conn.Conn) *conn.Remote {
	if c.Opened == 0 || d.names.empty() {
		return nil
	}
	all, ok := d.names.get(place{c.NetNS, c.Raddr})
	if !ok {
		return nil
	}
	var best *told
	var most, newest int64
	for i := range *all {
		t := &(*all)[i]
		fit := t.fits(c)
		if fit == 0 || t.first > c.Opened || t.until < c.Opened {
			continue
		}
		at := t.last
		if at > c.Opened {
			at = t.first
		}
		if fit > most || fit == most && at > newest {
			best, most, newest = t, fit, at
		}
	}
	if best == nil {
		return nil
	}
	return best.remote
}

// fits says how close who was told is to who holds c; 0 is not close enough: a user
// must not name what others connect to.
func (t *told) fits(c *conn.Conn) int64 {
	switch {
	case t.pid != 0 && t.pid == c.Owner.PID:
		return 3
	case c.Has&conn.HasUID != 0 && t.uid == c.UID:
		return 2
	case system(t.uid):
		return 1
	}
	return 0
}

// system reports whether uid is root's, a system user's, a dynamic user's of a
// service or nobody's, as systemd and Debian divide them: no person's, and no
// container's with users of its own.
func system(uid uint32) bool { return uid < 1000 || 61184 <= uid && uid <= 65534 }
