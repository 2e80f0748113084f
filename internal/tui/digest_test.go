package tui

import (
	"testing"

	"tcptop/internal/conn"
)

// TestOpenedAndClosed counts a connection that came and went within a tick both ways, and one that
// was older as closed.
func TestOpenedAndClosed(t *testing.T) {
	d := start(t, 80, 24, Config{})
	all := ticks()
	for i, s := range all {
		d.tick(s, i)
	}
	last := all[len(all)-1]
	brief, old := tcp(900, "curl", 1, "192.0.2.1", 1, "192.0.2.2", 2), tcp(901, "curl", 1, "192.0.2.1", 3, "192.0.2.2", 4)
	brief.Opened, old.Opened = last.Mono+second/2, last.Mono-10*second
	d.tick(&conn.Sample{Time: last.Time, Mono: last.Mono + second, Host: last.Host, Closed: []conn.Conn{brief, old}}, len(all))
	if d.tally.opened != 1 || d.tally.closed != 2 {
		t.Errorf("%d opened and %d closed, want 1 and 2", d.tally.opened, d.tally.closed)
	}
}
