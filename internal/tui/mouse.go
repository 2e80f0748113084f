package tui

import tea "charm.land/bubbletea/v2"

const wheelLines = 3

// click selects a row, sorts by a heading or goes to a time of the time bar; a second
// click on a row opens it.
func (m *Model) click(msg tea.MouseClickMsg) tea.Cmd {
	if msg.Button != tea.MouseLeft {
		return nil
	}
	m.dirty = true
	if t, hit := m.past.bar.at(msg.X, msg.Y); hit && m.past.on {
		return m.goTo(t)
	}
	if m.pane != nil {
		return nil
	}
	v := m.view()
	y := msg.Y - m.headerHeight()
	switch {
	case y == 0:
		for i := range v.places {
			if c := &v.places[i]; c.x <= msg.X && msg.X < c.x+c.w {
				m.clickHeading(v, c.screenColumn)
			}
		}
	case y > 0 && y <= m.bodyHeight():
		if it := v.item(v.offset + y - 1); it != nil {
			again := v.cursor == it.key()
			m.put(v.offset + y - 1)
			if again {
				return m.open()
			}
		}
	}
	return nil
}

func (m *Model) clickHeading(v *view, c *screenColumn) {
	switch {
	case v.sorts(c):
		m.reverseSort()
	case c.field != nil || c.name == "conns" || c.name == "group":
		m.sortBy(c.name)
	}
}

func (m *Model) wheel(msg tea.MouseWheelMsg) {
	n := wheelLines
	if msg.Button == tea.MouseWheelUp {
		n = -n
	} else if msg.Button != tea.MouseWheelDown {
		return
	}
	if s, ok := m.pane.(scroller); ok {
		s.scroll(n)
		return
	}
	if m.pane == nil {
		m.scroll(n)
	}
}
