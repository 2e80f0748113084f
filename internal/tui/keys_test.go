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
