package tui

import tea "charm.land/bubbletea/v2"

// View is the picture of the screen.
func (m *Model) View() tea.View {
	if m.dirty || m.content == "" {
		m.draw()
		m.dirty = false
	}
	v := tea.NewView(m.content)
	v.AltScreen = true
	if !m.cfg.NoMouse {
		v.MouseMode = tea.MouseModeCellMotion
	}
	return v
}

// draw writes every line of the screen from top to bottom.
func (m *Model) draw() {
	p := &m.pen
	p.begin(m.theme, m.cfg.ASCII, m.width, m.height)
	m.drawHeader(p)
	bottom := m.bottomHeight()
	if m.pane != nil {
		m.pane.draw(m, p, p.lines()-bottom)
	} else {
		m.drawTable(p, p.lines()-bottom)
	}
	p.fill(bottom)
	m.drawBottom(p)
	p.fill(0)
	m.content = p.String()
}

// headerHeight is how many lines the header takes.
func (m *Model) headerHeight() int {
	switch {
	case m.height >= 14:
		return 3
	case m.height >= 9:
		return 2
	case m.height >= 6:
		return 1
	}
	return 0
}

// bottomHeight is how many lines stand below the table.
func (m *Model) bottomHeight() int {
	return min(1+m.bar.height(m.width)+m.timeHeight(), max(m.height-2, 1))
}

// bodyHeight is how many rows are visible.
func (m *Model) bodyHeight() int {
	return max(m.height-m.headerHeight()-1-m.bottomHeight(), 1)
}
