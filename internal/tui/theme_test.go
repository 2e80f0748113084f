package tui

import (
	"image/color"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
)

// Without colour every level of heat still has attributes of its own.
func TestHeatWithoutColour(t *testing.T) {
	seen := map[string]style{}
	for _, st := range []style{heat0, heat1, heat2, heat3} {
		on := newTheme("mono", false).on[st]
		if was, twice := seen[on]; twice {
			t.Errorf("levels %d and %d look the same: %q", was, st, on)
		}
		if strings.Contains(on, "38;") || strings.Contains(on, "48;") {
			t.Errorf("level %d has a colour: %q", st, on)
		}
		seen[on] = st
	}
}

func TestBackgroundIsFollowed(t *testing.T) {
	d := start(t, 80, 24, Config{Theme: "auto"})
	d.Update(tea.ColorProfileMsg{Profile: colorprofile.ANSI256})
	if d.Model.theme.name != "dark" {
		t.Errorf("%s before the terminal answers", d.Model.theme.name)
	}
	d.Update(tea.BackgroundColorMsg{Color: color.White})
	if d.Model.theme.name != "light" || strings.Contains(d.Model.theme.selected, "[7m") {
		t.Errorf("%+v on white", d.Model.theme)
	}
	d.press("T", "T", "T", "T")
	if d.look != "auto" || d.Model.theme.name != "light" {
		t.Errorf("%s %s after all themes", d.look, d.Model.theme.name)
	}
	d.Update(tea.ColorProfileMsg{Profile: colorprofile.ANSI})
	if !strings.Contains(d.Model.theme.selected, "[7m") {
		t.Error("16 colours: the selected row is not reversed")
	}
}

func TestPlainInASCII(t *testing.T) {
	d := start(t, 120, 40, Config{ASCII: true, PortName: nil})
	for i, s := range ticks() {
		d.tick(s, i)
	}
	for _, keys := range [][]string{{"1"}, {"2", "enter"}, {"5"}, {"1", "a"}, {"enter"}, {"s"}, {"c"}} {
		d.press(keys...)
		for _, r := range d.screen() {
			if r > '~' && r != 'é' {
				t.Fatalf("%q after %v:\n%s", r, keys, d.screen())
			}
		}
		d.press("esc")
	}
}
