package tui

import (
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"tcptop/internal/column"
	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// Model is the screen.
type Model struct {
	cfg    Config
	keys   []command
	hints  []string // of keys, for the status line
	cols   *columnSet
	theme  *theme
	look   string // auto or the name of a theme
	light  bool   // the terminal's background is
	rich   bool   // the terminal has 256 colours at least
	width  int
	height int

	latest Frame
	shown  *table.Snapshot // of the newest frame, of the one that was paused at, or of the past
	ended  bool
	err    error  // why the source ended
	live   *tally // of what is measured
	tally  *tally // of what is shown
	past   past
	env    env

	views   [viewCount]*view
	picked  selection // of the lines of a view
	inner   selection // of the rows of an unfolded group
	skim    skim
	current int
	bar     filterBar
	pane    pane // over the table; nil is none
	note    note
	pins    []conn.ID
	// bothHosts is how wide the names of the hosts at both ends of a connection were.
	bothHosts int
	keep      bool // closed rows stay
	paused    bool

	pen     pen
	content string
	dirty   bool
	cell    []byte
}

// note is a message on the status line, gone with the next key.
type note struct {
	text string
	st   style
}

// New returns the screen before its first tick.
func New(cfg Config) *Model {
	if cfg.Local == nil {
		cfg.Local = time.UTC
	}
	m := &Model{cfg: cfg, cols: newColumnSet(cfg.List), tally: newTally(), views: newViews(cfg.Views), width: 80, height: 24}
	m.live, m.past.tally, m.past.speed = m.tally, newTally(), 1
	m.keys = m.commands()
	m.hints = hints(m.keys)
	m.cols.add(treeColumns()...)
	m.env = env{units: column.Style{ASCII: cfg.ASCII}, ascii: cfg.ASCII, local: cfg.Local,
		portName: cfg.PortName, hostName: cfg.HostName, tally: m.tally, history: newHistory(sparkTicks)}
	m.bar = newFilterBar(cfg.List)
	m.setLook("auto")
	m.restore()
	m.applyFlags()
	m.dirty = true
	return m
}

// applyFlags puts what the command line says over what was remembered.
func (m *Model) applyFlags() {
	v := m.views[connections]
	if m.cfg.Fields != nil {
		m.views[groups].columns = slices.Clone(m.cfg.Fields)
	}
	if m.cfg.Listen {
		m.current = listeners
	}
	if m.cfg.Fields != nil {
		v.columns = m.cfg.Fields
	}
	if m.cfg.Sort != "" {
		if o, err := m.cfg.List.ParseSort(m.cfg.Sort); err == nil {
			v.sort = sorting{o.Column.Name, o.Desc}
		}
	}
	if slices.Contains(groupNames(), m.cfg.Group) {
		v.setGroup(m.cfg.Group)
	}
	if m.cfg.Theme != "" {
		m.setLook(m.cfg.Theme)
	}
	if m.cfg.Units != "" {
		m.env.units.Bits = m.cfg.Units == "bits"
	}
	if m.cfg.Filter != "" {
		m.bar.set(m.cfg.Filter)
	}
}

// setLook takes the name of a theme or auto, which is dark until the terminal
// says that its background is light.
func (m *Model) setLook(name string) {
	m.look = name
	if name == "auto" && m.light {
		name = "light"
	}
	m.theme = newTheme(name, m.rich)
	m.dirty = true
}

// view is the one shown.
func (m *Model) view() *view { return m.views[m.current] }

// Init asks for the first frame and, where the theme depends on it, for the
// terminal's background.
func (m *Model) Init() tea.Cmd {
	cmds := []tea.Cmd{m.wait}
	if m.cfg.Replay {
		m.past.playing = m.cfg.Play
		cmds = []tea.Cmd{m.travel(move{to: m.cfg.At})}
	}
	if m.look == "auto" && !m.cfg.Quiet {
		cmds = append(cmds, tea.RequestBackgroundColor)
	}
	return tea.Batch(cmds...)
}

func (m *Model) wait() tea.Msg {
	if m.cfg.Frames == nil {
		return nil
	}
	return m.cfg.Frames.take()
}

// Update takes what happened.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case frameMsg:
		m.take(Frame(msg))
		return m, m.wait
	case endMsg:
		m.ended, m.err = true, msg.err
		return m, tea.Quit
	case tea.WindowSizeMsg:
		m.resize(msg.Width, msg.Height)
	case tea.BackgroundColorMsg:
		m.light = !msg.IsDark()
		m.setLook(m.look)
	case tea.ColorProfileMsg:
		m.rich = msg.Profile >= colorprofile.ANSI256
		m.theme = newTheme(m.theme.name, m.rich)
	case tea.KeyPressMsg:
		m.dirty = true
		return m, m.press(msg)
	case tea.PasteMsg:
		m.paste(msg.Content)
	case tea.MouseClickMsg:
		return m, m.click(msg)
	case tea.MouseWheelMsg:
		m.wheel(msg)
	case settleMsg:
		if msg.edit != m.bar.edit {
			return m, nil
		}
		m.arrange()
	case doneMsg:
		m.note = msg.note
	case arrivedMsg:
		m.dirty = true
		return m, m.arrive(msg)
	case playMsg:
		return m, m.playOn(msg)
	case lineageMsg:
		msg.of.take(msg.tasks, msg.err)
	case holdersMsg:
		msg.of.holders = msg.holders
	default:
		return m, nil
	}
	m.dirty = true
	return m, nil
}

// take shows a new tick, or keeps it for later while paused.
func (m *Model) take(f Frame) {
	old := m.latest.Snapshot
	m.latest = f
	for _, d := range f.digests {
		m.live.add(d)
	}
	m.dirty = true
	m.answered()
	if !m.paused && !m.past.on {
		m.shown = f.Snapshot
		m.arrange()
		m.refreshPane()
	}
	if old != nil && old != m.shown {
		old.Release()
	}
}

// unpause shows the newest tick again.
func (m *Model) unpause() {
	m.paused = false
	if old := m.shown; old != m.latest.Snapshot {
		m.shown = m.latest.Snapshot
		m.arrange()
		m.refreshPane()
		if old != nil {
			old.Release()
		}
	}
}

func (m *Model) resize(w, h int) {
	m.width, m.height = min(max(w, 1), 2000), min(max(h, 1), 1000)
	v := m.view()
	follow := v.at >= v.offset
	m.arrange()
	if follow && v.at >= v.offset+m.bodyHeight() {
		m.put(v.at)
	}
}

// Err is why the source ended, once Run has returned.
func (m *Model) Err() error { return m.err }
