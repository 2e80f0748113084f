package tui

import (
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
)

// show changes to another view.
func (m *Model) show(n int) tea.Cmd {
	if !m.has(n) {
		m.say(warning, m.hasNot(n))
		return nil
	}
	m.current = n
	return m.viewed()
}

// viewed tells the source what is looked at, which may have to be asked about it first.
func (m *Model) viewed() tea.Cmd {
	defer m.arrange()
	if m.cfg.Viewed == nil || !m.cfg.Viewed(m.view().name) {
		return nil
	}
	m.say(plain, asking)
	switch {
	case m.past.on:
		return m.travel(move{to: m.shown.Time})
	case m.paused:
		m.unpause()
	}
	return nil
}

const asking = "asking the engine"

// answered ends the note that an engine is asked.
func (m *Model) answered() {
	if m.note.text == asking {
		m.note = note{}
	}
}

// has reports whether there is view n here.
func (m *Model) has(n int) bool {
	if m.engines() {
		return slices.Contains(m.cfg.Views, m.views[n].name)
	}
	return n < hosts || n == hosts && m.shown != nil && len(m.shown.Hosts) > 0
}

// engines reports whether rows are what engines tell, which is nothing of what opens and closes.
func (m *Model) engines() bool { return m.cfg.Views != nil }

func (m *Model) hasNot(n int) string {
	if n == hosts {
		return "this is one host; tcptop fleet web1 web2 shows several"
	}
	return "no engine that is asked knows of " + strings.ToLower(m.views[n].name)
}

// nextView goes to the next view that there is, or the one before.
func (m *Model) nextView(step int) tea.Cmd {
	n := m.current
	for range viewCount {
		n = (n + step + viewCount) % viewCount
		if m.has(n) {
			break
		}
	}
	return m.show(n)
}

// open acts on the chosen line: a group folds, a row opens its details.
func (m *Model) open() tea.Cmd {
	it := m.chosen()
	if it == nil {
		return nil
	}
	if it.group == nil {
		return m.openDetails(it)
	}
	v := m.view()
	if key := it.group.key; v.unfolded[key] {
		delete(v.unfolded, key)
	} else {
		v.unfolded[key] = true
	}
	m.arrange()
	return nil
}

// back undoes the last thing that narrows what is seen.
func (m *Model) back() {
	v := m.view()
	switch {
	case m.past.on && !m.cfg.Replay:
		m.present()
		return
	case m.bar.text() != "":
		m.bar.set("")
	case v.cursor.kind != noItem:
		v.cursor, v.follow = itemKey{}, false
	}
	m.arrange()
}

// sortNext sorts by the next column on the screen that can be sorted by.
func (m *Model) sortNext(step int) {
	v := m.view()
	if m.current == events {
		m.say(warning, "events are always newest first")
		return
	}
	n := len(v.places)
	at := slices.IndexFunc(v.places, func(p place) bool { return v.sorts(p.screenColumn) })
	if at < 0 && step < 0 {
		at = 0
	}
	for range n {
		at = (at + step + n) % n
		if c := v.places[at].screenColumn; c.field != nil || c.name == "conns" || c.name == "group" {
			m.sortBy(c.name)
			return
		}
	}
}

// sorts reports whether c is the column that rows are sorted by.
func (v *view) sorts(c *screenColumn) bool {
	return c.name == v.sort.column || c.field != nil && c.field.Name == v.sort.column && c.name != "graph"
}

// sortBy sorts by a column: numbers from the largest, text from A.
func (m *Model) sortBy(name string) {
	v := m.view()
	if m.current == events {
		m.say(warning, "events are always newest first")
		return
	}
	c := m.cols.of[name]
	v.sort = sorting{name, c != nil && c.right && name != "pid" && name != "lport" && name != "rport"}
	if name == "graph" {
		v.sort.desc = true
	}
	v.frozen = nil
	m.arrange()
}

func (m *Model) reverseSort() {
	v := m.view()
	v.sort.desc = !v.sort.desc
	v.frozen = nil
	m.arrange()
}

func (m *Model) cycleGroup() {
	if m.current == events || m.current == listeners {
		m.current = connections
	}
	names := groupNames()
	v := m.view()
	switch at := slices.Index(names, v.group); {
	case at == len(names)-1 && m.current == connections:
		m.groupBy("")
	default:
		m.groupBy(names[(at+1)%len(names)])
	}
}

func (m *Model) groupBy(by string) {
	v := m.view()
	v.setGroup(by)
	v.cursor, v.offset = itemKey{}, 0
	m.arrange()
	if by == "" {
		m.say(plain, "not grouped")
	} else {
		m.say(plain, "grouped by "+by)
	}
}

func (m *Model) toggleWide() {
	v := m.view()
	v.wide = !v.wide
}

func (m *Model) toggleBits() { m.env.units.Bits = !m.env.units.Bits }

func (m *Model) toggleHosts() {
	if m.cfg.HostName == nil {
		m.say(warning, "names for addresses are off (-N)")
		return
	}
	m.env.hosts = !m.env.hosts
}

func (m *Model) togglePorts() {
	if m.cfg.PortName == nil {
		m.say(warning, "names for ports are off (-N)")
		return
	}
	m.env.ports = !m.env.ports
}

func (m *Model) nextTheme() {
	names := append([]string{"auto"}, themeNames()...)
	m.setLook(names[(slices.Index(names, m.look)+1)%len(names)])
	m.say(plain, "theme "+m.look)
}

// toggleFreeze holds every row at its place; new ones come last.
func (m *Model) toggleFreeze() {
	v := m.view()
	if v.frozen != nil || m.shown == nil {
		v.frozen = nil
		m.arrange()
		return
	}
	if v.group != "" || m.current == events {
		m.say(warning, "only rows can be frozen, not groups or events")
		return
	}
	v.frozen = m.places(v)
}

const maxPins = 8

func (m *Model) togglePin() {
	it := m.chosen()
	if it == nil || it.group != nil || it.seq != 0 || it.closed {
		m.say(warning, "only an open connection can be pinned")
		return
	}
	if i := slices.Index(m.pins, it.row.ID); i >= 0 {
		m.pins = slices.Delete(m.pins, i, i+1)
	} else if m.pins = append(m.pins, it.row.ID); len(m.pins) > maxPins {
		m.pins = slices.Delete(m.pins, 0, 1)
	}
	m.past.pins = slices.Clone(m.pins)
	m.arrange()
}

func (m *Model) toggleFollow() {
	if m.chosen() == nil {
		return
	}
	v := m.view()
	v.follow = !v.follow
	m.arrange()
}

func (m *Model) toggleKeep() {
	m.keep = !m.keep
	m.arrange()
}

func (m *Model) togglePause() tea.Cmd {
	switch {
	case m.past.bound():
		return m.play()
	case m.paused:
		m.unpause()
	case m.shown != nil:
		m.paused = true
	}
	return nil
}

func (m *Model) toggleZero() {
	if m.env.zero != nil {
		m.env.zero = nil
	} else if m.shown != nil {
		m.env.zero = zero(m.shown)
	}
	m.arrange()
}

// intervals are those that the keys step through.
func intervals() []time.Duration {
	return []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second,
		5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute}
}

// changeInterval takes the next longer or shorter interval.
func (m *Model) changeInterval(step int) {
	if m.past.on {
		m.changeSpeed(step)
		return
	}
	next := m.cfg.Interval
	for _, d := range intervals() {
		if step > 0 && d > m.cfg.Interval {
			next = d
			break
		}
		if step < 0 && d < m.cfg.Interval {
			next = d
		}
	}
	if m.cfg.SetInterval == nil || !m.cfg.SetInterval(next) {
		m.say(warning, "the interval is set at start: tcptop -d 500ms")
		return
	}
	m.cfg.Interval = next
	m.say(plain, "every "+next.String())
}

// resetView gives the view its usual columns, order and grouping back.
func (m *Model) resetView() {
	fresh := newViews(m.cfg.Views)[m.current]
	v := m.view()
	v.columns, v.sort, v.frozen, v.follow, v.wide = fresh.columns, fresh.sort, nil, false, false
	v.setGroup(fresh.group)
	m.arrange()
	m.say(plain, "this view is as it comes")
}
