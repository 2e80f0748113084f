package tui

import (
	"fmt"
	"path/filepath"
	"testing"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

// withoutRows are open connections of two owners to two remotes that the kernel's table had
// no room for, and some that ended without a word of their remote.
func withoutRows() []conn.OwnerTotal {
	return []conn.OwnerTotal{
		{PID: 4242, Comm: conn.MakeName("curl"), UID: 1000, Raddr: addr("203.0.113.9"), Open: 30, OpenRx: 5_000_000, OpenTx: 7_000},
		{PID: 7, Comm: conn.MakeName("\x1b[2Jx\n"), UID: 1000, Raddr: addr("2001:db8::77"), Open: 7, OpenTx: 900, Conns: 3, RxBytes: 50},
		{PID: 4242, Comm: conn.MakeName("curl"), UID: 1000, Conns: 12, RxBytes: 2_400_000, TxBytes: 1_200},
	}
}

// TestGoldenNotShown has more connections than rows.
func TestGoldenNotShown(t *testing.T) {
	for _, size := range [][2]int{{40, 10}, {80, 24}, {120, 40}, {200, 50}} {
		for _, c := range []struct {
			name string
			keys []string
		}{{"connections", nil}, {"help", []string{"?", "G"}}} {
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
