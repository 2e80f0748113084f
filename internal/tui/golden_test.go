package tui

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"

	"tcptop/internal/testkit"
)

// TestGolden compares whole screens, as text without colour.
func TestGolden(t *testing.T) {
	for _, size := range [][2]int{{40, 10}, {80, 24}, {120, 40}, {200, 50}} {
		for _, c := range []struct {
			name string
			keys []string
		}{
			{"connections", nil}, {"processes", []string{"2", "down", "enter"}}, {"remotes", []string{"3"}}, {"listeners", []string{"4"}},
			{"events", []string{"5"}}, {"help", []string{"?"}}, {"details", []string{"enter"}}, {"chooser", []string{"c"}},
		} {
			t.Run(fmt.Sprintf("%s-%dx%d", c.name, size[0], size[1]), func(t *testing.T) {
				d := started(t, size[0], size[1])
				d.press(c.keys...)
				screen := d.View().Content
				checkScreen(t, screen, size[0], size[1])
				testkit.Golden(t, filepath.Join("testdata", strings.TrimPrefix(t.Name(), "TestGolden/")+".golden"), []byte(ansi.Strip(screen)+"\n"))
			})
		}
	}
}

// TestGoldenColour is the one screen with its colours.
func TestGoldenColour(t *testing.T) {
	d := started(t, 80, 24)
	d.setLook("dark")
	d.Update(tea.ColorProfileMsg{Profile: colorprofile.TrueColor})
	d.press("down", "down")
	testkit.Golden(t, filepath.Join("testdata", "colour-80x24.golden"), []byte(d.View().Content))
}

// checkScreen fails where a screen is not h lines of w cells, or holds anything
// but text and colours.
func checkScreen(t testing.TB, screen string, w, h int) {
	t.Helper()
	lines := strings.Split(screen, "\n")
	if len(lines) != h {
		t.Errorf("%d lines, want %d", len(lines), h)
	}
	for i, line := range lines {
		text := ansi.Strip(line)
		if got := ansi.StringWidth(text); got != w {
			t.Errorf("line %d has %d cells, want %d: %q", i, got, w, text)
		}
		if got := ansi.StringWidthWc(text); got != w {
			t.Errorf("line %d has %d cells by wcwidth, want %d: %q", i, got, w, text)
		}
		for _, r := range text {
			if r < ' ' || r == 0x7f || 0x80 <= r && r < 0xa0 || r == 0xfffd || r == 0x202e {
				t.Errorf("line %d holds %U: %q", i, r, text)
			}
		}
		for rest := line; ; {
			_, after, found := strings.Cut(rest, "\x1b")
			if !found {
				break
			}
			if rest = after; !strings.HasPrefix(after, "[") || strings.Trim(after[1:strings.IndexByte(after, 'm')], "0123456789;:") != "" {
				t.Errorf("line %d holds an escape sequence that is no colour: %q", i, line)
			}
		}
	}
}
