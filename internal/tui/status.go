package tui

import (
	"fmt"
	"strings"
)

// drawBottom writes the filter while it is edited, and the status line.
func (m *Model) drawBottom(p *pen) {
	if m.timeHeight() > 0 && p.lines() > 1 {
		m.drawTime(p)
	}
	if m.bar.editing && p.lines() > 1 {
		m.bar.draw(p)
	}
	p.fill(1)
	m.drawStatus(p)
}

// drawStatus says what is shown and how, or what just happened.
func (m *Model) drawStatus(p *pen) {
	switch {
	case m.note.text != "":
		p.text(plain, " ")
		p.bytes(m.note.st, appendSafe(nil, []byte(m.note.text), p.ascii))
		p.end()
		return
	case m.paused:
		m.drawBanner(p)
		return
	case m.past.on && m.timeHeight() == 0:
		m.drawTime(p)
		return
	}
	v := m.view()
	p.text(barKey, " "+v.name+" ")
	p.text(bar, m.countText(v))
	for _, part := range m.statusParts(v) {
		p.text(bar, "  ")
		p.text(barKey, part[0])
		p.bytes(bar, appendSafe(nil, []byte(part[1]), p.ascii))
	}
	m.drawHints(p)
	p.endWith(bar)
}

// drawHints writes, to the right, as many of the keys that one should know as fit:
// help and quit before all.
func (m *Model) drawHints(p *pen) {
	room, from := p.left()-3, len(m.hints)
	for from > 0 && room >= len(m.hints[from-1])+2 {
		from--
		room -= len(m.hints[from]) + 2
	}
	hint := strings.Join(m.hints[from:], "  ")
	if hint == "" {
		return
	}
	p.to(bar, p.width-len(hint)-1)
	p.text(bar, hint)
}

// countText is how many lines there are, and of how many rows.
func (m *Model) countText(v *view) string {
	switch {
	case m.shown == nil:
		return ""
	case v.group != "":
		return fmt.Sprintf("%d groups of %d", len(v.grouping.groups), v.rows)
	case v.rows != m.shown.Len() && m.current != events && !m.keep:
		return fmt.Sprintf("%d of %d", v.rows, m.shown.Len())
	}
	return fmt.Sprint(v.total)
}

func (m *Model) statusParts(v *view) [][2]string {
	var parts [][2]string
	add := func(name, text string) { parts = append(parts, [2]string{name, text}) }
	if m.current != events {
		add("sort ", v.sort.column+" "+sortMark(v.sort.desc, m.cfg.ASCII))
	}
	if v.group != "" {
		add("group ", v.group)
	}
	if text := strings.TrimSpace(m.bar.text()); text != "" {
		add("filter ", text)
	}
	if m.cfg.Flags != "" {
		add("only ", m.cfg.Flags)
	}
	for _, on := range []struct {
		is   bool
		name string
	}{
		{v.frozen != nil, "frozen"}, {v.follow, "follow"}, {m.keep, "closed kept"}, {v.wide, "wide"},
		{m.env.hosts, "names"}, {m.env.ports, "ports"}, {m.cfg.ReadOnly, "read-only"},
	} {
		if on.is {
			add(on.name, "")
		}
	}
	if m.env.zero != nil {
		add("since ", m.env.zero.at)
	}
	return parts
}

// drawBanner says that the screen stands still and for how long it has.
func (m *Model) drawBanner(p *pen) {
	age := m.latest.Snapshot.Time.Sub(m.shown.Time)
	p.text(banner, fmt.Sprintf(" PAUSED  this is %s old (%s); collecting goes on; Space goes on ",
		duration(age), m.shown.Time.In(m.cfg.Local).Format("15:04:05")))
	p.endWith(banner)
}
