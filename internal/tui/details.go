package tui

import (
	"fmt"

	tea "charm.land/bubbletea/v2"

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

	tasks   []conn.Task  // the process and those it came from, as they were when the details were opened
	err     error        // why they are not known
	holders []conn.Owner // likewise, the processes that hold the socket

	history  *history
	squeezed ring
}

// lineageMsg is what the host said of the process of details.
type lineageMsg struct {
	of    *details
	tasks []conn.Task
	err   error
}

// holdersMsg is who holds the socket of details.
type holdersMsg struct {
	of      *details
	holders []conn.Owner
}

func (m *Model) openDetails(it *item) tea.Cmd {
	d := &details{id: it.row.ID, row: copyOf(it.row), at: headOfTick(it.at), past: it.seq != 0 || it.closed,
		history: newHistory(trafficTicks), squeezed: newRing(trafficTicks)}
	d.at.Keep(it.at, it.row)
	d.title = "Details"
	d.refresh(m)
	m.pane = d
	return tea.Batch(m.askLineage(d), m.askHolders(d))
}

func (m *Model) askLineage(d *details) tea.Cmd {
	owner, ask := d.row.Owner, m.cfg.Lineage
	if owner.PID == 0 || ask == nil {
		return nil
	}
	return func() tea.Msg { // /proc may keep its reader waiting
		tasks, err := ask(owner)
		return lineageMsg{d, tasks, err}
	}
}

func (m *Model) askHolders(d *details) tea.Cmd {
	id, ask := d.id, m.cfg.Holders
	if ask == nil || d.past {
		return nil
	}
	return func() tea.Msg {
		holders, err := ask(id)
		if err != nil { // the owner is there all the same, and how many there are
			holders = nil
		}
		return holdersMsg{d, holders}
	}
}

// take fills what the kernel's records do not tell of the process.
func (d *details) take(tasks []conn.Task, err error) {
	d.tasks, d.err = tasks, err
	d.describe()
}

func (d *details) describe() {
	if (d.row.Process == nil || *d.row.Process == conn.Process{}) && len(d.tasks) > 0 && d.tasks[0].PID == d.row.Owner.PID {
		d.row.Process = &conn.Process{Exe: d.tasks[0].Exe, Cmdline: d.tasks[0].Cmdline}
	}
}

// refresh looks for the connection and its process in the tick shown.
func (d *details) refresh(m *Model) {
	if m.shown == nil {
		return
	}
	d.others, d.more = d.others[:0], 0
	found := false
	for r := range m.shown.Ends() {
		switch o := &r.Owner; {
		case r.ID == d.id:
			found = true
			if !d.past {
				d.row, d.at = copyOf(r), headOfTick(m.shown)
				d.at.Keep(m.shown, r)
				d.describe()
			}
		case o.PID == 0 || o.PID != d.row.Owner.PID || o.Start != d.row.Owner.Start || r.ID.Host != d.id.Host:
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
	all = append(all, m.pastCommands("details")...)
	return append(all, on("details", "u", "u", "bits or bytes", do(m.toggleBits)),
		on("details", "? h f1", "?", "help", do(m.openHelp)))
}

func (d *details) draw(m *Model, p *pen, h int) {
	e := &m.env
	b := e.appendLocalEnd(nil, d.row, 60)
	if d.row.Has&conn.HasRaddr != 0 {
		b = append(b, " - "...)
		b = e.appendRemoteEnd(b, d.row, 60)
	}
	d.title = "Details  " + d.row.Proto.String() + " " + string(b)
	if d.gone && !d.past {
		d.title += "  (closed)"
	}
	d.lines = d.lines[:0]
	top := p.y
	d.history.fill(m.tally, d.row, d.gone || d.past)
	drawTitle(p, d.title, d.span(m))
	if h >= 12 && d.history.rx.len() > 0 {
		d.drawGraphs(m, p)
	}
	d.addEnds(m, p.width)
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
	if l.help != "" {
		p.bytes(dim, appendSafe(nil, []byte(shorten(l.help, p.left(), p.ascii)), p.ascii))
	}
	p.end()
}

func (d *details) addOthers(m *Model) {
	if d.row.Owner.PID == 0 {
		return
	}
	n := len(d.others) + d.more
	d.lines = append(d.lines, textLine{head: fmt.Sprintf("the process' other connections: %d", n)})
	for _, r := range d.others {
		b := m.env.appendLocalEnd(nil, r, 47)
		if r.Has&conn.HasRaddr != 0 {
			b = append(b, " - "...)
			b = m.env.appendRemoteEnd(b, r, 47)
		}
		b = append(b, "  "...)
		b = m.env.units.Append(b, column.Rate, clamp(r.Rate()))
		d.lines = append(d.lines, textLine{name: r.Proto.String() + " " + r.State.String(), text: string(b)})
	}
	if d.more > 0 {
		d.lines = append(d.lines, textLine{text: fmt.Sprintf("and %d more", d.more), st: dim})
	}
}
