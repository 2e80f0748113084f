package record

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"time"

	"tcptop/internal/conn"
)

// library is where tapes come from, in the order of time: a Reader or a History.
type library interface {
	tapes() (from, to int) // numbers; those below from are gone
	bounds(n int) (first, last int64)
	open(n int) (*tape, error)
	lost(Gap)
}

// Gap is a time of which there is no tick.
type Gap struct {
	From, To time.Time // the ticks on both sides; zero where there is none
	Ticks    uint64    // how many; 0 is not known
	What     string    // happened
}

// What happened.
const (
	GapDamaged = "damaged"
	GapMissing = "missing"
	GapStopped = "the recorder did not run"
	GapAnew    = "the recorder began anew, what came and went meanwhile is not known"
	GapRemoved = "removed since"
)

// Cursor moves over the ticks of a recording. It is for one goroutine.
type Cursor struct {
	lib  library
	n    int // number of the tape
	tape *tape
	pos  int // the next mark
	dec  *Decoder

	valid bool   // the decoder knows all before tick next
	next  uint64 // number of the tick
	until place  // nobody wants the rows of ticks before

	given   bool // a sample was given since the last jump
	session string
	here    place  // of the tick given last
	seq     uint64 // of that tick
	time    int64
	why     string // what went wrong since
}

// place is where a tick is.
type place struct{ tape, pos int }

func (p place) before(q place) bool { return p.tape < q.tape || p.tape == q.tape && p.pos < q.pos }

func newCursor(lib library) *Cursor {
	from, _ := lib.tapes()
	return &Cursor{lib: lib, n: from - 1}
}

// Close lets go of the file at hand.
func (c *Cursor) Close() {
	if c.tape != nil {
		c.tape.close()
		c.tape = nil
	}
}

// Time is that of the tick given last.
func (c *Cursor) Time() time.Time { return time.Unix(0, c.time).UTC() }

// Next returns the next tick, valid until the next call of a method. The first one
// after a jump or a gap has Reset set. The error is io.EOF at the end.
func (c *Cursor) Next() (*conn.Sample, error) {
	s, err := c.read()
	if err != nil {
		return nil, err
	}
	return c.give(s), nil
}

// give returns s, whole where the one before was not given, and says what is missing
// in between.
func (c *Cursor) give(s *conn.Sample) *conn.Sample {
	session, seq := c.tape.header.Session, c.next-1
	if !c.given || session != c.session || seq != c.seq+1 {
		s = c.dec.Whole()
	}
	g := Gap{To: s.Time, What: c.why}
	switch {
	case !c.given:
	case session != c.session:
		g.What = cmp.Or(g.What, stopped(s.Time.Sub(c.Time()), c.tape.header.Interval))
	case seq != c.seq+1:
		g.Ticks, g.What = seq-c.seq-1, cmp.Or(g.What, GapMissing)
	}
	if c.given {
		g.From = c.Time()
	}
	if g.What != "" && s.Reset {
		c.lib.lost(g)
	}
	c.given, c.session, c.seq, c.time, c.why = true, session, seq, s.Time.UnixNano(), ""
	c.here = place{c.n, c.pos - 1}
	return s
}

// stopped says what it was when a recorder gave no tick for so long. One that is started
// again at once is in time for the next one.
func stopped(gap, interval time.Duration) string {
	if interval > 0 && gap >= 0 && gap < 2*interval {
		return GapAnew
	}
	return GapStopped
}

// read decodes up to the next tick that can be.
func (c *Cursor) read() (*conn.Sample, error) {
	for {
		if c.tape != nil && c.pos >= len(c.tape.marks) && c.tape.more != nil {
			c.tape.marks = c.tape.more()
		}
		if c.tape == nil || c.pos >= len(c.tape.marks) {
			if err := c.turn(c.n + 1); err != nil {
				return nil, err
			}
			continue
		}
		m := &c.tape.marks[c.pos]
		c.pos++
		switch {
		case m.kind == KindKey && m.first:
			c.valid, c.next = true, m.seq
		case m.kind == KindTick && (!c.valid || m.seq != c.next):
			c.valid = false
			continue
		case m.kind == KindKey && !c.valid:
			continue
		case m.kind != KindKey && m.kind != KindTick:
			c.broken()
			continue
		}
		b, err := c.tape.load(m)
		if err != nil {
			c.broken()
			continue
		}
		if m.kind == KindKey {
			if c.dec.Key(b) != nil {
				c.broken()
			}
			continue
		}
		c.dec.skim = place{c.n, c.pos - 1}.before(c.until)
		s, err := c.dec.Tick(b)
		if err != nil {
			c.broken()
			continue
		}
		if s != nil {
			c.next++
			return s, nil
		}
	}
}

// broken notes that what follows can't be decoded before the next key frame.
func (c *Cursor) broken() { c.valid, c.why = false, GapDamaged }

// turn opens tape n, or the next one that can be opened.
func (c *Cursor) turn(n int) error {
	from, to := c.lib.tapes()
	for n = max(n, from); n < to; n++ {
		t, err := c.lib.open(n)
		if err != nil {
			if c.broken(); errors.Is(err, fs.ErrNotExist) {
				c.why = GapRemoved
			}
			continue
		}
		if c.dec == nil || !c.dec.of.alike(t.header) { // it has much memory
			if c.dec, err = NewDecoder(t.header); err != nil {
				t.close()
				return err
			}
		}
		c.Close()
		c.n, c.tape, c.pos, c.valid = n, t, 0, false
		return nil
	}
	if c.why != "" {
		g := Gap{What: c.why}
		if c.given {
			g.From = c.Time()
		}
		c.lib.lost(g)
		c.why = ""
	}
	return io.EOF
}

// Go moves to the last tick at or before t, or to the first one of all, and gives
// apply what it takes to show that tick with its rates: the tick before as a whole, if
// there is one, and the tick itself. Where that can't be decoded it is the next that can.
func (c *Cursor) Go(t time.Time, apply func(*conn.Sample)) error {
	p, err := c.find(t.UnixNano())
	if err != nil {
		return err
	}
	return c.show(p, apply)
}

// Find returns the time of the tick that comes n after the one that Go would go to, or
// before it if n is negative; io.EOF is that there is none. It decodes nothing and moves
// nowhere that counts: the next sample is a whole.
func (c *Cursor) Find(t time.Time, n int) (time.Time, error) {
	p, err := c.find(t.UnixNano())
	for ; err == nil && n < 0; n++ {
		p, err = c.prior(p)
	}
	for ; err == nil && n > 0; n-- {
		p, err = c.following(p)
	}
	c.given, c.valid = false, false
	if err != nil {
		return time.Time{}, err
	}
	if err := c.load(p.tape); err != nil {
		return time.Time{}, err
	}
	return time.Unix(0, c.tape.marks[p.pos].time).UTC(), nil
}

// What a row of a tick and of a key frame take, roughly.
const (
	tickRowBytes = 10
	keyRowBytes  = 30
)

// Rows guesses, by the sizes of blocks, how many connections there are at the tick that
// Go would go to, and how many of them that tick names.
func (c *Cursor) Rows(t time.Time) (live, named int, err error) {
	p, err := c.find(t.UnixNano())
	if err != nil {
		return 0, 0, err
	}
	marks := c.tape.marks
	for i := p.pos; i >= 0; i-- {
		switch m := &marks[i]; {
		case m.kind == KindTick && m.seq == marks[p.pos].seq:
			named += m.length / tickRowBytes
		case m.kind == KindKey:
			live += m.length / keyRowBytes
			if m.first {
				return live, named, nil
			}
		}
	}
	return live, named, nil
}

// show gives apply the tick at p and the one before.
func (c *Cursor) show(p place, apply func(*conn.Sample)) error {
	from, err := c.prior(p)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err != nil {
		from = p
	}
	s, err := c.reach(from)
	for err == nil {
		apply(s)
		if !c.here.before(p) {
			return nil
		}
		s, err = c.Next()
	}
	return err
}

// reach decodes the tick at p, or the next one that can be, as a whole.
func (c *Cursor) reach(p place) (*conn.Sample, error) {
	if err := c.load(p.tape); err != nil {
		return nil, err
	}
	c.pos = p.pos
	for c.pos > 0 && !(c.tape.marks[c.pos].kind == KindKey && c.tape.marks[c.pos].first) {
		c.pos--
	}
	c.given, c.valid, c.why = false, false, ""
	c.until = p
	for c.until.pos > 0 && !c.tape.marks[c.until.pos].first {
		c.until.pos--
	}
	defer func() { c.until = place{} }()
	for {
		s, err := c.read()
		if err != nil {
			return nil, err
		}
		if at := (place{c.n, c.pos - 1}); !at.before(p) {
			return c.give(s), nil
		}
	}
}

// load makes tape n the one at hand.
func (c *Cursor) load(n int) error {
	if c.tape != nil && c.n == n {
		if c.tape.more != nil {
			c.tape.marks = c.tape.more()
		}
		return nil
	}
	if err := c.turn(n); err != nil {
		return err
	}
	if c.n != n {
		return damaged("no tick there")
	}
	return nil
}

// find returns the last tick at or before t, or the first one.
func (c *Cursor) find(t int64) (place, error) {
	from, to := c.lib.tapes()
	n := from
	for i := from; i < to; i++ {
		if first, _ := c.lib.bounds(i); first <= t {
			n = i
		}
	}
	for ; n < to; n++ {
		if c.load(n) != nil {
			continue
		}
		p := place{n, -1}
		for i, m := range c.tape.marks {
			if m.kind == KindTick && m.last && (m.time <= t || p.pos < 0) {
				p.pos = i
			}
		}
		if p.pos >= 0 {
			return p, nil
		}
	}
	return place{}, io.EOF
}

// following returns the tick after p, or io.EOF.
func (c *Cursor) following(p place) (place, error) {
	_, to := c.lib.tapes()
	for n, i := p.tape, p.pos+1; n < to; n, i = n+1, 0 {
		if c.load(n) != nil {
			continue
		}
		for ; i < len(c.tape.marks); i++ {
			if m := &c.tape.marks[i]; m.kind == KindTick && m.last {
				return place{n, i}, nil
			}
		}
	}
	return place{}, io.EOF
}

// prior returns the tick before p, or io.EOF.
func (c *Cursor) prior(p place) (place, error) {
	from, _ := c.lib.tapes()
	for n := p.tape; n >= from; n-- {
		if c.load(n) != nil {
			continue
		}
		i := p.pos - 1
		if n != p.tape {
			i = len(c.tape.marks) - 1
		}
		for ; i >= 0; i-- {
			if m := &c.tape.marks[i]; m.kind == KindTick && m.last {
				return place{n, i}, nil
			}
		}
	}
	return place{}, io.EOF
}
