package tui

import (
	"errors"
	"io"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// Past is what there is of earlier ticks, in a recording or in memory.
type Past struct {
	// Move goes to the last tick at or before a time, or to the first of all where none
	// is; from there, or where the time is zero from where it is, so many ticks forth or
	// back. It shows the ticks that lead there, in order, the last one being the one it
	// went to; a snapshot that is First has nothing to do with the one before. The error
	// is io.EOF where there is no such tick. Every snapshot but the last is released
	// before the next one is shown. It may take a while and is called in a
	// goroutine of its own, once at a time.
	Move func(to time.Time, ticks int, show func(*table.Snapshot)) error
	// Bounds are the times of the first tick that there is and the last; zero where there is none.
	Bounds func() (first, last time.Time)
	// Parse reads a time as people write it; last is that of the last tick.
	Parse func(text string, last time.Time) (time.Time, error)
	// About says for the help what is kept and what is not.
	About func() []string
	// Begin says why there is nothing before the first tick.
	Begin func() string
}

// speeds are how much faster than it happened the past is played.
func speeds() []int { return []int{1, 2, 5, 10, 20, 50, 100} }

// past is the screen's place in the past.
type past struct {
	on      bool // the screen shows the past
	playing bool
	speed   int
	tally   *tally    // of the ticks that lead to the one shown
	pins    []conn.ID // also of rows that this tick does not have

	bar   timeBar
	seen  observer // of the move under way
	busy  bool     // a move is under way
	under int      // the gen that it was asked for in
	next  *move    // what was asked for meanwhile
	aim   time.Time
	gen   int // counts returns to now: what was asked for before does not count any more
	wake  int // counts waits for the next tick while playing
}

// bound reports whether the screen shows the past or is on its way there.
func (p *past) bound() bool { return p.on || p.busy && p.under == p.gen }

// move is where to go: to a time if that is not zero, and so many ticks from there.
type move struct {
	to    time.Time
	ticks int
}

// arrivedMsg is what a move came to.
type arrivedMsg struct {
	move
	at      *table.Snapshot // nil where there is no such tick
	digests []*digest
	err     error
	gen     int
}

// playMsg is the time for the next tick.
type playMsg struct{ wake int }

// head is the tick that the header tells of.
func (m *Model) head() *table.Snapshot {
	if m.past.on {
		return m.shown
	}
	return m.latest.Snapshot
}

// travel starts a move, or leaves it for when the one under way has ended.
func (m *Model) travel(to move) tea.Cmd {
	p := &m.past
	if m.cfg.Past == nil {
		m.say(warning, "nothing is kept of the past (--history)")
		return nil
	}
	if p.busy {
		if p.next == nil || !to.to.IsZero() {
			p.next = &to
		} else {
			p.next.ticks += to.ticks
		}
		return nil
	}
	p.busy, p.under = true, p.gen
	a := arrivedMsg{move: to, gen: p.gen}
	return func() tea.Msg {
		a.err = m.cfg.Past.Move(to.to, to.ticks, func(s *table.Snapshot) {
			a.digests = append(a.digests, p.seen.digest(s))
			a.at = s
		})
		return a
	}
}

// arrive shows where a move led.
func (m *Model) arrive(a arrivedMsg) tea.Cmd {
	p := &m.past
	p.busy = false
	next := p.next
	p.next = nil
	switch {
	case a.gen != p.gen:
		if a.at != nil {
			a.at.Release()
		}
	case a.at != nil:
		m.showPast(a)
	}
	if a.gen == p.gen && a.err != nil {
		m.missed(a)
	}
	switch {
	case next != nil:
		return m.travel(*next)
	case p.on && p.playing:
		return m.wakeUp()
	}
	return nil
}

func (m *Model) showPast(a arrivedMsg) {
	p := &m.past
	jumped := false
	for _, d := range a.digests {
		if d.at.First {
			p.tally, jumped = newTally(), true
		}
		p.tally.add(d)
	}
	if p.on && jumped && a.to.IsZero() && a.ticks > 0 {
		if gap := a.at.Time.Sub(m.shown.Time); gap >= 2*m.cfg.Interval {
			m.say(warning, "nothing was recorded in the "+duration(gap)+" before this tick")
		}
	}
	if !p.on {
		p.pins = slices.Clone(m.pins)
	}
	p.on, m.paused = true, false
	m.answered()
	p.aim = a.at.Time
	m.see(a.at, p.tally, jumped)
	switch far := a.to.Sub(a.at.Time); {
	case a.to.IsZero() || a.ticks != 0:
	case far < 0:
		m.sayFirst()
	case far > 5*max(a.at.Elapsed, time.Second):
		m.say(warning, "nothing is known of the "+duration(far)+" up to "+m.clock(a.to))
	}
}

// missed says why a move led nowhere. Past the last tick there is the present, if
// there is one.
func (m *Model) missed(a arrivedMsg) {
	p := &m.past
	played := p.playing
	p.playing = false
	switch {
	case !errors.Is(a.err, io.EOF):
		m.say(failure, "the past: "+a.err.Error())
	case a.ticks <= 0:
		m.sayFirst()
	case m.cfg.Replay && played: // the time bar says so
	case m.cfg.Replay:
		m.say(warning, "the recording ends here")
	default:
		m.present()
	}
}

func (m *Model) sayFirst() {
	text := "there is nothing earlier"
	if m.cfg.Past.Begin != nil {
		text += ": " + m.cfg.Past.Begin()
	}
	m.say(warning, text)
}

// see shows s, whose histories are t's. Positions are others where it was a jump.
func (m *Model) see(s *table.Snapshot, t *tally, jumped bool) {
	old := m.shown
	if jumped {
		m.pins = slices.Clone(m.past.pins)
	}
	for _, v := range m.views {
		if jumped && v.frozen != nil {
			v.frozen = v.frozen.in(old, s)
		}
	}
	m.shown, m.tally, m.env.tally = s, t, t
	m.arrange()
	m.refreshPane()
	if old != nil && old != m.latest.Snapshot && old != s {
		old.Release()
	}
}

// present shows the newest tick again.
func (m *Model) present() {
	p := &m.past
	if m.cfg.Replay || m.latest.Snapshot == nil {
		return
	}
	if !p.on {
		p.pins = m.pins
	}
	p.on, p.playing, p.next, m.paused = false, false, nil, false
	p.gen++
	m.see(m.latest.Snapshot, m.live, true)
}

// step goes so many ticks forth or back.
func (m *Model) step(ticks int) tea.Cmd {
	p := &m.past
	p.playing = false
	switch {
	case p.bound() || m.shown == nil:
		return m.travel(move{ticks: ticks})
	case ticks < 0:
		return m.travel(move{to: m.shown.Time.Add(-1)})
	case m.paused:
		return m.travel(move{to: m.shown.Time, ticks: ticks})
	}
	m.say(warning, "this is now; [ goes back in time")
	return nil
}

// leap goes some time forth or back from where the last one leads.
func (m *Model) leap(d time.Duration) tea.Cmd {
	p := &m.past
	if m.shown == nil {
		return nil
	}
	if !p.bound() {
		p.aim = m.shown.Time
	}
	return m.goTo(p.aim.Add(d))
}

// goTo goes to a time; later than the last tick is now.
func (m *Model) goTo(t time.Time) tea.Cmd {
	p := &m.past
	p.playing = false
	if last := m.latest.Snapshot; last != nil && !t.Before(last.Time) {
		m.present()
		m.say(plain, "this is now")
		return nil
	}
	p.aim = t
	return m.travel(move{to: t})
}

// play lets the past go on, or stops it.
func (m *Model) play() tea.Cmd {
	p := &m.past
	p.playing = !p.playing
	if !p.playing || p.busy {
		return nil
	}
	return m.wakeUp()
}

// leastWait is how often the past moves on at most: faster, it leaves out ticks.
const leastWait = 50 * time.Millisecond

// wakeUp waits for the time of the next tick.
func (m *Model) wakeUp() tea.Cmd {
	m.past.wake++
	wake := m.past.wake
	wait, _ := m.pace()
	return tea.Tick(wait, func(time.Time) tea.Msg { return playMsg{wake} })
}

// pace is how long a picture of the past stays, and how many ticks lead to the next.
func (m *Model) pace() (wait time.Duration, ticks int) {
	tick := m.shown.Elapsed
	if tick <= 0 {
		tick = m.cfg.Interval
	}
	tick = min(max(tick, leastWait), 10*time.Second)
	wait = tick / time.Duration(max(m.past.speed, 1))
	if wait >= leastWait {
		return wait, 1
	}
	return leastWait, int((leastWait + wait - 1) / wait)
}

// playOn takes the next ticks.
func (m *Model) playOn(msg playMsg) tea.Cmd {
	p := &m.past
	if !p.on || !p.playing || p.busy || msg.wake != p.wake {
		return nil
	}
	_, ticks := m.pace()
	return m.travel(move{ticks: ticks})
}

// changeSpeed takes the next higher or lower speed.
func (m *Model) changeSpeed(step int) {
	all := speeds()
	at := 0
	for i, s := range all {
		if s <= m.past.speed {
			at = i
		}
	}
	m.past.speed = all[min(max(at+step, 0), len(all)-1)]
}

// inPast refuses what acts on what is now.
func (m *Model) inPast() bool {
	switch {
	case m.cfg.Replay:
		m.say(warning, "this is a recording: nothing can be done about it any more")
	case m.past.on:
		m.say(warning, "this is the past, and keys act on what is now: Esc returns first")
	}
	return m.past.on
}

func (m *Model) lastRow() { m.put(m.view().total - 1) }

// end returns to the last tick, or goes to the last row where that is shown.
func (m *Model) end() {
	if !m.past.on || m.cfg.Replay {
		m.lastRow()
		return
	}
	m.present()
}

// clock is a time as the screen shows it: with the date where it is another day's
// than that of the last tick.
func (m *Model) clock(t time.Time) string {
	layout := time.TimeOnly
	if last := m.lastTime(); last.In(m.cfg.Local).Format(time.DateOnly) != t.In(m.cfg.Local).Format(time.DateOnly) {
		layout = time.DateTime
	}
	return t.In(m.cfg.Local).Format(layout)
}

// lastTime is that of the last tick there is.
func (m *Model) lastTime() time.Time {
	if s := m.latest.Snapshot; s != nil {
		return s.Time
	}
	_, last := m.cfg.Past.Bounds()
	return last
}
