package tui

import (
	"testing"
	"time"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// TestHosts has two hosts with the same ids and pids, and one that is gone.
func TestHosts(t *testing.T) {
	j := table.NewJoint([]string{"web1", "web2", "db1"}, 0)
	for i, rate := range []uint64{3000, 5000} {
		c := tcp(7, "curl", 4242, "192.0.2.1", 40000, "203.0.113.9", 443)
		j.State(i, table.HostOK, "", second)
		j.Apply(i, &table.Told{Mono: 100 * second, Rows: []table.Row{{Conn: c, Moved: true, RxRate: rate}}})
	}
	j.State(0, table.HostSlow, "", 100*second)
	j.State(2, table.HostGone, "no route\x1b[2J", 100*second)
	signalled := false
	d := start(t, 150, 24, Config{Host: "3 hosts", Fields: []string{"host", "proto", "process", "local", "remote", "state", "rx_rate", "tx_rate", "rtt_us", "graph"}, Actions: Actions{
		Signal: func(conn.Owner, int) error { signalled = true; return nil }, Close: func(*conn.Conn) error { signalled = true; return nil }}})
	snap := j.Snapshot(time.Unix(100, 0), 100*second)
	d.Update(frameMsg{Snapshot: snap, digests: []*digest{d.seen.digest(snap)}})
	d.sees("1 of 3 hosts gone: db1, 1 slow: web1", `db1: no route\x1b`, "HOST ", "web2 ")
	d.press("6")
	d.sees("Hosts 3 groups of 2", "web1 slow", "web2 ", "db1 gone: no route")
	for _, name := range append(d.cols.list.Names(), "group", "conns") { // one that has no rows comes last in any order
		for _, desc := range []bool{false, true} {
			d.view().sort = sorting{name, desc}
			d.arrange()
			if last := d.view().window[2]; name != "host" && name != "group" && name != "conns" && last.row.ID.Host != 3 {
				t.Errorf("by %s, %v: host %d is the last", name, desc, last.row.ID.Host)
			}
			d.sees("web1 slow", "db1 gone: no route")
		}
	}
	d.press("2")
	d.sees("Processes 2 groups of 2")
	d.press("1", "j", "K")
	d.sees("this process is on another host")
	d.press("X")
	d.sees("this socket is on another host")
	d.press("enter")
	d.lacks("other connections: 1")
	if signalled {
		t.Error("something was done to this host")
	}
}
