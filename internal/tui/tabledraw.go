package tui

import (
	"tcptop/internal/conn"
)

// drawTable writes the headings and the visible rows.
func (m *Model) drawTable(p *pen, h int) {
	if h <= 0 {
		return
	}
	v := m.view()
	m.env.grouping, m.env.unfolded = v.grouping, v.unfolded
	m.fitHosts()
	v.places = layOut(v.places, m.columnsOf(v), p.width)
	m.drawHeadings(p, v)
	switch rows := v.visible(h - 1); {
	case m.shown == nil:
		m.drawEmpty(p, "waiting for the first tick "+ellipsis(p.ascii))
	case len(rows) == 0:
		m.drawEmpty(p, m.whyEmpty())
	default:
		for i := range rows {
			m.drawRow(p, v, &rows[i])
		}
	}
}

// fitHosts makes the column of hosts as wide as their names need, so that short ones leave
// room to others. Once a line needed both it stays that wide, whatever scrolls by.
func (m *Model) fitHosts() {
	if m.shown == nil || len(m.shown.Hosts) == 0 {
		return
	}
	c := m.cols.of["host"]
	w := len(c.title) + 1
	for i := range m.shown.Hosts {
		w = max(w, min(len(m.shown.Hosts[i].Name), 24))
	}
	for i := range m.view().window {
		it := &m.view().window[i]
		if o := it.other(); o != nil {
			m.bothHosts = max(m.bothHosts, min(len(it.at.HostOf(it.row))+1+len(it.at.HostOf(o)), 32))
		}
	}
	w = max(w, m.bothHosts)
	c.width = [3]int{min(w, 12), w, w}
}

func (m *Model) drawEmpty(p *pen, text string) {
	p.end()
	p.space(plain, gutter)
	p.text(dim, text)
	p.end()
}

func (m *Model) whyEmpty() string {
	switch {
	case m.bar.text() != "":
		return "nothing matches the filter; Esc drops it"
	case m.current == events:
		return "nothing opened or closed yet"
	case m.current == listeners:
		return "nothing listens"
	}
	return "no connections"
}

// columnsOf is what v shows: its columns or, where it is wide, every one.
func (m *Model) columnsOf(v *view) []*screenColumn {
	names := v.shownColumns()
	if v.wide {
		names = append(append([]string{}, names...), m.cols.names...)
	}
	var all []*screenColumn
	seen := make(map[string]bool, len(names))
	for _, n := range names {
		c := m.cols.of[n]
		if c == nil || seen[n] || v.wide && m.redundant(v, n) {
			continue
		}
		seen[n] = true
		all = append(all, c)
	}
	return all
}

// redundant reports whether a wide screen already says what n does.
func (m *Model) redundant(v *view, n string) bool {
	if c := m.cols.of[n].field; c != nil && c.Group == "peer" {
		return m.shown == nil || len(m.shown.Hosts) == 0
	}
	switch n {
	case "laddr", "lport", "raddr", "rport", "comm", "pid", "schema", "host", "ts", "event":
		return m.current != events || n != "ts" && n != "event"
	case "group", "conns":
		return v.group == ""
	}
	return false
}

func (m *Model) drawHeadings(p *pen, v *view) {
	for i := range v.places {
		c := &v.places[i]
		p.to(plain, c.x)
		st, mark := heading, ""
		if v.sorts(c.screenColumn) && m.current != events {
			st, mark = sorted, sortMark(v.sort.desc, p.ascii)
		}
		room := c.w - textWidth([]byte(mark))
		name, _ := headOf([]byte(c.title), room)
		m.cell = m.cell[:0]
		if c.right {
			m.cell = append(append(m.cell, mark...), name...)
		} else {
			m.cell = append(append(m.cell, name...), mark...)
		}
		p.field(st, m.cell, c.w, c.right)
	}
	p.end()
}

func sortMark(desc, ascii bool) string {
	switch {
	case ascii && desc:
		return "v"
	case ascii:
		return "^"
	case desc:
		return "▼"
	}
	return "▲"
}

func (m *Model) drawRow(p *pen, v *view, it *item) {
	if it.key() == v.cursor {
		p.reverse()
	}
	mark, whole := rowMark(it, p.ascii)
	p.text(whole, mark)
	if why := whyUnheard(it); why != "" {
		m.cell, _ = treeCell(m.cell[:0], &m.env, it, p.left())
		m.cell = appendSafe(append(m.cell, ": "...), []byte(why), p.ascii)
		p.field(warning, trimMiddle(m.cell, 0, p.left(), p.ascii), p.left(), false)
		p.end()
		return
	}
	for i := range v.places {
		c := &v.places[i]
		p.to(whole, c.x)
		var st style
		m.cell, st = c.cell(m.cell[:0], &m.env, it, c.w)
		if whole != plain {
			st = whole
		}
		m.cell = trimMiddle(m.cell, 0, c.w, p.ascii)
		p.field(st, m.cell, c.w, c.right)
	}
	p.end()
}

// whyUnheard is the reason of a host that has no rows; "" for any other line.
func whyUnheard(it *item) string {
	n := int(it.row.ID.Host)
	if it.group == nil || it.group.n > 0 || n == 0 || n > len(it.at.Hosts) {
		return ""
	}
	return it.at.Hosts[n-1].Why
}

// rowMark is the sign left of a row, and the style of the row where it has one of
// its own.
func rowMark(it *item, ascii bool) (string, style) {
	pin := " "
	if it.pinned {
		pin = "*"
	}
	switch {
	case it.group != nil:
		return "  ", plain
	case it.closed:
		return "x ", closed
	case it.row.Event == conn.EventFail:
		return "!" + pin, failure
	case it.row.Event == conn.EventClose:
		return "-" + pin, closing
	case it.row.Overflows():
		return "!" + pin, failure
	case it.row.Event == conn.EventOpen:
		return "+" + pin, opened
	case it.slow():
		return "~" + pin, dim
	}
	return pin + " ", plain
}
