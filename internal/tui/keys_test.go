package tui

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"tcptop/internal/conn"
)

// screen is what is seen, without colour.
func (d *driver) screen() string {
	d.t.Helper()
	s := d.View().Content
	checkScreen(d.t, s, d.width, d.height)
	return ansi.Strip(s)
}

// sees fails unless every one of want is on the screen.
func (d *driver) sees(want ...string) {
	d.t.Helper()
	s := d.screen()
	for _, w := range want {
		if !strings.Contains(s, w) {
			d.t.Errorf("%q is not on the screen:\n%s", w, s)
		}
	}
}

// lacks fails where one of those is on the screen.
func (d *driver) lacks(unwanted ...string) {
	d.t.Helper()
	s := d.screen()
	for _, w := range unwanted {
		if strings.Contains(s, w) {
			d.t.Errorf("%q is on the screen:\n%s", w, s)
		}
	}
}

// ids are the connections in the window, in order.
func (d *driver) ids() []uint64 {
	var all []uint64
	for i := range d.view().window {
		all = append(all, d.view().window[i].row.ID.Cookie)
	}
	return all
}

func TestFirstFrameBeforeFirstTick(t *testing.T) {
	for _, size := range [][2]int{{20, 5}, {80, 24}, {200, 50}} {
		d := start(t, size[0], size[1], Config{Host: "web1"})
		d.sees("waiting")
		d.press("j", "G", "enter", "K", "X", "y", "E", "m", "F", "o", "space", "z", "a", "tab", "/", "x", "esc", "c", "esc", "s", "esc", "?")
		d.screen()
	}
}

func TestQuit(t *testing.T) {
	for _, k := range []string{"q", "ctrl+c"} {
		cmd := started(t, 80, 24).press(k)
		if cmd == nil {
			t.Fatalf("%s does nothing", k)
		}
		if _, ok := cmd().(tea.QuitMsg); !ok {
			t.Errorf("%s does not quit", k)
		}
	}
	d := started(t, 80, 24)
	d.press("/")
	if cmd := d.press("ctrl+c"); cmd == nil {
		t.Error("ctrl+c does not quit while a filter is typed")
	}
}

func TestSort(t *testing.T) {
	d := started(t, 120, 40)
	if got := d.ids()[:3]; !slices.Equal(got, []uint64{12, 10, 202}) {
		t.Errorf("by rate: %v", got)
	}
	d.press("I")
	d.sees("sort rate ▲")
	if got := d.ids()[0]; got == 12 {
		t.Error("reversed, the fastest is still first")
	}
	d.press("s")
	d.typeText("rport")
	d.press("enter")
	d.sees("sort rport ▲")
	if got := d.ids()[0]; got != 11 {
		t.Errorf("by remote port: %v first", got)
	}
	seen := map[string]bool{}
	for range 20 {
		d.press("right")
		seen[d.view().sort.column] = true
	}
	for _, c := range []string{"process", "local", "remote", "state", "rx_rate", "tx_rate", "rtt_us", "age_ms"} {
		if !seen[c] {
			t.Errorf("→ never sorts by %s", c)
		}
	}
	d.press("<", ">", "r")
}

func TestSortByMouse(t *testing.T) {
	d := started(t, 120, 40)
	d.screen()
	i := slices.IndexFunc(d.view().places, func(p place) bool { return p.name == "rtt_us" })
	at := d.view().places[i]
	d.Update(tea.MouseClickMsg{X: at.x + 1, Y: d.headerHeight(), Button: tea.MouseLeft})
	d.sees("sort rtt_us ▼")
	d.Update(tea.MouseClickMsg{X: at.x + 1, Y: d.headerHeight(), Button: tea.MouseLeft})
	d.sees("sort rtt_us ▲")
	d.Update(tea.MouseClickMsg{X: 3, Y: d.headerHeight() + 3, Button: tea.MouseLeft})
	if d.view().at != 2 {
		t.Errorf("a click on the third row selects %d", d.view().at)
	}
	d.Update(tea.MouseWheelMsg{Button: tea.MouseWheelDown})
	d.screen()
}

func TestFilter(t *testing.T) {
	d := started(t, 80, 24)
	d.press("/")
	d.typeText("comm=curl")
	d.sees("/comm=curl", "curl 4242", "1 of 22")
	d.typeText(" and rtt>5x")
	d.sees("^", "curl 4242", "1 of 22")
	lines := strings.Split(d.screen(), "\n")
	typed, caret := strings.Index(lines[21], "5x"), strings.Index(lines[22], "^")
	if typed < 0 || caret < typed || caret > typed+1 {
		t.Errorf("the caret at %d does not point at 5x at %d:\n%s\n%s", caret, typed, lines[21], lines[22])
	}
	d.press("enter")
	d.sees("curl 4242", "the filter before it is in force")
	d.press("esc")
	d.sees("ssh 4300")
	d.press("/")
	d.typeText("ssh")
	d.press("enter", "/", "up")
	if got := d.bar.text(); got != "ssh" {
		t.Errorf("the newest filter in history is %q", got)
	}
	d.press("up")
	if got := d.bar.text(); got != "comm=curl and rtt_us>5" {
		t.Errorf("the one before is %q", got)
	}
	d.press("esc")
	if d.bar.text() != "" || d.view().rows != 22 {
		t.Error("Esc does not drop the filter")
	}
}

func TestCursorKeepsItsConnection(t *testing.T) {
	d := started(t, 80, 24)
	d.press("down", "down")
	if d.view().cursor.id.Cookie != 10 {
		t.Fatalf("the cursor is on %v", d.view().cursor)
	}
	for range 4 {
		d.press("right")
		if it := d.view().selected(); it != nil && it.row.ID.Cookie != 10 {
			t.Fatalf("the cursor moved to %v", it.row.ID)
		}
		d.press("I")
	}
	if d.view().cursor.id.Cookie != 10 {
		t.Error("the cursor lost its connection")
	}
}

func TestFollow(t *testing.T) {
	d := many(t, 5000, 80, 24)
	d.press("down", "down", "down")
	id := d.view().cursor.id
	d.press("I")
	if d.view().selected() != nil {
		t.Fatal("the row is still in sight: following it would show nothing")
	}
	d.press("I", "F", "I")
	it := d.view().selected()
	if it == nil || it.row.ID != id {
		t.Fatalf("the screen does not follow %v: %+v", id, d.view().cursor)
	}
	if n := d.view().at - d.view().offset; n < 0 || n >= d.bodyHeight() {
		t.Errorf("the followed row is %d lines below the first", n)
	}
}

func TestMoves(t *testing.T) {
	d := many(t, 5000, 80, 24)
	d.press("G")
	if got := d.view().at; got != 4999 {
		t.Errorf("G goes to %d", got)
	}
	last := d.view().cursor
	d.press("k", "j")
	if d.view().cursor != last {
		t.Error("k j does not come back")
	}
	d.press("g")
	if got := d.view().at; got != 0 {
		t.Errorf("g goes to %d", got)
	}
	first := d.view().cursor
	for range 300 {
		d.press("pgdown")
	}
	if d.view().at != 4999 || d.view().cursor != last {
		t.Errorf("paging ends at %d", d.view().at)
	}
	for range 300 {
		d.press("pgup")
	}
	if d.view().cursor != first {
		t.Errorf("paging back ends at %d", d.view().at)
	}
}

// Every place of the list shows what a full sort has there.
func TestWindowIsTheList(t *testing.T) {
	d := many(t, 3000, 80, 24)
	v := d.view()
	all := d.shown.Query(d.match(d.shown), d.order(v).Compare(d.shown), 0)
	for _, offset := range []int{0, 1, 700, 1499, 1501, 2400, 2981} {
		v.offset = offset
		d.arrange()
		for i, it := range v.visible(d.bodyHeight()) {
			if it.row != all[offset+i] {
				t.Fatalf("line %d from %d is %v, want %v", i, offset, it.row.ID, all[offset+i].ID)
			}
		}
	}
}

func TestPause(t *testing.T) {
	d := started(t, 80, 24)
	d.press("space")
	before := strings.Split(d.screen(), "\n")[4:20]
	for n := 3; n < 7; n++ {
		d.tick(later(ticks()[0], n), n)
	}
	d.sees("PAUSED", "4s old")
	if after := strings.Split(d.screen(), "\n")[4:20]; !slices.Equal(before, after) {
		t.Errorf("the paused screen changed:\n%s\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
	d.press("down", "enter", "esc")
	d.press("space")
	d.lacks("PAUSED")
	d.sees("+ tcp wget")
}

func TestFreezeAndPin(t *testing.T) {
	d := started(t, 80, 24)
	before := d.ids()
	d.press("o")
	s := &conn.Sample{Time: d.shown.Time.Add(time.Second), Mono: d.shown.Mono + second, Host: "web1"}
	c := ticks()[0].Conns[3]
	c.RxBytes += 9_000_000_000
	s.Conns = append(s.Conns, c)
	d.tick(s, 3)
	if got := d.ids(); !slices.Equal(got[:3], before[:3]) {
		t.Errorf("frozen: %v, want %v", got, before)
	}
	d.press("o")
	if got := d.ids()[0]; got != 11 {
		t.Errorf("not frozen any more: %d first", got)
	}
	d.press("g", "down", "down", "down", "m")
	pinned := d.view().cursor.id.Cookie
	if got := d.ids()[0]; got != pinned {
		t.Errorf("%d first, want the pinned %d", got, pinned)
	}
	d.sees("* udp")
	d.press("I")
	if got := d.ids()[0]; got != pinned {
		t.Errorf("reversed: %d first, want the pinned %d", got, pinned)
	}
	d.press("m")
	d.lacks("* udp")
}

func TestKeepClosed(t *testing.T) {
	d := started(t, 80, 24)
	d.press("t")
	d.tick(later(ticks()[0], 3), 3)
	if !strings.Contains(d.screen(), "closed kept") || !slices.Contains(d.ids(), 13) {
		t.Errorf("the closed row is gone:\n%s", d.screen())
	}
	d.press("t")
	if slices.Contains(d.ids(), 13) {
		t.Error("the closed row stays without t")
	}
}

func TestGroups(t *testing.T) {
	d := started(t, 120, 40)
	for _, by := range groupNames() {
		d.press("a")
		d.sees("grouped by " + by)
		rows := 0
		var rx uint64
		for _, it := range d.view().window {
			rows += it.group.n
			rx += it.group.sum.RxBytes
		}
		var want uint64
		for r := range d.shown.Rows() {
			want += r.RxBytes
		}
		if rows != d.shown.Len() || rx != want {
			t.Errorf("%s: %d rows and %d bytes, want %d and %d", by, rows, rx, d.shown.Len(), want)
		}
		d.press("enter", "down", "down", "enter", "esc", "I", "s")
		d.typeText("conns")
		d.press("enter")
		d.screen()
		d.press("I", "I", "esc")
	}
	d.press("a")
	d.sees("not grouped")
	d.press("A")
	d.typeText("netns")
	d.press("enter")
	d.sees("grouped by netns")
}

func TestViews(t *testing.T) {
	d := started(t, 120, 40)
	for _, want := range []string{"Processes 19 groups", "Remotes 6 groups", "Listeners 2 of", "Events 3", "Connections 22"} {
		d.press("tab")
		d.sees(want)
	}
	d.press("6")
	d.sees("fleet")
}

func TestDetails(t *testing.T) {
	d := started(t, 120, 60)
	d.press("down", "enter")
	d.sees("rx rate", "retransmits", "identity", "owner", "traffic", "198.51.100.7:51515", "Smoothed round-trip time",
		"graphs: 2s", "nginx: worker", "/usr/sbin/nginx", "nginx 79, systemd 1")
	d.press("G")
	d.sees("the process' other connections: 2")
	d.tick(later(ticks()[0], 3), 3)
	d.press("u")
	d.screen()
	d.press("esc")
	d.sees("sort rate")
}

func TestLookKeys(t *testing.T) {
	d := started(t, 120, 40)
	d.press("u")
	d.sees("Mb/s")
	d.press("u", "p")
	d.sees(":https", ":ssh")
	d.press("n")
	d.sees("names for addresses are off")
	d.press("w")
	d.sees("wide")
	d.press("w", "T")
	d.sees("theme")
	d.press("c")
	d.sees("[x] proto")
	d.press("space", "esc")
	d.lacks("PRO PROCESS")
	d.press("c", "d", "esc")
	d.sees("PRO PROCESS")
	d.press("ctrl+r")
	d.press("+")
	d.sees("tcptop -d")
	d.press("[")
	d.sees("nothing is kept of the past")
}

func TestInterval(t *testing.T) {
	d := started(t, 80, 24)
	var got []time.Duration
	d.cfg.SetInterval = func(i time.Duration) bool {
		got = append(got, i)
		return true
	}
	d.press("+", "-", "-", "-", "-", "-", "-", "+")
	want := []time.Duration{2 * time.Second, time.Second, time.Second / 2, time.Second / 5, time.Second / 10, time.Second / 10, time.Second / 10, time.Second / 5}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	d.sees("every 200ms")
}

func TestZero(t *testing.T) {
	d := started(t, 200, 50)
	d.press("2", "z")
	d.sees("since 18:00:02")
	d.tick(later(ticks()[0], 3), 3)
	for i := range d.view().window {
		it := &d.view().window[i]
		if it.row.Owner.PID == 4242 && it.row.RxBytes != 2_500_000 {
			t.Errorf("%d bytes since zero, want 2500000", it.row.RxBytes)
		}
	}
	d.press("z")
	d.lacks("since")
}

func TestHelpKnowsEveryKey(t *testing.T) {
	d := started(t, 120, 100)
	d.press("?")
	want := []string{"q ^C", "? h F1", "↓ j", "↑ k", "g Home", "PgDn ^f", "PgUp ^b", "Enter", "Esc", "← <", "→ >", "I r", "Space", "Tab",
		"^Z", "    + ", "    - ", "[ ]", "{ }"}
	for _, k := range "s/cwomFa A t n p u z y E K X J 123456" {
		if k != ' ' {
			want = append(want, "    "+string(k)+" ")
		}
	}
	d.sees(want...)
	d.press("esc", "c", "?")
	d.sees("Help: Columns", "show it or not")
	d.press("esc", "esc")
	d.sees("sort rate")
}

func TestActions(t *testing.T) {
	var did []string
	cfg := Config{Actions: Actions{
		Signal: func(o conn.Owner, n int) error { did = append(did, "signal "+o.Comm.String()); return nil },
		Close:  func(c *conn.Conn) error { did = append(did, "close "+c.ID.String()); return os.ErrPermission },
		Export: func(name string, data []byte) (string, error) {
			did = append(did, "export "+string(data))
			return "/tmp/" + name, nil
		},
	}}
	d := start(t, 120, 40, cfg)
	for i, s := range ticks() {
		d.tick(s, i)
	}
	d.press("down", "K")
	d.sees("Signal to nginx (pid 80)", "TERM 15")
	d.press("enter")
	d.sees("Send TERM 15 to nginx (pid 80)?")
	d.press("n")
	if len(did) > 0 {
		t.Fatalf("done without a yes: %v", did)
	}
	d.press("K", "enter")
	d.Update(d.press("y")())
	d.sees("sent TERM 15")
	d.press("X")
	d.sees("Close this socket?", "198.51.100.7:51515")
	d.Update(d.press("y")())
	d.sees("permission denied")
	d.press("E")
	d.Update(d.press("y")())
	d.sees("exported to /tmp/tcptop-connections")
	if len(did) != 3 || did[0] != "signal nginx" || did[1] != "close c" || strings.Count(did[2], "\n") != 23 || strings.Contains(did[2], "\x1b") {
		t.Errorf("%q", did)
	}
	if cmd := d.press("y"); cmd == nil {
		t.Error("y copies nothing")
	}
}

func TestReadOnly(t *testing.T) {
	called := func(conn.Owner, int) error { t.Error("signalled"); return nil }
	d := start(t, 120, 100, Config{ReadOnly: true, Actions: Actions{Signal: called}})
	for i, s := range ticks() {
		d.tick(s, i)
	}
	d.press("down", "K", "enter", "y", "X", "y", "enter", "K", "enter", "y", "X", "y", "esc", "esc", "?")
	d.lacks("send a signal", "close the socket")
}

func TestState(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tcptop", "screen.json")
	d := start(t, 120, 40, Config{StatePath: path})
	d.press("s")
	d.typeText("rtt_us")
	d.press("enter", "u", "T", "c", "space", "esc", "tab", "a")
	if err := d.Save(); err != nil {
		t.Fatal(err)
	}
	again := New(Config{List: d.cfg.List, StatePath: path})
	if v := again.view(); v.sort.column != "rtt_us" || !again.env.units.Bits || v.columns[0] != "process" || again.views[processes].group != "user" {
		t.Errorf("remembered %+v", v)
	}
	if err := os.WriteFile(path, []byte("{\"views\":{\"Connections\":{\"columns\":[\"x\\u001b\"],\"sort\":\"no\"}}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if v := New(Config{List: d.cfg.List, StatePath: path}).view(); v.sort.column != "rate" || len(v.columns) < 5 {
		t.Errorf("a broken file gives %+v", v)
	}
}

// What the log lost is said in any width, before what is always missing here.
func TestLogMark(t *testing.T) {
	for _, w := range []int{40, 80, 120} {
		d := started(t, w, 24)
		d.latest.Log = "log lost 12 ticks: \x1b[31mno space left on device"
		d.dirty = true
		screen := d.View().Content
		checkScreen(t, screen, w, 24)
		if !strings.Contains(ansi.Strip(screen), "log lost 12") {
			t.Errorf("%d cells:\n%s", w, screen)
		}
	}
}
