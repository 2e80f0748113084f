package tui

import (
	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// pane is what stands in the place of the table until it is left.
type pane interface {
	name() string
	commands(m *Model) []command
	draw(m *Model, p *pen, h int) // at most h lines
}

// typist is a pane that takes keys that are no commands.
type typist interface {
	typed(m *Model, k tea.KeyPressMsg)
}

// refresher is a pane that changes with the tick.
type refresher interface {
	refresh(m *Model)
}

func (m *Model) closePane() {
	m.pane = nil
	m.arrange()
}

func (m *Model) pressPane(k tea.KeyPressMsg) tea.Cmd {
	all := append(m.pane.commands(m), paneCommands(m)...)
	if cmd, found := run(all, k); found {
		return cmd
	}
	if t, ok := m.pane.(typist); ok {
		t.typed(m, k)
	}
	return nil
}

func (m *Model) refreshPane() {
	if r, ok := m.pane.(refresher); ok {
		r.refresh(m)
	}
}

// paneCommands are the keys of every pane.
func paneCommands(m *Model) []command {
	return []command{
		on("pane", "esc q", "Esc q", "back to the table", do(m.closePane)),
		{group: "pane", run: do(m.openHelp), Binding: key.NewBinding(key.WithKeys("?", "f1"), key.WithHelp("?", "help"))},
		on("pane", "ctrl+z", "^Z", "suspend", func() tea.Cmd { return tea.Suspend }),
	}
}

// drawTitle writes the first line of a pane.
func drawTitle(p *pen, text, hint string) {
	p.text(title, " ")
	p.bytes(title, appendSafe(nil, []byte(text), p.ascii))
	if p.left() > textWidth([]byte(hint))+3 {
		p.text(dim, "   "+hint)
	}
	p.end()
}
