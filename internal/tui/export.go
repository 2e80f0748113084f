package tui

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"tcptop/internal/column"
)

const maxExport = 100_000

// askExport offers to write the view to a file: the columns that it shows, of
// every row that it has.
func (m *Model) askExport() {
	if m.cfg.Actions.Export == nil || m.shown == nil {
		m.say(warning, "files cannot be written from here")
		return
	}
	v := m.view()
	at := m.shown.Time.In(m.cfg.Local)
	when, file := at.Format(time.TimeOnly), fmt.Sprintf("tcptop-%s-%s.csv", strings.ToLower(v.name), at.Format("20060102-150405"))
	m.pane = &question{title: "Export this view?",
		text: []string{fmt.Sprintf("%d lines of %s, as of %s, to %s in the current directory", min(v.total, maxExport), v.name, when, file),
			"Nothing is overwritten."},
		yes: func() tea.Cmd {
			data := m.export() // now, while the snapshot is held
			return func() tea.Msg {
				path, err := m.cfg.Actions.Export(file, data)
				if err != nil {
					return refused("export: %v", err)
				}
				return succeeded("exported to %s", path)
			}
		}}
}

// export is the view as CSV: fields as the contract spells them.
func (m *Model) export() []byte {
	v := m.view()
	var fields []*column.Column
	for _, c := range m.cols.pick(v.columns) {
		for _, name := range exportNames(c) {
			if f, ok := m.cfg.List.Find(name); ok {
				fields = append(fields, f)
			}
		}
	}
	var b []byte
	if v.group != "" {
		b = append(b, v.group+",conns"...)
	}
	for _, f := range fields {
		b = comma(b)
		b = append(b, f.Name...)
	}
	b = append(b, '\n')
	for i := range m.everything(v) {
		b = m.exportLine(b, &v.window[i], fields)
	}
	m.arrange()
	return b
}

// everything fills the window with all lines of v and returns how many there are.
func (m *Model) everything(v *view) int {
	offset := v.offset
	v.offset = 0
	m.query(v, maxExport/2)
	v.offset = offset
	return min(len(v.window), maxExport)
}

func (m *Model) exportLine(b []byte, it *item, fields []*column.Column) []byte {
	start := len(b)
	if v := m.view(); v.group != "" {
		if it.group == nil {
			return b
		}
		b = appendCell(b, v.grouping.appendLabel(nil, it.group, &m.env))
		b = fmt.Appendf(b, ",%d", it.group.conns())
	}
	for i, f := range fields {
		if i > 0 || len(b) > start {
			b = append(b, ',')
		}
		if it.group != nil && it.group.hides(f.Name) {
			continue
		}
		value, _ := f.Append(nil, it.at, it.row)
		b = appendCell(b, value)
	}
	return append(b, '\n')
}

func comma(b []byte) []byte {
	if len(b) > 0 {
		return append(b, ',')
	}
	return b
}

// appendCell appends one CSV cell: safe, quoted where needed, and never a formula.
func appendCell(dst, value []byte) []byte {
	safe := string(appendSafe(nil, value, false))
	if strings.TrimLeft(safe, " ") != "" && strings.ContainsRune("=+-@＝＋－＠", []rune(strings.TrimLeft(safe, " "))[0]) {
		safe = "'" + safe
	}
	if strings.ContainsAny(safe, "\",;") {
		safe = `"` + strings.ReplaceAll(safe, `"`, `""`) + `"`
	}
	return append(dst, safe...)
}

// exportNames are the fields that a column of the screen stands for.
func exportNames(c *screenColumn) []string {
	switch c.name {
	case "process":
		return []string{"comm", "pid"}
	case "host":
		return []string{"host", "peer_host", "peer_comm", "peer_pid"}
	case "local":
		return []string{"laddr", "lport"}
	case "remote":
		return []string{"raddr", "rport"}
	case "graph":
		return nil
	}
	return []string{c.name}
}
