package tui

import (
	"strings"
	"testing"
	"time"

	"tcptop/internal/conn"
)

// A server that stops accepting is seen at one glance, in red: in the header of every
// view and size, and as its row.
func TestAlarm(t *testing.T) {
	const all = "BACKLOG FULL nginx 80 tcp:443 512/511, 3 dropped now, and 1 more"
	for _, size := range [][2]int{{120, 40}, {80, 24}, {80, 13}, {80, 6}} {
		full := all
		if size[1] < 14 { // beside the host, and what was lost
			full = all[:40]
		}
		d := start(t, size[0], size[1], Config{Theme: "dark"})
		first := ticks()[0]
		d.tick(first, 0)
		d.lacks("BACKLOG FULL")
		next := &conn.Sample{Time: first.Time.Add(time.Second), Mono: first.Mono + second, Host: "web1", Origin: conn.FromBPF}
		next.Conns = append(next.Conns, first.Conns[:2]...)
		next.Conns[0].Backlog, next.Conns[0].Drops = 512, 3
		next.Conns[1].Drops = 1
		d.tick(next, 1)
		d.sees(full)
		red := d.theme.on[failure]
		if screen := d.View().Content; !strings.Contains(screen, red+" "+full) {
			t.Errorf("%v: the warning is not red:\n%q", size, screen)
		}
		d.press("4")
		d.sees(full)
		if lines := strings.Split(d.View().Content, "\n"); !strings.Contains(lines[d.headerHeight()+2], red) {
			t.Errorf("%v: the row is not red: %q", size, lines[d.headerHeight()+2])
		}
		after := &conn.Sample{Time: next.Time.Add(time.Second), Mono: next.Mono + second, Host: "web1", Origin: conn.FromBPF}
		after.Conns = append(after.Conns, next.Conns[0])
		after.Conns[0].Backlog = 0
		d.tick(after, 2)
		d.lacks("BACKLOG FULL", "dropped now")
	}
}
