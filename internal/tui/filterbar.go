package tui

import (
	"errors"
	"slices"
	"strings"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"tcptop/internal/column"
	"tcptop/internal/filter"
)

const maxHistory = 100

// filterBar is the filter: as typed, and the last good one, which is in force.
type filterBar struct {
	list    *column.List
	input   textinput.Model
	editing bool
	filter  *filter.Filter
	err     *filter.Error
	before  string   // what was in force when editing began
	history []string // the newest last
	at      int      // place in history while editing
	edit    int      // counts what was typed
}

func newFilterBar(list *column.List) filterBar {
	in := textinput.New()
	in.Prompt = "/"
	in.CharLimit = filter.MaxSource
	in.SetStyles(textinput.Styles{})
	return filterBar{list: list, input: in, filter: &filter.Filter{}}
}

// text is the filter as typed.
func (b *filterBar) text() string { return b.input.Value() }

// set replaces the filter.
func (b *filterBar) set(src string) {
	b.input.SetValue(src)
	b.input.CursorEnd()
	b.parse()
}

// parse puts what was typed in force, if it is a filter.
func (b *filterBar) parse() {
	f, err := filter.Parse(b.input.Value(), b.list)
	b.err = nil
	if err == nil {
		b.filter = f
		return
	}
	errors.As(err, &b.err)
}

// height is how many lines it takes.
func (b *filterBar) height(int) int {
	switch {
	case !b.editing:
		return 0
	case b.err != nil:
		return 2
	}
	return 1
}

func (m *Model) openFilter() tea.Cmd {
	b := &m.bar
	b.editing, b.before, b.at = true, b.text(), len(b.history)
	b.input.CursorEnd()
	cmd := b.input.Focus()
	m.arrange()
	return cmd
}

// editFilter takes a key while the filter is edited.
func (m *Model) editFilter(k tea.KeyPressMsg) (cmd tea.Cmd) {
	b := &m.bar
	switch k.String() {
	case "enter":
		m.leaveFilter()
	case "esc":
		b.set("")
		m.leaveFilter()
	case "up", "ctrl+p":
		b.recall(-1)
	case "down", "ctrl+n":
		b.recall(1)
	default:
		b.input, cmd = b.input.Update(k)
		b.parse()
		return tea.Batch(cmd, m.settleSoon())
	}
	m.arrange()
	return cmd
}

// settleMsg says that a filter was typed. What is typed shows at once; the rows
// follow when no further key waits, so that fast typing is never held up.
type settleMsg struct{ edit int }

func (m *Model) settleSoon() tea.Cmd {
	m.bar.edit++
	edit := m.bar.edit
	return func() tea.Msg { return settleMsg{edit} }
}

// leaveFilter ends editing. A filter that is none gives way to the last good one.
func (m *Model) leaveFilter() {
	b := &m.bar
	b.editing = false
	b.input.Blur()
	if b.err != nil {
		m.say(failure, b.err.Error()+"; the filter before it is in force")
		b.set(b.filter.String())
	}
	if src := strings.TrimSpace(b.text()); src != "" {
		b.history = slices.DeleteFunc(b.history, func(s string) bool { return s == src })
		b.history = append(b.history, src)
		b.history = b.history[max(len(b.history)-maxHistory, 0):]
	}
}

// recall goes back and forth in the history.
func (b *filterBar) recall(step int) {
	at := min(max(b.at+step, 0), len(b.history))
	if at == b.at {
		return
	}
	b.at = at
	if at == len(b.history) {
		b.set(b.before)
		return
	}
	b.set(b.history[at])
}

// paste takes pasted text into the filter.
func (m *Model) paste(text string) {
	b := &m.bar
	if !b.editing {
		return
	}
	b.input, _ = b.input.Update(tea.PasteMsg{Content: text})
	b.parse()
	m.arrange()
}

// draw writes the filter with its cursor, and below it what is wrong and where.
func (b *filterBar) draw(p *pen) {
	value := []rune(b.input.Value())
	pos := min(b.input.Position(), len(value))
	first := firstShown(value, pos, p.width-3)
	p.text(barKey, "/")
	caret := -1
	for i := first; i <= len(value); i++ {
		if b.err != nil && i+1 == b.err.Col {
			caret = p.x
		}
		shown := []byte(" ")
		if i < len(value) {
			shown = oneCell(value[i], p.ascii)
		}
		if i == pos {
			p.bytes(bar, shown)
		} else {
			p.bytes(plain, shown)
		}
	}
	p.end()
	if b.err == nil || p.lines() < 2 {
		return
	}
	b.drawError(p, max(caret, 0))
}

// drawError writes a caret under the place and the message beside it.
func (b *filterBar) drawError(p *pen, caret int) {
	msg := b.err.Msg
	if b.err.Hint != "" {
		msg += "; " + b.err.Hint
	}
	text := appendSafe(nil, []byte(msg), p.ascii)
	if w := textWidth(text); caret+2+w > p.width && caret > w+1 {
		p.to(plain, caret-w-1)
		p.bytes(failure, text)
		p.to(plain, caret)
		p.text(failure, "^")
	} else {
		p.to(plain, caret)
		p.text(failure, "^ ")
		p.bytes(failure, text)
	}
	p.end()
}

// firstShown is the first character to show so that the one at pos fits w cells.
func firstShown(value []rune, pos, w int) int {
	first, n := pos, 0
	for first > 0 {
		n += textWidth(oneCell(value[first-1], false))
		if n > w {
			break
		}
		first--
	}
	return first
}

// oneCell is a typed character as it is shown: one that is not sure to take one
// or two cells is replaced.
func oneCell(r rune, ascii bool) []byte {
	if n := cells(r); n == 0 || ascii && r > '~' {
		return []byte("?")
	}
	return []byte(string(r))
}
