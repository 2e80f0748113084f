package tui

import (
	tea "charm.land/bubbletea/v2"
)

// maxTime bounds what is typed as a time.
const maxTime = 40

// timePrompt asks for a time to go to.
type timePrompt struct {
	text  string
	wrong string // what is wrong with text
	under pane
}

// askTime opens the prompt.
func (m *Model) askTime() {
	if m.cfg.Past == nil || m.cfg.Past.Parse == nil || m.shown == nil {
		m.say(warning, "nothing is kept of the past (--history)")
		return
	}
	m.pane = &timePrompt{under: m.pane}
}

func (t *timePrompt) name() string { return "Go to a time" }

func (t *timePrompt) commands(m *Model) []command {
	leave := func() {
		if m.pane = t.under; m.pane == nil {
			m.closePane()
		}
	}
	return []command{
		on(t.name(), "enter", "Enter", "go there", func() tea.Cmd {
			at, err := m.cfg.Past.Parse(t.text, m.lastTime())
			if err != nil {
				t.wrong = err.Error()
				return nil
			}
			leave()
			return m.goTo(at)
		}),
		on(t.name(), "backspace", "⌫", "undo a letter", do(func() {
			if t.wrong = ""; t.text != "" {
				t.text = t.text[:len(t.text)-1]
			}
		})),
		on(t.name(), "esc", "Esc", "back", do(leave)),
	}
}

func (t *timePrompt) typed(_ *Model, k tea.KeyPressMsg) {
	if s := k.Key().Text; len(s) == 1 && s[0] >= ' ' && s[0] < 0x7f && len(t.text) < maxTime {
		t.text, t.wrong = t.text+s, ""
	}
}

func (t *timePrompt) draw(m *Model, p *pen, h int) {
	drawTitle(p, t.name(), "Enter goes there, Esc goes back")
	p.end()
	p.text(plain, "   ")
	p.text(strong, t.text)
	p.text(bar, " ")
	p.end()
	if t.wrong != "" {
		p.text(failure, "   ")
		p.bytes(failure, appendSafe(nil, []byte(t.wrong), p.ascii))
	}
	p.end()
	first, _ := m.cfg.Past.Bounds()
	for _, line := range []string{"03:10 or 03:10:30, 2h ago, 2026-11-25 03:10, 2026-11-25T03:10:00Z",
		"from " + m.clock(first) + " to " + m.clock(m.lastTime())} {
		if p.lines() > m.bottomHeight() && h > 5 {
			p.text(dim, "   "+line)
			p.end()
		}
	}
}
