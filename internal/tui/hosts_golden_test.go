package tui

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"tcptop/internal/conn"
	"tcptop/internal/table"
	"tcptop/internal/testkit"
)

// fourHosts are two web servers that ask a third host, which asks a fourth one: web2 is
// slow from the second tick on, db1 gone.
func fourHosts() (j *table.Joint, tick func(n int) *table.Snapshot) {
	j = table.NewJoint([]string{"web1", "web2", "api1", "db1"}, 0)
	rows := [][]conn.Conn{
		{listener(1, "nginx", 80, "::", 443), tcp(10, "nginx", 80, "10.0.0.1", 443, "198.51.100.7", 51515), tcp(11, "nginx", 80, "10.0.0.1", 40000, "10.0.0.3", 8080)},
		{listener(1, "nginx", 80, "::", 443), tcp(10, "nginx", 80, "10.0.0.2", 443, "203.0.113.9", 60001), tcp(12, "curl", 4242, "10.0.0.2", 40100, "192.0.2.80", 443)},
		{tcp(10, "shop-api", 700, "10.0.0.3", 8080, "10.0.0.1", 40000), tcp(11, "shop-api", 700, "10.0.0.3", 41000, "10.0.0.4", 5432)},
		{tcp(10, "postgres", 90, "10.0.0.4", 5432, "10.0.0.3", 41000)},
	}
	return j, func(n int) *table.Snapshot {
		mono := (100 + int64(n)) * second
		for i, of := range rows {
			late := n > 1 && i == 1
			switch {
			case late:
				j.State(i, table.HostSlow, "", mono)
				continue
			case n > 0 && i == 3:
				j.State(i, table.HostGone, "ssh: connect to host db1 port 22: Connection timed out", mono)
				continue
			}
			j.State(i, table.HostOK, "", mono)
			told := &table.Told{Mono: mono, First: n == 0, Full: true}
			for k, c := range of {
				r := table.Row{Conn: c, Moved: n > 0}
				if c.State != conn.Listen {
					r.Limit, r.Share = conn.LimitApp, 100
					r.RxRate, r.TxRate = uint64(1+i+k)*40_000, uint64(1+i+k)*9_000_000
					r.RxBytes += uint64(n) * r.RxRate
					r.TxBytes += uint64(n) * r.TxRate
				}
				told.Rows = append(told.Rows, r)
			}
			j.Apply(i, told)
		}
		return j.Snapshot(time.Date(2026, 11, 23, 18, 0, n, 0, time.UTC), mono)
	}
}

// TestGoldenHosts compares whole screens of several hosts.
func TestGoldenHosts(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}} {
		for _, c := range []struct {
			name string
			keys []string
		}{{"connections", nil}, {"hosts", []string{"6", "down", "enter"}}} {
			t.Run(fmt.Sprintf("%s-%dx%d", c.name, size[0], size[1]), func(t *testing.T) {
				_, tick := fourHosts()
				d := start(t, size[0], size[1], Config{Host: "4 hosts", Fields: strings.Split("host,proto,process,local,remote,state,rx_rate,tx_rate,rtt_us,retrans_packets,limit,age_ms,graph", ",")})
				for n := range 3 {
					s := tick(n)
					d.Update(frameMsg{Snapshot: s, digests: []*digest{d.seen.digest(s)}, Uptime: time.Duration(n) * time.Second})
				}
				d.press(c.keys...)
				screen := d.View().Content
				checkScreen(t, screen, size[0], size[1])
				testkit.Golden(t, filepath.Join("testdata", "fleet-"+strings.TrimPrefix(t.Name(), "TestGoldenHosts/")+".golden"), []byte(ansi.Strip(screen)+"\n"))
			})
		}
	}
}
