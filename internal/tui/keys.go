package tui

import (
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// command is a key and what it does. Keys and help come from one list.
type command struct {
	key.Binding
	group string
	hint  string // what the status line calls it, where there is room
	run   func() tea.Cmd
}

// on makes a command; keys are separated by spaces. One that is shown with another
// has nothing to be shown as.
func on(group, keys, shown, does string, run func() tea.Cmd) command {
	return command{group: group, run: run,
		Binding: key.NewBinding(key.WithKeys(strings.Fields(keys)...), key.WithHelp(shown, does))}
}

// hinted is c as the status line shows it too.
func (c command) hinted(hint string) command {
	c.hint = hint
	return c
}

// do is for commands that need nothing from the terminal.
func do(f func()) func() tea.Cmd {
	return func() tea.Cmd {
		f()
		return nil
	}
}

// commands are the keys of the table.
func (m *Model) commands() []command {
	all := m.moveCommands()
	all = append(all, m.lookCommands()...)
	all = append(all, m.viewCommands()...)
	all = append(all, m.rowCommands()...)
	all = append(all, m.timeCommands()...)
	return append(all,
		on("program", "? h f1", "? h F1", "help", do(m.openHelp)).hinted("? help"),
		on("program", "ctrl+z", "^Z", "suspend", func() tea.Cmd { return tea.Suspend }),
		on("program", "ctrl+r", "^R", "reset columns, order and grouping of this view", do(m.resetView)),
		on("program", "q ctrl+c", "q ^C", "quit", func() tea.Cmd { return tea.Quit }).hinted("q quit"),
	)
}

// hints are those of the commands, in their order.
func hints(all []command) []string {
	var list []string
	for _, c := range all {
		if c.hint != "" {
			list = append(list, c.hint)
		}
	}
	return list
}

func (m *Model) moveCommands() []command {
	page := func(n int) func() tea.Cmd { return do(func() { m.move(n * max(m.bodyHeight()-1, 1)) }) }
	return []command{
		on("move", "down j", "↓ j", "next row", do(func() { m.move(1) })),
		on("move", "up k", "↑ k", "previous row", do(func() { m.move(-1) })),
		on("move", "g home", "g Home", "first row", do(func() { m.put(0) })),
		on("move", "G", "G End", "last row; in the past End returns to now", do(m.lastRow)),
		on("move", "end", "", "", do(m.end)),
		on("move", "pgdown ctrl+f", "PgDn ^f", "next page", page(1)),
		on("move", "pgup ctrl+b", "PgUp ^b", "previous page", page(-1)),
		on("move", "enter", "Enter", "open details, fold or unfold a group", m.open).hinted("Enter details"),
		on("move", "esc", "Esc", "back: to now, drop the filter, then the cursor", do(m.back)),
	}
}

func (m *Model) lookCommands() []command {
	return []command{
		on("order", "left <", "← <", "sort by the column to the left", do(func() { m.sortNext(-1) })),
		on("order", "right >", "→ >", "sort by the column to the right", do(func() { m.sortNext(1) })),
		on("order", "s", "s", "sort by any field", do(m.openSortMenu)).hinted("s sort"),
		on("order", "I r", "I r", "reverse the order", do(m.reverseSort)),
		on("order", "/", "/", "filter as you type", func() tea.Cmd { return m.openFilter() }).hinted("/ filter"),
		on("order", "a", "a", "group by the next kind", do(m.cycleGroup)).hinted("a group"),
		on("order", "A", "A", "group by any kind", do(m.openGroupMenu)),
		on("look", "c", "c", "choose columns", do(m.openChooser)),
		on("look", "w", "w", "wide: every column that fits", do(m.toggleWide)),
		on("look", "u", "u", "bits or bytes", do(m.toggleBits)),
		on("look", "n", "n", "names for addresses", do(m.toggleHosts)),
		on("look", "p", "p", "names for ports", do(m.togglePorts)),
		on("look", "T", "T", "next theme", do(m.nextTheme)),
	}
}

func (m *Model) viewCommands() []command {
	all := []command{on("views", "tab", "Tab", "next view", func() tea.Cmd { return m.nextView(1) }).hinted("Tab view"),
		on("views", "shift+tab", "S-Tab", "previous view", func() tea.Cmd { return m.nextView(-1) })}
	for i, v := range m.views {
		if i < workloads || m.has(i) {
			k := string(rune('1' + i))
			all = append(all, on("views", k, k, v.name, func() tea.Cmd { return m.show(i) }))
		}
	}
	return all
}

func (m *Model) rowCommands() []command {
	all := []command{
		on("rows", "o", "o", "freeze the order", do(m.toggleFreeze)),
		on("rows", "m", "m", "pin the row on top", do(m.togglePin)),
		on("rows", "F", "F", "follow the row", do(m.toggleFollow)),
		on("rows", "t", "t", "keep closed rows", do(m.toggleKeep)),
		on("rows", "y", "y", "copy the row", m.copyRow),
		on("rows", "E", "E", "export this view to a file", do(m.askExport)),
	}
	if !m.cfg.ReadOnly {
		all = append(all,
			on("rows", "K", "K", "send a signal to the process", do(m.openSignalMenu)),
			on("rows", "X", "X", "close the socket", do(m.askClose)))
	}
	return all
}

func (m *Model) timeCommands() []command {
	return append([]command{
		on("time", "space", "Space", "pause the screen; collecting goes on; in the past: play, stop", m.togglePause),
		on("time", "z", "z", "count from zero from here on; again: absolute", do(m.toggleZero)),
		on("time", "+ =", "+", "longer interval; in the past: faster", do(func() { m.changeInterval(1) })),
		on("time", "-", "-", "shorter interval; in the past: slower", do(func() { m.changeInterval(-1) })),
	}, m.pastCommands("time")...)
}

// pastCommands are the keys that go into the past and back.
func (m *Model) pastCommands(group string) []command {
	return []command{
		on(group, "[", "[ ]", "a tick back, forth in time", func() tea.Cmd { return m.step(-1) }),
		on(group, "]", "", "", func() tea.Cmd { return m.step(1) }),
		on(group, "{", "{ }", "a minute back, forth", func() tea.Cmd { return m.leap(-time.Minute) }),
		on(group, "}", "", "", func() tea.Cmd { return m.leap(time.Minute) }),
		on(group, "J", "J", "go to a time: 03:10, 2h ago, 2026-11-25T03:10:00Z", do(m.askTime)),
	}
}

// press answers a key: what is on top of the screen has it first.
func (m *Model) press(k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "ctrl+c":
		return tea.Quit
	case "ctrl+z":
		return tea.Suspend
	}
	m.note = note{}
	switch {
	case m.bar.editing:
		return m.editFilter(k)
	case m.pane != nil:
		return m.pressPane(k)
	}
	cmd, _ := run(m.keys, k)
	return cmd
}

// run runs the command that k is bound to.
func run(all []command, k tea.KeyPressMsg) (cmd tea.Cmd, found bool) {
	for _, c := range all {
		if key.Matches(k, c.Binding) {
			return c.run(), true
		}
	}
	return nil, false
}

func (m *Model) say(st style, text string) { m.note = note{text: text, st: st} }
