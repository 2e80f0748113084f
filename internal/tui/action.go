package tui

import (
	"fmt"
	"strconv"

	tea "charm.land/bubbletea/v2"

	"tcptop/internal/column"
	"tcptop/internal/conn"
)

// doneMsg is what came of an action.
type doneMsg struct{ note note }

func succeeded(format string, args ...any) tea.Msg {
	return doneMsg{note{fmt.Sprintf(format, args...), opened}}
}

func refused(format string, args ...any) tea.Msg {
	return doneMsg{note{fmt.Sprintf(format, args...), failure}}
}

// question is asked before something is done that cannot be undone.
type question struct {
	title string
	text  []string
	under pane
	yes   func() tea.Cmd
}

func (q *question) name() string { return q.title }

func (q *question) commands(m *Model) []command {
	leave := func() {
		if m.pane = q.under; m.pane == nil {
			m.closePane()
		}
	}
	return []command{
		on(q.title, "y Y", "y", "do it", func() tea.Cmd {
			leave()
			return q.yes()
		}),
		on(q.title, "n N esc q enter", "n Esc", "leave it", do(leave)),
	}
}

func (q *question) draw(_ *Model, p *pen, _ int) {
	drawTitle(p, q.title, "")
	p.end()
	for _, line := range q.text {
		p.space(plain, 3)
		p.bytes(plain, appendSafe(nil, []byte(line), p.ascii))
		p.end()
	}
	p.end()
	p.text(strong, "   y")
	p.text(plain, " do it   ")
	p.text(strong, "n")
	p.text(plain, " leave it")
	p.end()
}

// signals are those that one sends to a process on purpose.
func signals() []entry {
	return []entry{
		{"15", "TERM 15", "ask it to end"}, {"1", "HUP 1", "hang up; many daemons read their configuration again"},
		{"2", "INT 2", "interrupt, as ctrl-c does"}, {"3", "QUIT 3", "quit with a core dump"},
		{"9", "KILL 9", "end it at once; it cannot clean up"}, {"10", "USR1 10", "what the program makes of it"},
		{"12", "USR2 12", "what the program makes of it"}, {"19", "STOP 19", "stop it"}, {"18", "CONT 18", "let it go on"},
	}
}

func (m *Model) openSignalMenu() {
	if it := m.chosen(); it != nil {
		m.signalMenu(it)
	}
}

func (m *Model) signalMenu(it *item) {
	owner := it.row.Owner
	if m.inPast() {
		return
	}
	switch {
	case it.row.ID.Host != 0:
		m.say(warning, "this process is on another host: run tcptop there")
		return
	case m.cfg.Actions.Signal == nil:
		m.say(warning, "signals cannot be sent from here")
		return
	case owner.PID == 0:
		m.say(warning, "no process is known for this row")
		return
	}
	who := processText(&owner)
	m.pane = newMenu("Signal to "+who, signals(), "15", func(m *Model, e *entry) {
		n, _ := strconv.Atoi(e.value)
		m.pane = &question{title: "Send " + e.label + " to " + who + "?",
			text: []string{e.text, "Its pid is checked against its start time first: never another process."},
			yes: func() tea.Cmd {
				return func() tea.Msg {
					if err := m.cfg.Actions.Signal(owner, n); err != nil {
						return refused("signal %s to %s: %v", e.label, who, err)
					}
					return succeeded("sent %s to %s", e.label, who)
				}
			}}
	})
}

func processText(o *conn.Owner) string {
	return fmt.Sprintf("%s (pid %d)", appendSafe(nil, o.Comm.Bytes(), false), o.PID)
}

func (m *Model) askClose() {
	if it := m.chosen(); it != nil {
		m.confirmClose(it)
	}
}

func (m *Model) confirmClose(it *item) {
	if m.inPast() {
		return
	}
	switch {
	case it.row.ID.Host != 0:
		m.say(warning, "this socket is on another host: run tcptop there")
		return
	case m.cfg.Actions.Close == nil:
		m.say(warning, "sockets cannot be closed from here")
		return
	case it.group != nil:
		m.say(warning, "choose one connection, not a group")
		return
	case it.closed || it.seq != 0:
		m.say(warning, "this connection is closed already")
		return
	}
	c := it.row.Conn
	what := m.connText(it)
	m.pane = &question{title: "Close this socket?", under: m.pane,
		text: []string{what, "owned by " + processText(&c.Owner), "The peer sees a reset, the process an error (SOCK_DESTROY)."},
		yes: func() tea.Cmd {
			return func() tea.Msg {
				if err := m.cfg.Actions.Close(&c); err != nil {
					return refused("close %s: %v", what, err)
				}
				return succeeded("closed %s", what)
			}
		}}
}

// connText is a connection on one line.
func (m *Model) connText(it *item) string {
	r := it.row
	b := append([]byte(r.Proto.String()), ' ')
	b = m.env.appendLocalEnd(b, r, 60)
	if r.Has&conn.HasRaddr != 0 {
		b = append(b, " - "...)
		b = m.env.appendRemoteEnd(b, r, 60)
	}
	return string(b)
}

// copyRow gives the fields of the chosen row to the terminal's clipboard.
func (m *Model) copyRow() tea.Cmd {
	it := m.chosen()
	if it == nil {
		return nil
	}
	var b []byte
	if it.group != nil {
		b = append(b, "group="...)
		b = m.view().grouping.appendLabel(b, it.group, &m.env)
	}
	for i := range m.cfg.List.All() {
		c := &m.cfg.List.All()[i]
		if it.group != nil && it.group.hides(c.Name) {
			continue
		}
		b = appendPair(b, c, it)
	}
	m.say(opened, "copied the row; the terminal must allow OSC 52")
	return tea.SetClipboard(string(b))
}

func appendPair(dst []byte, c *column.Column, it *item) []byte {
	value, ok := c.Append(nil, it.at, it.row)
	if !ok {
		return dst
	}
	if len(dst) > 0 {
		dst = append(dst, ' ')
	}
	dst = append(append(dst, c.Name...), '=')
	return appendSafe(dst, value, false)
}
