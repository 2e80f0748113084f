package tui

import (
	"slices"
	"strings"
	"testing"
)

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
