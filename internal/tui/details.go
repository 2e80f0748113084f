package tui

import (
	"fmt"
	"strings"

	"tcptop/internal/column"
	"tcptop/internal/conn"
	"tcptop/internal/table"
)

const maxOthers = 50

// details is everything known of one connection.
type details struct {
	textPane
	row    *table.Row // its own copy, of the tick at
	at     *table.Snapshot
	id     conn.ID
	gone   bool // it is not in the newest tick
	past   bool // it was an event or a kept row
	others []*table.Row
	more   int
}

func (m *Model) openDetails(it *item) {
	d := &details{id: it.row.ID, row: copyOf(it.row), at: headOfTick(it.at), past: it.seq != 0 || it.closed}
	d.title = "Details"
	d.refresh(m)
	m.pane = d
}

// refresh looks for the connection and its process in the tick shown.
func (d *details) refresh(m *Model) {
	if m.shown == nil {
		return
	}
	d.others, d.more = d.others[:0], 0
	found := false
	for r := range m.shown.Rows() {
		switch o := &r.Owner; {
		case r.ID == d.id:
			found = true
			if !d.past {
				d.row, d.at = copyOf(r), headOfTick(m.shown)
			}
		case o.PID == 0 || o.PID != d.row.Owner.PID || o.Start != d.row.Owner.Start:
		case len(d.others) < maxOthers:
			d.others = append(d.others, copyOf(r))
		default:
			d.more++
		}
	}
	d.gone = !found
}

func (d *details) commands(m *Model) []command {
	d.keys = nil
	it := &item{row: d.row, at: d.at}
	if !m.cfg.ReadOnly {
		d.keys = append(d.keys,
			on("details", "K", "K", "send a signal to the process", do(func() { m.signalMenu(it) })),
			on("details", "X", "X", "close the socket", do(func() { m.confirmClose(it) })))
	}
	all := d.textPane.commands(m)
	last := &all[len(all)-1-len(d.keys)]
	last.Binding = on("", "esc q enter", "Esc", "back", nil).Binding
	return append(all, on("details", "u", "u", "bits or bytes", do(m.toggleBits)),
		on("details", "? h f1", "?", "help", do(m.openHelp)))
}

func (d *details) draw(m *Model, p *pen, h int) {
	e := &m.env
	b := e.appendEnd(nil, d.row.Proto, d.row.Laddr, d.row.Lport, 60)
	if d.row.Has&conn.HasRaddr != 0 {
		b = append(b, " - "...)
		b = e.appendEnd(b, d.row.Proto, d.row.Raddr, d.row.Rport, 60)
	}
	d.title = "Details  " + d.row.Proto.String() + " " + string(b)
	if d.gone && !d.past {
		d.title += "  (closed)"
	}
	d.lines = d.lines[:0]
	top := p.y
	drawTitle(p, d.title, "")
	if graphs := d.graphs(m); h >= 12 && graphs != nil {
		d.drawGraphs(m, p, graphs)
	}
	d.addFields(m, p.width)
	d.addOthers(m)
	d.height = max(h-(p.y-top), 0)
	d.textPane.scroll(0)
	for _, l := range d.lines[d.offset:min(d.offset+max(d.height, 0), len(d.lines))] {
		d.drawLine(p, l)
	}
	d.title = "Details"
}

func (d *details) drawLine(p *pen, l textLine) {
	if l.head != "" {
		p.text(title, "  "+l.head)
		p.end()
		return
	}
	p.space(plain, 4)
	p.field(dim, []byte(l.name), min(18, p.width/3), false)
	room := min(max(26, textWidth([]byte(l.text))+2), p.left())
	p.field(l.st, []byte(l.text), room, false)
	if c := l.help; c != "" {
		p.bytes(dim, appendSafe(nil, []byte(c), p.ascii))
	}
	p.end()
}

// addFields lists every field by group with what it means.
func (d *details) addFields(m *Model, width int) {
	group := ""
	for i := range m.cfg.List.All() {
		c := &m.cfg.List.All()[i]
		if c.Group == "frame" {
			continue
		}
		if c.Group != group {
			group = c.Group
			d.lines = append(d.lines, textLine{head: group})
		}
		value, st := d.value(m, c)
		help, _, _ := strings.Cut(c.Help, ". ")
		if w := width - 24; textWidth([]byte(value)) > w && w > 8 {
			d.addWrapped(c.Name, value, st, w)
			continue
		}
		d.lines = append(d.lines, textLine{name: c.Name, text: value, st: st, help: help})
	}
}

// addWrapped lists a long value on several lines.
func (d *details) addWrapped(name, value string, st style, w int) {
	rest := []byte(value)
	for n := 0; len(rest) > 0 && n < 64; n++ {
		head, _ := headOf(rest, w)
		d.lines = append(d.lines, textLine{name: name, text: string(head), st: st})
		rest, name = rest[len(head):], ""
	}
}

func (d *details) value(m *Model, c *column.Column) (string, style) {
	var b []byte
	ok := false
	if c.Num != nil && c.Kind != column.Time {
		var n int64
		if n, ok = c.Num(d.at, d.row); ok {
			b = m.env.units.Append(nil, c.Kind, n)
		}
	} else {
		b, ok = c.Append(nil, d.at, d.row)
	}
	if !ok {
		return missing, dim
	}
	safe := []byte(nil)
	for len(b) > maxText { // a command line is shown whole
		safe = appendSafe(safe, b[:maxText], m.cfg.ASCII)
		b = b[maxText:]
	}
	return strings.TrimLeft(string(appendSafe(safe, b, m.cfg.ASCII)), " "), plain
}

func (d *details) addOthers(m *Model) {
	if d.row.Owner.PID == 0 {
		return
	}
	n := len(d.others) + d.more
	d.lines = append(d.lines, textLine{head: fmt.Sprintf("the process' other connections: %d", n)})
	for _, r := range d.others {
		b := m.env.appendEnd(nil, r.Proto, r.Laddr, r.Lport, 47)
		if r.Has&conn.HasRaddr != 0 {
			b = append(b, " - "...)
			b = m.env.appendEnd(b, r.Proto, r.Raddr, r.Rport, 47)
		}
		b = append(b, "  "...)
		b = m.env.units.Append(b, column.Rate, clamp(r.Rate()))
		d.lines = append(d.lines, textLine{name: r.Proto.String() + " " + r.State.String(), text: string(b)})
	}
	if d.more > 0 {
		d.lines = append(d.lines, textLine{text: fmt.Sprintf("and %d more", d.more), st: dim})
	}
}

func (d *details) graphs(m *Model) *history {
	if d.past {
		return m.tally.histories.of[d.id]
	}
	h := m.tally.histories.want(d.row)
	if h != nil && !d.gone {
		h.rest(m.tally.ticks)
	}
	return h
}

// drawGraphs writes the history of both rates, of rtt and of retransmits.
func (d *details) drawGraphs(m *Model, p *pen, h *history) {
	half := p.width / 2
	type graph struct {
		name string
		of   *ring
		st   style
		kind column.Kind
	}
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
				top := g.of.peak(perCell(p.ascii) * w)
				label := []byte(" " + g.name)
				if line == 1 {
					label = m.env.units.Append([]byte(" max "), g.kind, int64(top))
				}
				p.field(dim, label, 18, false)
				m.cell = g.of.appendGraph(m.cell[:0], w, line, lines, top, p.ascii)
				p.bytes(g.st, m.cell)
			}
			p.end()
		}
	}
}
