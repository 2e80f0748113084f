package tui

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// menu is a list to choose from; letters typed narrow it.
type menu struct {
	title   string
	entries []entry
	found   []int // places in entries of those that match what was typed
	typing  string
	at      int
	choose  func(m *Model, e *entry) // the pane is closed before
}

// entry is one line of a menu.
type entry struct {
	value string
	label string
	text  string
}

func newMenu(name string, entries []entry, current string, choose func(*Model, *entry)) *menu {
	mn := &menu{title: name, entries: entries, choose: choose}
	mn.narrow("")
	mn.at = max(slices.IndexFunc(entries, func(e entry) bool { return e.value == current }), 0)
	return mn
}

func (mn *menu) name() string { return mn.title }

// narrow keeps the entries that contain what was typed.
func (mn *menu) narrow(typing string) {
	mn.typing, mn.at, mn.found = typing, 0, mn.found[:0]
	for i := range mn.entries {
		e := &mn.entries[i]
		if strings.Contains(strings.ToLower(e.label+" "+e.value), strings.ToLower(typing)) {
			mn.found = append(mn.found, i)
		}
	}
}

func (mn *menu) move(n int) { mn.at = min(max(mn.at+n, 0), max(len(mn.found)-1, 0)) }

func (mn *menu) scroll(n int) { mn.move(n) }

func (mn *menu) commands(m *Model) []command {
	return []command{
		on(mn.title, "down ctrl+n", "↓", "next", do(func() { mn.move(1) })),
		on(mn.title, "up ctrl+p", "↑", "previous", do(func() { mn.move(-1) })),
		on(mn.title, "pgdown ctrl+f", "PgDn", "next page", do(func() { mn.move(10) })),
		on(mn.title, "pgup ctrl+b", "PgUp", "previous page", do(func() { mn.move(-10) })),
		on(mn.title, "enter", "Enter", "take it", do(func() {
			if len(mn.found) > 0 {
				e := &mn.entries[mn.found[mn.at]]
				m.closePane()
				mn.choose(m, e)
			}
		})),
		on(mn.title, "backspace", "⌫", "undo a letter", do(func() {
			if mn.typing != "" {
				mn.narrow(mn.typing[:len(mn.typing)-1])
			}
		})),
		on(mn.title, "esc", "Esc", "back", do(m.closePane)),
	}
}

// typed narrows the list to what is typed.
func (mn *menu) typed(_ *Model, k tea.KeyPressMsg) {
	if t := k.Key().Text; len(t) == 1 && t[0] > ' ' && t[0] < 0x7f && len(mn.typing) < 20 {
		mn.narrow(mn.typing + t)
	}
}

func (mn *menu) draw(_ *Model, p *pen, h int) {
	hint := "type to narrow, Enter takes, Esc goes back"
	if mn.typing != "" {
		hint = "narrowed to " + mn.typing
	}
	drawTitle(p, mn.title, hint)
	rows := max(h-1, 1)
	first := max(mn.at-rows+1, 0)
	for i := first; i < min(first+rows, len(mn.found)); i++ {
		e := &mn.entries[mn.found[i]]
		if i == mn.at {
			p.reverse()
		}
		p.space(plain, 2)
		p.field(strong, appendSafe(nil, []byte(e.label), p.ascii), min(20, p.width/2), false)
		p.bytes(dim, appendSafe(nil, []byte(e.text), p.ascii))
		p.end()
	}
}

func (m *Model) openSortMenu() {
	if m.current == events {
		m.say(warning, "events are always newest first")
		return
	}
	var all []entry
	for _, n := range m.cols.names {
		if c := m.cols.of[n]; c.field != nil && n != "graph" || m.view().group != "" && c.field == nil {
			all = append(all, entry{value: n, label: n, text: c.help})
		}
	}
	m.pane = newMenu("Sort by", all, m.view().sort.column, func(m *Model, e *entry) { m.sortBy(e.value) })
}

func (m *Model) openGroupMenu() {
	all := []entry{{value: "", label: "nothing", text: "one line for each connection"}}
	for _, n := range groupNames() {
		text := ""
		if c, ok := m.cfg.List.Find(groupField(n)); ok {
			text = c.Help
		}
		all = append(all, entry{value: n, label: n, text: text})
	}
	m.pane = newMenu("Group by", all, m.view().group, func(m *Model, e *entry) {
		if m.current == events || m.current == listeners {
			m.current = connections
		}
		m.groupBy(e.value)
	})
}
