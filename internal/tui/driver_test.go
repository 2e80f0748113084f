package tui

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
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
