package tui

import "slices"

// chooser picks and orders the columns of the view.
type chooser struct {
	names []string // every column: the chosen ones first, in their order
	on    int      // how many are chosen
	at    int
}

func (m *Model) openChooser() {
	v := m.view()
	c := &chooser{}
	for _, n := range v.columns {
		if m.cols.of[n] != nil {
			c.names = append(c.names, n)
		}
	}
	c.on = len(c.names)
	for _, n := range m.cols.names {
		if !slices.Contains(c.names, n) {
			c.names = append(c.names, n)
		}
	}
	m.pane = c
}

func (c *chooser) name() string { return "Columns" }

func (c *chooser) move(n int) { c.at = min(max(c.at+n, 0), len(c.names)-1) }

func (c *chooser) scroll(n int) { c.move(n) }

func (c *chooser) commands(m *Model) []command {
	return []command{
		on("columns", "down j", "↓ j", "next", do(func() { c.move(1) })),
		on("columns", "up k", "↑ k", "previous", do(func() { c.move(-1) })),
		on("columns", "pgdown ctrl+f", "PgDn ^f", "next page", do(func() { c.move(10) })),
		on("columns", "pgup ctrl+b", "PgUp ^b", "previous page", do(func() { c.move(-10) })),
		on("columns", "space x", "Space", "show it or not", do(func() { c.toggle(m) })),
		on("columns", "J shift+down >", "J S-↓", "further to the right", do(func() { c.shift(m, 1) })),
		on("columns", "K shift+up <", "K S-↑", "further to the left", do(func() { c.shift(m, -1) })),
		on("columns", "d", "d", "the usual columns", do(func() {
			m.view().columns = m.view().usual
			m.openChooser()
		})),
		on("columns", "enter c", "Enter c", "back to the table", do(m.closePane)),
	}
}

// toggle shows the column after the others, or takes it away. One always stays.
func (c *chooser) toggle(m *Model) {
	n := c.names[c.at]
	switch {
	case c.at >= c.on:
		c.names = slices.Insert(slices.Delete(c.names, c.at, c.at+1), c.on, n)
		c.on++
	case c.on > 1:
		c.names = slices.Insert(slices.Delete(c.names, c.at, c.at+1), c.on-1, n)
		c.on--
	}
	c.apply(m)
}

// shift moves a chosen column among the chosen.
func (c *chooser) shift(m *Model, step int) {
	to := c.at + step
	if c.at >= c.on || to < 0 || to >= c.on {
		return
	}
	c.names[c.at], c.names[to] = c.names[to], c.names[c.at]
	c.at = to
	c.apply(m)
}

func (c *chooser) apply(m *Model) { m.view().columns = slices.Clone(c.names[:c.on]) }

func (c *chooser) draw(m *Model, p *pen, h int) {
	drawTitle(p, "Columns of "+m.view().name, "Space shows or hides, J K move, d the usual ones, Esc goes back")
	rows := max(h-1, 1)
	first := max(c.at-rows+1, 0)
	for i := first; i < min(first+rows, len(c.names)); i++ {
		col := m.cols.of[c.names[i]]
		if i == c.at {
			p.reverse()
		}
		box, st := " [ ] ", dim
		if i < c.on {
			box, st = " [x] ", strong
		}
		p.text(st, box)
		p.field(st, []byte(col.name), min(18, p.width/2), false)
		p.bytes(dim, appendSafe(nil, []byte(col.help), p.ascii))
		p.end()
	}
}
