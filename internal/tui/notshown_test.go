package tui

import (
	"fmt"
	"path/filepath"
	"testing"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

// withoutRows are open connections of two owners to two remotes that the kernel's table had
// no room for, some that ended without a word of their remote, and datagrams.
func withoutRows() []conn.OwnerTotal {
	return []conn.OwnerTotal{
		{PID: 4242, Comm: conn.MakeName("curl"), UID: 1000, Proto: conn.TCP, Raddr: addr("203.0.113.9"), Open: 30, OpenRx: 5_000_000, OpenTx: 7_000},
		{PID: 7, Comm: conn.MakeName("\x1b[2Jx\n"), UID: 1000, Proto: conn.TCP, Raddr: addr("2001:db8::77"), Open: 7, OpenTx: 900, Conns: 3, RxBytes: 50},
		{PID: 4242, Comm: conn.MakeName("curl"), UID: 1000, Conns: 12, RxBytes: 2_400_000, TxBytes: 1_200},
		{PID: 53, Comm: conn.MakeName("unbound"), UID: 101, Proto: conn.UDP, Raddr: addr("198.51.100.1"), Datagrams: 700, RxBytes: 90_000, TxBytes: 30_000},
	}
}

// TestNotShownInGroups adds up what groups say: whatever rows are grouped by, with those that have
// none it is what there is.
func TestNotShownInGroups(t *testing.T) {
	for _, by := range groupNames() {
		d := start(t, 120, 60, Config{})
		all := ticks()
		all[2].Totals = withoutRows()
		for i, s := range all {
			d.tick(s, i)
		}
		var conns, open, rx, tx, rate uint64
		for r := range d.shown.Rows() {
			conns, rx, tx, rate = conns+1, rx+r.RxBytes, tx+r.TxBytes, rate+r.Rate()
		}
		rate += 90_000 + 30_000
		if header := d.tally.rxRate + d.tally.txRate; header != rate {
			t.Errorf("the header says %d bytes per second, want %d", header, rate)
		}
		conns, rx, tx = conns+37+15, rx+5_000_000+2_400_000+50+90_000, tx+7_900+1_200+30_000
		d.press("2")
		d.groupBy(by)
		for i := range d.view().window {
			gr := d.view().window[i].group
			conns, open, rx, tx = conns-gr.conns(), open+gr.open, rx-gr.sum.RxBytes, tx-gr.sum.TxBytes
			rate -= gr.sum.Rate()
		}
		if rate != 0 {
			t.Errorf("by %s %d bytes per second are missing", by, int64(rate))
		}
		if conns != 0 || rx != 0 || tx != 0 || open != 37 {
			t.Errorf("by %s %d connections, %d and %d bytes are missing; %d are not shown, want 37", by, int64(conns), int64(rx), int64(tx), open)
		}
		for _, column := range []string{"conns", "rx_bytes", "rx_rate", "group", "user"} { // in any order
			d.view().sort = sorting{column, true}
			d.arrange()
			if n := len(d.view().window); n != d.view().total {
				t.Errorf("by %s, ordered by %s: %d lines of %d", by, column, n, d.view().total)
			}
		}
	}
}

// TestGoldenNotShown has more connections than rows.
func TestGoldenNotShown(t *testing.T) {
	for _, size := range [][2]int{{40, 10}, {80, 24}, {120, 40}, {200, 50}} {
		for _, c := range []struct {
			name string
			keys []string
		}{{"connections", nil}, {"help", []string{"?", "G"}}, {"processes", []string{"2"}}, {"remotes", []string{"3"}}} {
			t.Run(fmt.Sprintf("notshown-%s-%dx%d", c.name, size[0], size[1]), func(t *testing.T) {
				d := start(t, size[0], size[1], Config{})
				for i, s := range ticks() {
					s.Loss.TableFull = 52
					if s.Totals = withoutRows(); i < 2 {
						s.Totals = s.Totals[:1]
					}
					d.tick(s, i)
				}
				d.press(c.keys...)
				name := t.Name()[len("TestGoldenNotShown/"):]
				testkit.Golden(t, filepath.Join("testdata", name+".golden"), []byte(d.screen()+"\n"))
			})
		}
	}
}
