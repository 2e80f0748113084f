package enrich

import (
	"time"

	"tcptop/internal/conn"
)

const (
	// maxProcesses bounds the cache. When it is full, those go that no connection of
	// this sample or the last one has; their rows keep what was found.
	maxProcesses = 1 << 14
	// readAgain is how old what is known of a process may get while its connections
	// move, in sample time: the program may have been replaced by another of its name.
	readAgain = int64(time.Minute)
	// nameAgain is the same where its name is not the one that it was read with. That
	// is also read at once, when it is first seen: it runs another program.
	nameAgain = int64(time.Second)
	// firstRead is how long the first tick waits for /proc, so that a single one
	// (-n 1) is whole; laterRead is how long any other does.
	firstRead = 250 * time.Millisecond
	laterRead = 5 * time.Millisecond
)

// facts is what is known of a process.
type facts struct {
	is      *conn.Process // that connections point to; empty until it is read
	comm    conn.Name     // when it was read
	asked   conn.Name     // its name as a connection had it when it was last asked for
	at      int64         // monotonic ns of that, or of asking for it
	tick    uint64        // the last one that had a connection of it
	waiting bool          // it is being read
	gone    bool          // it has ended
}

type guess struct {
	process
	*facts
}

// processes fills in what /proc says of owners. It reads in the background, since a
// process in trouble can keep its readers waiting, and says when more is known.
type processes struct {
	reader procReader
	known  map[process]*facts
	tick   uint64
	places []guess // by place in the sample: where all move, each has the owner it had
	at     int
	asked  bool // in this tick
	news   []conn.ProcessChange
}

// begin takes in what was read since the last tick.
func (p *processes) begin() {
	if p.known == nil {
		p.known = make(map[process]*facts)
	}
	p.tick++
	p.at, p.asked = 0, false
	p.news = p.news[:0]
}

// fill gives c its owner's Process.
func (p *processes) fill(c *conn.Conn, now int64) {
	o := &c.Owner
	if o.PID == 0 || c.Process != nil {
		return
	}
	key := process{o.PID, o.Start}
	if p.at == len(p.places) {
		p.places = append(p.places, guess{})
	}
	g := &p.places[p.at]
	p.at++
	if g.process != key || g.facts == nil {
		*g = guess{key, p.meet(key, o.Comm, now)}
	}
	f := g.facts
	f.tick = p.tick
	if !f.waiting && !f.gone && (now-f.at >= readAgain || f.comm != o.Comm && (f.asked != o.Comm || now-f.at >= nameAgain)) {
		p.ask(key, f, o.Comm, now)
	}
	c.Process = f.is
}

// meet returns what is known of a process, which is nothing when it is new.
func (p *processes) meet(key process, comm conn.Name, now int64) *facts {
	f := p.known[key]
	if f == nil {
		if len(p.known) >= maxProcesses {
			p.forget()
		}
		f = &facts{is: new(conn.Process)}
		p.known[key] = f
		p.ask(key, f, comm, now)
	}
	return f
}

func (p *processes) ask(key process, f *facts, comm conn.Name, now int64) {
	f.asked, f.at = comm, now
	f.waiting, p.asked = true, true
	p.reader.ask(key)
}

// forget makes room.
func (p *processes) forget() {
	for key, f := range p.known {
		if f.tick+1 < p.tick {
			delete(p.known, key)
		}
	}
	if len(p.known) >= maxProcesses {
		clear(p.known)
	}
	clear(p.places) // what is forgotten is not to be found here
}

// end waits a moment for what was asked for in this tick, and replaces in s what is
// known better by now. What takes longer is there in a later tick.
func (p *processes) end(s *conn.Sample) {
	var limit time.Duration
	switch {
	case p.asked && p.tick == 1:
		limit = firstRead
	case p.asked:
		limit = laterRead
	}
	for key, r := range p.reader.take(limit) {
		if f := p.known[key]; f != nil {
			p.learn(f, &r)
		}
	}
	s.Processes = p.news
	replace(s, p.news, func(c *conn.Conn) **conn.Process { return &c.Process })
}

func (p *processes) learn(f *facts, r *read) {
	f.waiting, f.gone = false, r.gone
	if r.gone {
		return // what was known of it stays
	}
	f.comm = r.comm
	if *f.is == r.Process {
		return
	}
	is := new(r.Process)
	p.news = append(p.news, conn.ProcessChange{Was: f.is, Is: is})
	f.is = is
}
