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
	key     process
	is      *conn.Process // that connections point to; empty until it is read
	comm    conn.Name     // when it was read
	asked   conn.Name     // its name as a connection had it when it was last asked for
	at      int64         // monotonic ns of that, or of asking for it
	tick    uint64        // the last one that had a connection of it
	waiting bool          // it is being read
	gone    bool          // it has ended
}

// processes fills in what /proc says of owners. It reads in the background, since a
// process in trouble can keep its readers waiting, and says when more is known.
type processes struct {
	reader procReader
	known  map[process]*facts
	tick   uint64
	asked  bool // in this tick
	forgot func()
	news   []conn.ProcessChange
}

// begin takes in what was read since the last tick.
func (p *processes) begin() {
	if p.known == nil {
		p.known = make(map[process]*facts)
	}
	p.tick++
	p.asked = false
	p.news = p.news[:0]
}

// fill gives c its owner's Process; f is what c's was when it was last named, and what
// it is now. All but its name is looked at once per process.
func (p *processes) fill(c *conn.Conn, f *facts, now int64) *facts {
	o := &c.Owner
	if key := (process{o.PID, o.Start}); f == nil || f.key != key {
		f = p.meet(key, o.Comm, now)
	}
	if f.tick != p.tick {
		f.tick = p.tick
		if !f.waiting && !f.gone && now-f.at >= readAgain {
			p.ask(f, o.Comm, now)
		}
	}
	if f.comm != o.Comm && !f.waiting && !f.gone && (f.asked != o.Comm || now-f.at >= nameAgain) {
		p.ask(f, o.Comm, now)
	}
	c.Process = f.is
	return f
}

// meet returns what is known of a process, which is nothing when it is new.
func (p *processes) meet(key process, comm conn.Name, now int64) *facts {
	f := p.known[key]
	if f == nil {
		if len(p.known) >= maxProcesses {
			p.forget()
		}
		f = &facts{key: key, is: new(conn.Process)}
		p.known[key] = f
		p.ask(f, comm, now)
	}
	return f
}

func (p *processes) ask(f *facts, comm conn.Name, now int64) {
	f.asked, f.at = comm, now
	f.waiting, p.asked = true, true
	p.reader.ask(f.key)
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
	p.forgot() // what is not in known any more is not to be found elsewhere
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
