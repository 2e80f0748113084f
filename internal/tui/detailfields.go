package tui

import (
	"strings"

	"tcptop/internal/column"
	"tcptop/internal/table"
)

// shorten cuts a sentence to w cells: what stands in brackets goes first.
func shorten(s string, w int, ascii bool) string {
	if len(s) > w {
		if before, after, ok := strings.Cut(s, " ("); ok {
			_, rest, _ := strings.Cut(after, ")")
			s = before + rest
		}
	}
	if len(s) > w && w > 3 {
		dots := "…"
		if ascii {
			dots = ".."
		}
		head, _ := headOf([]byte(s), w-len([]rune(dots)))
		s = strings.TrimRight(string(head), " ") + dots
	}
	return s
}

// addFields lists every field by group with what it means.
func (d *details) addFields(m *Model, width int) {
	group := ""
	var unknown []string
	for i := range m.cfg.List.Own() { // what the other end's are addEnds has
		c := &m.cfg.List.Own()[i]
		if c.Group == "frame" {
			continue
		}
		if c.Group != group {
			d.endGroup(m, group, unknown, width)
			group, unknown = c.Group, unknown[:0]
			d.lines = append(d.lines, textLine{head: group})
		}
		value, ok := d.value(m, c)
		if !ok {
			unknown = append(unknown, c.Name)
			continue
		}
		help, _, _ := strings.Cut(c.Help, ". ")
		d.addLine(c.Name, value, help, width)
	}
	d.endGroup(m, group, unknown, width)
}

// endGroup says which of the group's fields have no value here.
func (d *details) endGroup(m *Model, group string, unknown []string, width int) {
	if group == "owner" {
		d.addParents(m, width)
		d.addHolders(m, width)
	}
	if len(unknown) > 0 {
		d.addLine("not known", strings.Join(unknown, ", "), "", width)
		d.lines[len(d.lines)-1].st = dim
	}
}

// addLine adds a value; a long one is wrapped.
func (d *details) addLine(name, value, help string, width int) {
	if w := width - 24; textWidth([]byte(value)) > w && w > 8 {
		d.addWrapped(name, value, plain, w)
		return
	}
	d.lines = append(d.lines, textLine{name: name, text: value, help: help})
}

// addParents lists the processes that the owner came from, the nearest first.
func (d *details) addParents(m *Model, width int) {
	const name, help = "parents", "Processes that it came from, the nearest first (/proc/PID/stat)."
	var b []byte
	for i, t := range d.tasks {
		if i > 1 {
			b = append(b, ", "...)
		}
		if i > 0 {
			b = appendSafe(b, []byte(t.Comm), m.cfg.ASCII)
			b = appendPID(b, t.PID)
		}
	}
	switch {
	case d.err != nil:
		d.lines = append(d.lines, textLine{name: name, text: d.err.Error(), st: warning})
	case len(b) > 0:
		d.addLine(name, string(b), help, width)
	}
}

// addHolders lists the processes that hold the socket, the owner among them.
func (d *details) addHolders(m *Model, width int) {
	var b []byte
	for i := range d.holders {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = appendSafe(b, d.holders[i].Comm.Bytes(), m.cfg.ASCII)
		b = appendPID(b, d.holders[i].PID)
	}
	if len(b) > 0 {
		d.addLine("held by", string(b), "Processes that held the socket when the details were opened.", width)
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

// value is a field as text; ok is false where it has none.
func (d *details) value(m *Model, c *column.Column) (text string, ok bool) {
	return valueOf(m, c, d.at, d.row)
}

func valueOf(m *Model, c *column.Column, at *table.Snapshot, r *table.Row) (text string, ok bool) {
	var b []byte
	if c.Num != nil && c.Kind != column.Time {
		var n int64
		if n, ok = c.Num(at, r); ok {
			b = m.env.units.Append(nil, c.Kind, n)
		}
	} else {
		b, ok = c.Append(nil, at, r)
	}
	if !ok {
		return "", false
	}
	safe := []byte(nil)
	for len(b) > maxText { // a command line is shown whole
		safe = appendSafe(safe, b[:maxText], m.cfg.ASCII)
		b = b[maxText:]
	}
	return strings.TrimLeft(string(appendSafe(safe, b, m.cfg.ASCII)), " "), true
}
