package tui

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"tcptop/internal/conn"
	"tcptop/internal/table"
	"tcptop/internal/testkit"
)

// tape is a past of a few ticks.
type tape struct {
	samples []*conn.Sample
	at      int
	rows    *table.Table
	err     error
	gap     int // the sample before which there is a gap
}

func (p *tape) past() *Past {
	return &Past{Move: p.move, Bounds: p.bounds, Parse: parseTime, About: func() []string { return []string{"kept: all of it"} },
		Begin: func() string { return "it begins here" }}
}

func (p *tape) bounds() (first, last time.Time) {
	if len(p.samples) == 0 {
		return first, last
	}
	return p.samples[0].Time, p.samples[len(p.samples)-1].Time
}

// parseTime reads a time of day.
func parseTime(text string, near time.Time) (time.Time, error) {
	t, err := time.Parse(time.TimeOnly, text)
	if err != nil {
		return t, errors.New("no time")
	}
	return near.Truncate(24 * time.Hour).Add(t.Sub(t.Truncate(24 * time.Hour))), nil
}

func (p *tape) move(to time.Time, ticks int, show func(*table.Snapshot)) error {
	if p.err != nil {
		return p.err
	}
	at := p.at
	if !to.IsZero() {
		at = 0
		for i, s := range p.samples {
			if !s.Time.After(to) {
				at = i
			}
		}
	}
	at += ticks
	if at < 0 {
		return io.EOF
	}
	from := p.at + 1
	if !to.IsZero() || ticks < 0 || p.rows == nil {
		p.rows, from = table.New(table.Config{}), 0
	}
	var last *table.Snapshot
	for ; from <= at; from++ {
		if last != nil {
			last.Release()
		}
		if from == len(p.samples) {
			return io.EOF
		}
		if p.at = from; from == p.gap {
			p.rows = table.New(table.Config{})
		}
		p.rows.Apply(p.samples[from])
		last = p.rows.Snapshot()
		show(last)
	}
	return nil
}

// onTape is a screen that has seen n ticks, all of which are kept.
func onTape(t testing.TB, w, h, n int) (*driver, *tape) {
	p := &tape{}
	d := start(t, w, h, Config{Past: p.past()})
	first := ticks()
	for i := range n {
		s := first[0]
		if i > 0 {
			s = later(first[0], i)
		}
		p.samples = append(p.samples, s)
		d.tick(s, i)
	}
	return d, p
}

// travelling runs what a key asked for, as bubbletea does, until nothing is under way.
func (d *driver) travelling(cmd tea.Cmd) tea.Cmd {
	for d.past.busy && cmd != nil {
		if msg, ok := cmd().(arrivedMsg); ok {
			_, cmd = d.Update(msg)
		} else {
			break
		}
	}
	return cmd
}

// key sends a key and lets what it asked of the past arrive.
func (d *driver) key(k tea.KeyPressMsg) {
	_, cmd := d.Update(k)
	d.travelling(cmd)
}

// replayed is a screen over a tape of n ticks alone.
func replayed(t testing.TB, w, h, n int, cfg Config) (*driver, *tape) {
	_, p := onTape(t, w, h, n)
	p.rows, p.at = nil, 0
	cfg.Past, cfg.Replay = p.past(), true
	d := start(t, w, h, cfg)
	d.travelling(d.Init())
	return d, p
}

func TestGoldenPast(t *testing.T) {
	for _, size := range [][2]int{{40, 10}, {80, 24}, {120, 40}, {200, 50}} {
		name := func(what string) string {
			return filepath.Join("testdata", fmt.Sprintf("%s-%dx%d.golden", what, size[0], size[1]))
		}
		golden := func(what string, d *driver) {
			screen := d.View().Content
			checkScreen(t, screen, size[0], size[1])
			testkit.Golden(t, name(what), []byte(ansi.Strip(screen)+"\n"))
		}
		d, _ := replayed(t, size[0], size[1], 100, Config{At: ticks()[0].Time.Add(70 * time.Second)})
		golden("replay", d)
		d, _ = onTape(t, size[0], size[1], 100)
		for range 30 {
			d.press("[")
		}
		golden("past", d)
		if size[0] != 80 { // the others look as they do in the present
			continue
		}
		d.press("enter")
		golden("past-details", d)
		d.press("esc", "5")
		golden("past-events", d)
		d.press("J")
		d.typeText("18:70")
		d.press("enter")
		golden("past-prompt", d)
	}
}

// What the past shows is what was shown when it was the present.
func TestPastIsAsItWas(t *testing.T) {
	d, _ := onTape(t, 120, 40, 20)
	then := d.table()
	first := ticks()[0]
	for n := 20; n < 30; n++ {
		d.tick(later(first, n), n)
	}
	d.cfg.Past = (&tape{samples: samplesUpTo(30)}).past()
	for range 10 {
		d.press("[")
	}
	d.sees("PAST", "18:00:19", "10s ago")
	if now := d.table(); now != then {
		t.Errorf("the past is\n%s\nand was\n%s", now, then)
	}
	d.press("5")
	if it := d.view().item(0); it.at.Time != first.Time.Add(19*time.Second) {
		t.Errorf("the newest event is of %v", it.at.Time)
	}
	d.press("1", "esc")
	d.lacks("PAST")
	d.sees("18:00:29")
}

func samplesUpTo(n int) []*conn.Sample {
	all := ticks()[:1]
	for i := 1; i < n; i++ {
		all = append(all, later(all[0], i))
	}
	return all
}

// table is the lines of the table.
func (d *driver) table() string {
	lines := strings.Split(d.screen(), "\n")
	return strings.Join(lines[d.headerHeight():len(lines)-2], "\n")
}

func TestSteps(t *testing.T) {
	d, _ := onTape(t, 100, 24, 200)
	at := func(second int, what string) {
		t.Helper()
		want := ticks()[0].Time.Add(time.Duration(second) * time.Second)
		if d.shown.Time != want {
			t.Errorf("%s: at %v, want %v", what, d.shown.Time.Format(time.TimeOnly), want.Format(time.TimeOnly))
		}
	}
	d.press("]")
	d.sees("this is now")
	d.press("[")
	at(198, "[")
	d.press("[", "[")
	at(196, "[ [")
	d.press("]")
	at(197, "]")
	d.press("{")
	at(137, "{")
	d.press("{", "{")
	at(17, "{ {")
	d.press("{")
	at(0, "{ at the beginning")
	d.sees("there is nothing earlier")
	d.press("[")
	at(0, "[ at the beginning")
	d.sees("there is nothing earlier")
	d.press("}")
	at(60, "}")
	d.tick(later(ticks()[0], 200), 200) // the present goes on, the past stands still
	at(60, "a tick")
	d.sees("2m20s ago")
	d.press("J")
	d.sees("Go to a time", "from 18:00:00 to 18:03:20")
	d.typeText("18:1x")
	d.press("enter")
	d.sees("no time")
	d.press("backspace", "backspace")
	d.lacks("no time")
	d.typeText("02:30")
	d.press("enter")
	at(150, "J")
	d.press("}")
	at(200, "} beyond the last")
	d.lacks("PAST")
	d.press("[", "end")
	at(200, "End")
	d.press("[", "K")
	d.sees("this is the past")
	d.press("esc")
	d.press("space", "[") // from a picture that stands still
	at(199, "[ while paused")
	d.lacks("PAUSED")
	d.press("]", "]")
	d.lacks("PAST")
}

func TestPausedGoesForth(t *testing.T) {
	d, p := onTape(t, 100, 24, 20)
	d.press("space")
	for n := 20; n < 30; n++ {
		s := later(ticks()[0], n)
		p.samples = append(p.samples, s)
		d.tick(s, n)
	}
	d.press("]")
	d.sees("PAST 18:00:20")
}

func TestPlay(t *testing.T) {
	d, _ := onTape(t, 100, 24, 200)
	d.press("{", "+", "+")
	d.sees("stopped 5x")
	cmd := d.press("space")
	d.sees("▶ 5x")
	if wait, ticks := d.pace(); wait != 200*time.Millisecond || ticks != 1 {
		t.Errorf("%v, %d ticks", wait, ticks)
	}
	play := func(n int) {
		for range n {
			if cmd == nil {
				t.Fatal("it stands still")
			}
			_, cmd = d.Update(playMsg{d.past.wake})
			cmd = d.travelling(cmd)
		}
	}
	play(3)
	d.sees("PAST 18:02:22")
	d.press("+", "+", "+", "+", "+", "+")
	if wait, ticks := d.pace(); wait != leastWait || ticks != 5 || d.past.speed != 100 {
		t.Errorf("%v, %d ticks at %d", wait, ticks, d.past.speed)
	}
	play(2)
	d.sees("PAST 18:02:32", "▶ 100x")
	_, stale := d.Update(playMsg{d.past.wake - 1})
	if stale != nil {
		t.Error("an old timer moves it")
	}
	d.press("-", "space")
	d.sees("stopped 50x")
	if _, cmd := d.Update(playMsg{d.past.wake}); cmd != nil {
		t.Error("it moves though it is stopped")
	}
	cmd = d.press("space")
	for d.past.on { // at the end of the past is the present
		play(1)
	}
	d.sees("18:03:19", "sort rate")
	d.lacks("PAST")
}

func TestReplay(t *testing.T) {
	d, p := replayed(t, 120, 24, 10, Config{Play: true})
	d.sees("REPLAY 18:00:00", "▶ 1x", "web1", "every 1s", "18:00:09")
	d.lacks("Esc now", "cpu", "ago", "up 0s")
	d.press("end", "G", "esc") // there is no present to return to
	d.sees("REPLAY 18:00:00")
	d.press("J")
	d.typeText("18:00:07")
	d.press("enter", "]", "]", "]")
	d.sees("REPLAY 18:00:09", "the recording ends here")
	d.press("space") // where it ends it stops
	_, cmd := d.Update(playMsg{d.past.wake})
	d.travelling(cmd)
	d.sees("at the end", "sort rate")
	p.samples = append(p.samples, later(p.samples[0], 10)) // it is still being written
	d.press("]")
	d.sees("REPLAY 18:00:10")
	d.press("K")
	d.sees("this is a recording")
	d.press("j", "X")
	d.sees("this is a recording")
	d.press("5")
	d.sees("wget")
	p.err = errors.New("the disk is \x1b[31mgone")
	d.press("[")
	d.sees("the past: the disk is")
	checkScreen(t, d.View().Content, 120, 24)
}

func TestClickOnTheTimeBar(t *testing.T) {
	d, _ := onTape(t, 100, 24, 101)
	d.press("[")
	click := func(x int) {
		d.View()
		_, cmd := d.Update(tea.MouseClickMsg{X: x, Y: d.height - 2, Button: tea.MouseLeft})
		d.travelling(cmd)
	}
	d.View()
	b := d.past.bar
	click(b.x)
	d.sees("PAST 18:00:00")
	b = d.past.bar
	click(b.x + b.w/2)
	d.sees("PAST 18:00:5")
	click(2) // beside it
	d.sees("PAST 18:00:5")
	b = d.past.bar
	click(b.x + b.w - 1)
	d.lacks("PAST")
	click(b.x) // where it was
	d.lacks("PAST")
}

// A gap is said, whether one steps over it or aims at it.
func TestGap(t *testing.T) {
	samples := append(samplesUpTo(3), later(ticks()[0], 500))
	d, p := replayed(t, 100, 24, 3, Config{})
	p.samples, p.gap = samples, 3
	d.press("J")
	d.typeText("18:05:00")
	d.press("enter")
	d.sees("nothing is known of the 4m58s up to 18:05:00", "REPLAY 18:00:02")
	d.press("]")
	d.sees("nothing was recorded in the 8m18s before this tick", "REPLAY 18:08:20")
}

// Keys that come while a move is under way are not lost.
func TestKeysWhileUnderWay(t *testing.T) {
	d, _ := onTape(t, 100, 24, 200)
	_, first := d.Update(keyOf("["))
	for range 4 {
		if _, cmd := d.Update(keyOf("[")); cmd != nil {
			t.Error("two moves at once")
		}
	}
	d.travelling(first)
	d.sees("PAST 18:03:14")
	_, first = d.Update(keyOf("{"))
	d.Update(keyOf("{"))
	d.travelling(first)
	d.sees("PAST 18:01:14")
	_, first = d.Update(keyOf("["))
	d.Update(keyOf("esc")) // back to now before it has arrived
	d.travelling(first)
	d.lacks("PAST")
	if d.shown != d.latest.Snapshot || d.shown.Len() == 0 {
		t.Error("the present is not shown")
	}
}

// The cursor, the pins and the frozen order are those of connections.
func TestSelectionTravels(t *testing.T) {
	d, _ := onTape(t, 100, 40, 50)
	d.press("j", "j", "m", "o")
	id, pins := d.view().cursor.id, slices.Clone(d.pins)
	var order []conn.ID
	for _, it := range d.view().window {
		order = append(order, it.row.ID)
	}
	d.press("[", "[")
	if d.view().cursor.id != id || !slices.Equal(d.pins, pins) {
		t.Errorf("cursor %v, pins %v; were %v, %v", d.view().cursor.id, d.pins, id, pins)
	}
	var then []conn.ID
	for _, it := range d.view().window {
		if slices.Contains(order, it.row.ID) {
			then = append(then, it.row.ID)
		}
	}
	order = slices.DeleteFunc(order, func(id conn.ID) bool { return !slices.Contains(then, id) })
	if !slices.Equal(then, order) {
		t.Errorf("frozen order %v, was %v", then, order)
	}
	d.press("{", "esc")
	if !slices.Equal(d.pins, pins) {
		t.Errorf("pins %v, were %v", d.pins, pins)
	}
}

// Details stay open over time, and are as of then.
func TestDetailsTravel(t *testing.T) {
	d, _ := onTape(t, 120, 50, 100)
	d.press("enter")
	d.sees("rx_bytes          11.9 GB")
	d.press("[", "{")
	d.sees("rx_bytes          4.56 GB", "graphs: 38s", "PAST 18:00:38")
	d.press("]")
	d.sees("rx_bytes          4.68 GB", "graphs: 39s")
	d.press("J")
	d.typeText("18:01:30")
	d.press("enter")
	d.sees("Details", "rx_bytes          10.8 GB", "graphs: 1m30s")
	d.press("esc", "esc")
	d.lacks("PAST")
}

func TestHelpTellsOfThePast(t *testing.T) {
	d, _ := onTape(t, 120, 100, 10)
	d.press("?")
	d.sees("the past", "kept: all of it", "go to a time: 03:10")
}

// Nothing of the past is held once it is left.
func TestPastIsReleased(t *testing.T) {
	d, _ := onTape(t, 100, 24, 50)
	d.press("[")
	was := d.shown
	d.press("]")
	d.press("[", "[")
	if was.Len() != 0 {
		t.Error("a tick that is not shown is held")
	}
	was = d.shown
	d.press("esc")
	if was.Len() != 0 || d.shown.Len() == 0 {
		t.Error("the past is held, or the present is not")
	}
}

func TestExportOfThePast(t *testing.T) {
	d, _ := onTape(t, 100, 24, 50)
	var file string
	var data []byte
	d.cfg.Actions.Export = func(name string, b []byte) (string, error) {
		file, data = name, b
		return name, nil
	}
	d.press("{", "E")
	d.sees("as of 18:00:00", "tcptop-connections-20261123-180000.csv")
	d.Update(d.press("y")())
	if file != "tcptop-connections-20261123-180000.csv" || strings.Contains(string(data), "wget") || !strings.Contains(string(data), "curl") {
		t.Errorf("%s:\n%s", file, data)
	}
}
