package tui

import "tcptop/internal/column"

// span says how long the history is that is shown.
func (d *details) span(m *Model) string {
	if m.head() == nil || d.history.rx.len() == 0 {
		return ""
	}
	return "graphs: " + duration(m.head().Time.Sub(d.history.first.Time))
}

// drawGraphs writes the history of both rates, of rtt and of retransmits.
func (d *details) drawGraphs(m *Model, p *pen) {
	half := p.width / 2
	type graph struct {
		name string
		of   *ring
		st   style
		kind column.Kind
	}
	h := d.history
	rows := [2][2]graph{
		{{"rx rate", &h.rx, rxGraph, column.Rate}, {"tx rate", &h.tx, txGraph, column.Rate}},
		{{"rtt", &h.rtt, rxGraph, column.Micros}, {"retransmits", &h.retrans, warning, column.Count}},
	}
	const lines = 2
	for _, pair := range rows {
		for line := range lines {
			for i, g := range pair {
				p.to(plain, i*half)
				w := max(half-20, 1)
				g.of.squeeze(&d.squeezed, perCell(p.ascii)*w)
				top := d.squeezed.peak(d.squeezed.len())
				label := []byte(" " + g.name)
				if line == 1 {
					label = m.env.units.Append([]byte(" max "), g.kind, int64(top))
				}
				p.field(dim, label, 18, false)
				m.cell = d.squeezed.appendGraph(m.cell[:0], w, line, lines, top, p.ascii)
				p.bytes(g.st, m.cell)
			}
			p.end()
		}
	}
}
