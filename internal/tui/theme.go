package tui

import (
	"image/color"
	"strings"

	"charm.land/lipgloss/v2"
)

// style is what a piece of the screen is, for a theme to say how it looks.
type style uint8

const (
	plain   style = iota
	dim           // what is there but not asked for
	strong        // what is looked for first
	title         // names of panes
	heading       // column headings
	sorted        // the heading that rows are sorted by
	heat0         // no traffic
	heat1         // some
	heat2         // much
	heat3         // most
	opened        // rows that opened in this tick
	closing       // rows that closed in this tick
	closed        // rows kept after they closed
	rxGraph       //
	txGraph       //
	bar           // the status line
	barKey        // a key on the status line
	banner        // paused
	warning       // what was lost or refused
	failure       // errors
	styles
)

// palette is what tells one theme from another.
type palette struct {
	dim, title, heading, heat1, heat2, heat3, opened, closing, rx, tx, warn, fail, bar, row color.Color
}

// theme holds the start of the escape sequence of each style.
type theme struct {
	name     string
	on       [styles]string
	selected string // on top of the style, on the selected row
}

// themeNames are the values of --theme besides auto.
func themeNames() []string { return []string{"dark", "light", "mono"} }

// newTheme makes a theme. On a terminal that is not rich, one with less than 256
// colours, a background would be lost: there bars and the selected row are reversed.
func newTheme(name string, rich bool) *theme {
	switch name {
	case "light":
		return makeTheme(name, rich, &palette{
			dim: lipgloss.Color("#767676"), title: lipgloss.Color("#005f87"), heading: lipgloss.Color("#005f87"),
			heat1: lipgloss.Color("#303030"), heat2: lipgloss.Color("#8a5000"), heat3: lipgloss.Color("#b00020"),
			opened: lipgloss.Color("#00701a"), closing: lipgloss.Color("#8700af"),
			rx: lipgloss.Color("#00701a"), tx: lipgloss.Color("#005fd7"),
			warn: lipgloss.Color("#8a5000"), fail: lipgloss.Color("#b00020"), bar: lipgloss.Color("#dadada"), row: lipgloss.Color("#c6dcf4"),
		})
	case "mono":
		return makeTheme(name, false, nil)
	}
	return makeTheme("dark", rich, &palette{
		dim: lipgloss.Color("#808080"), title: lipgloss.Color("#5fd7ff"), heading: lipgloss.Color("#5fafd7"),
		heat1: lipgloss.Color("#d0d0d0"), heat2: lipgloss.Color("#ffd75f"), heat3: lipgloss.Color("#ff875f"),
		opened: lipgloss.Color("#87d75f"), closing: lipgloss.Color("#d787d7"),
		rx: lipgloss.Color("#87d75f"), tx: lipgloss.Color("#5fafff"),
		warn: lipgloss.Color("#ffaf00"), fail: lipgloss.Color("#ff5f5f"), bar: lipgloss.Color("#303030"), row: lipgloss.Color("#264f78"),
	})
}

// makeTheme gives every style an attribute of its own where colour would be the
// only difference, so that a screen without colour says the same.
func makeTheme(name string, rich bool, p *palette) *theme {
	s := lipgloss.NewStyle()
	looks := [styles]lipgloss.Style{
		dim: s.Faint(true), strong: s.Bold(true), title: s.Bold(true), heading: s.Underline(true),
		sorted: s.Bold(true).Underline(true), heat0: s.Faint(true), heat1: s, heat2: s.Bold(true),
		heat3: s.Bold(true).Underline(true), opened: s.Bold(true), closing: s.Italic(true), closed: s.Faint(true),
		rxGraph: s, txGraph: s, bar: s.Reverse(true), barKey: s.Reverse(true).Bold(true),
		banner: s.Reverse(true).Bold(true), warning: s.Bold(true), failure: s.Bold(true),
	}
	if p != nil {
		grey := s.Foreground(p.dim)
		looks[dim], looks[heat0], looks[closed] = grey, grey, grey
		looks[title] = looks[title].Foreground(p.title)
		looks[heading] = looks[heading].Foreground(p.heading)
		looks[sorted] = looks[sorted].Foreground(p.title)
		looks[heat1] = s.Foreground(p.heat1)
		looks[heat2] = s.Foreground(p.heat2).Bold(true)
		looks[heat3] = looks[heat3].Foreground(p.heat3)
		looks[opened] = looks[opened].Foreground(p.opened)
		looks[closing] = looks[closing].Foreground(p.closing)
		looks[rxGraph], looks[txGraph] = s.Foreground(p.rx), s.Foreground(p.tx)
		if rich {
			looks[bar], looks[barKey] = s.Background(p.bar), s.Background(p.bar).Foreground(p.title).Bold(true)
		}
		looks[warning] = looks[warning].Foreground(p.warn)
		looks[failure] = looks[failure].Foreground(p.fail)
	}
	t := &theme{name: name, selected: "\x1b[7m"}
	if rich && p != nil {
		t.selected, _, _ = strings.Cut(s.Background(p.row).Render("x"), "x")
	}
	for i, look := range looks {
		t.on[i], _, _ = strings.Cut(look.Render("x"), "x")
	}
	return t
}
