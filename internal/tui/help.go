package tui

import tea "charm.land/bubbletea/v2"

// scroller is a pane that the wheel scrolls.
type scroller interface{ scroll(n int) }

// textPane shows lines that may be more than fit.
type textPane struct {
	title  string
	lines  []textLine
	offset int
	height int // of the last picture
	under  pane
	keys   []command
}

// textLine is a line of a textPane: a name and what is said of it, or a heading.
type textLine struct {
	help string
	head string
	name string
	text string
	st   style
}

func (t *textPane) name() string { return t.title }

func (t *textPane) scroll(n int) {
	t.offset = min(max(t.offset+n, 0), max(len(t.lines)-t.height, 0))
}

func (t *textPane) commands(m *Model) []command {
	return append([]command{
		on(t.title, "down j", "↓ j", "down", do(func() { t.scroll(1) })),
		on(t.title, "up k", "↑ k", "up", do(func() { t.scroll(-1) })),
		on(t.title, "pgdown ctrl+f space", "PgDn ^f", "next page", do(func() { t.scroll(max(t.height-1, 1)) })),
		on(t.title, "pgup ctrl+b", "PgUp ^b", "previous page", do(func() { t.scroll(-max(t.height-1, 1)) })),
		on(t.title, "g home", "g", "first line", do(func() { t.scroll(-len(t.lines)) })),
		on(t.title, "G end", "G", "last line", do(func() { t.scroll(len(t.lines)) })),
		{group: t.title, Binding: on("", "esc q ? h f1 enter", "Esc", "back", nil).Binding, run: func() tea.Cmd {
			m.pane = t.under
			if m.pane == nil {
				m.closePane()
			}
			return nil
		}},
	}, t.keys...)
}

func (t *textPane) draw(m *Model, p *pen, h int) {
	hint := "Esc goes back"
	if t.height = max(h-1, 0); len(t.lines) > t.height {
		hint += ", ↓ ↑ scroll"
	}
	drawTitle(p, t.title, hint)
	t.scroll(0)
	for _, l := range t.lines[t.offset:min(t.offset+max(t.height, 0), len(t.lines))] {
		if l.head != "" {
			p.text(title, "  "+l.head)
			p.end()
			continue
		}
		p.space(plain, 4)
		p.field(strong, appendSafe(nil, []byte(l.name), p.ascii), 18, false)
		p.bytes(l.st, appendSafe(nil, []byte(l.text), p.ascii))
		p.end()
	}
}

// openHelp shows the keys of what is on the screen.
func (m *Model) openHelp() {
	t := &textPane{title: "Help", under: m.pane}
	all := m.keys
	if m.pane != nil {
		t.title = "Help: " + m.pane.name()
		all = append(m.pane.commands(m), paneCommands(m)...)
	}
	t.addCommands(all)
	if m.pane == nil {
		t.addSigns()
		t.addNotShown(m.head())
		t.addPast(m)
		t.addMissing(m)
		t.addCost(m.head())
		t.addColumns(m)
	}
	m.pane = t
}

// addCommands lists keys by group, as they were declared.
func (t *textPane) addCommands(all []command) {
	group := ""
	for _, c := range all {
		if c.Help().Key == "" {
			continue
		}
		if c.group != group {
			group = c.group
			t.lines = append(t.lines, textLine{head: group})
		}
		h := c.Help()
		t.lines = append(t.lines, textLine{name: h.Key, text: h.Desc})
	}
}

func (t *textPane) addSigns() {
	t.lines = append(t.lines, textLine{head: "signs"})
	for _, s := range [][2]string{
		{"+ - !", "the row opened, closed or failed in this tick"},
		{"* x", "the row is pinned; the row is closed and kept"},
		{"~", "a host of the row is slow: this is what it told last"},
		{"-", "not measured or not known, which is not zero"},
		{"rates", "faint: below 1 kB/s; bold: above 1 MB/s; bold and underlined: above 100 MB/s"},
		{"+30", "so many connections of the group have no row (not shown): only their bytes are in its sums"},
		{"groups", "counters, rates and queues are summed, times are the longest, ages the oldest"},
		{"/ filter", "rport=443 and rtt>50ms and not comm~ssh; a bare word matches anywhere; tcptop help filter"},
	} {
		t.lines = append(t.lines, textLine{name: s[0], text: s[1]})
	}
}

// addPast says what is kept of the past.
func (t *textPane) addPast(m *Model) {
	if m.cfg.Past == nil || m.cfg.Past.About == nil {
		return
	}
	t.lines = append(t.lines, textLine{head: "the past"})
	for _, text := range m.cfg.Past.About() {
		t.lines = append(t.lines, textLine{text: text})
	}
}

func (t *textPane) addMissing(m *Model) {
	if len(m.cfg.Frames.notMeasured()) == 0 {
		return
	}
	t.lines = append(t.lines, textLine{head: "not measured here"})
	for _, what := range m.cfg.Frames.notMeasured() {
		t.lines = append(t.lines, textLine{text: what, st: warning})
	}
}

func (t *textPane) addColumns(m *Model) {
	t.lines = append(t.lines, textLine{head: "columns of this view"})
	for i := range m.view().places {
		c := &m.view().places[i]
		t.lines = append(t.lines, textLine{name: c.title, text: c.help})
	}
}
