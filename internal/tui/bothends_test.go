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

// between is a connection between two hosts, of each as it is there.
func between(cookie uint64, client, server, caddr, saddr string, sport uint16) (c, s table.Row) {
	c = table.Row{Conn: tcp(cookie, client, 4242, caddr, 40000+uint16(cookie), saddr, sport), Moved: true}
	s = table.Row{Conn: tcp(cookie+1000, server, 80, saddr, sport, caddr, 40000+uint16(cookie)), Moved: true}
	s.Dir, s.RxBytes, s.TxBytes = conn.In, c.TxBytes, c.RxBytes
	s.Place = &conn.Place{User: server, Unit: server + ".service"}
	s.Process = &conn.Process{Exe: "/usr/sbin/" + server}
	return c, s
}

// hostPairs has web1 load from db1, whose program the network holds back, cache1 not read
// what web2 sends it, and web1 talk to somebody else.
func hostPairs(t testing.TB, w, h int, cfg Config) *driver {
	j := table.NewJoint([]string{"web1", "web2", "db1", "cache1"}, 0)
	load, serve := between(1, "rails", "postgres", "10.0.0.1", "10.0.0.3", 5432)
	serve.TxRate, load.RxRate, load.TxRate, serve.RxRate = 12_000_000, 11_900_000, 480, 480
	serve.RetransPackets, serve.RetransBytes, serve.Limit, serve.Share, load.Limit, load.Share = 12, 17_376, conn.LimitLoss, 80, conn.LimitApp, 97
	serve.SendQueue = 262_144
	put, get := between(2, "nginx", "memcached", "10.0.0.2", "10.0.0.4", 11211)
	put.TxRate, get.RxRate, put.Limit, put.Share, get.Limit, get.Share = 900, 900, conn.LimitPeerWindow, 99, conn.LimitReader, 100
	put.SendQueue, get.RecvQueue = 80_000, 65_535
	away, _ := between(3, "curl", "", "10.0.0.1", "203.0.113.9", 443)
	away.RxRate = 3000
	mono := 100 * second
	for i, rows := range [][]table.Row{{load, away}, {put}, {serve}, {get}} {
		j.State(i, table.HostOK, "", mono)
		j.Apply(i, &table.Told{Mono: mono, Rows: rows})
	}
	cfg.Host = "4 hosts"
	if cfg.Fields == nil {
		cfg.Fields = strings.Split("host,proto,process,local,remote,state,rx_rate,tx_rate,rtt_us,retrans_packets,limit,age_ms,graph", ",")
	}
	d := start(t, w, h, cfg)
	snap := j.Snapshot(time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC), mono)
	d.Update(frameMsg{Snapshot: snap, digests: []*digest{d.seen.digest(snap)}})
	return d
}

func TestGoldenBothEnds(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}} {
		for _, c := range []struct {
			name string
			keys []string
		}{{"ends", nil}, {"ends-hosts", []string{"6", "enter"}}, {"ends-processes", []string{"2"}}, {"ends-details", []string{"enter"}}} {
			t.Run(fmt.Sprintf("%s-%dx%d", c.name, size[0], size[1]), func(t *testing.T) {
				d := hostPairs(t, size[0], size[1], Config{})
				d.press(c.keys...)
				screen := d.View().Content
				checkScreen(t, screen, size[0], size[1])
				testkit.Golden(t, filepath.Join("testdata", strings.TrimPrefix(t.Name(), "TestGoldenBothEnds/")+".golden"), []byte(ansi.Strip(screen)+"\n"))
			})
		}
	}
}

func TestBothEnds(t *testing.T) {
	d := hostPairs(t, 150, 40, Config{})
	for filter, want := range map[string][]string{
		"host=db1": {"web1→db1"}, "comm=postgres": {"web1→db1"}, "comm=rails": {"web1→db1"}, "host=web1 host=db1": {"web1→db1"},
		"host!=db1": {"web1 ", "web2→cache1"}, "not comm=memcached": {"web1 ", "web1→db1"}, "memcached": {"web2→cache1"},
		"lport=5432": {"web1→db1"}, "limit=reader": {"web2→cache1"}, "retrans_packets>0": {"web1→db1"}, "peer_host=none": {"web1 "}, "peer_comm=memcached": {"web2→cache1"},
	} {
		d.press("/")
		d.typeText(filter)
		d.press("enter")
		d.sees(fmt.Sprintf("Connections %d of 3", len(want)))
		for _, text := range want {
			d.sees(text)
		}
		d.press("esc")
	}
	d.lacks("filter host")
}

// TestBothEndsOnce has no group count a connection twice, and each host its own part of it.
func TestBothEndsOnce(t *testing.T) {
	d := hostPairs(t, 150, 40, Config{})
	for by, want := range map[string]map[string]int{ // rows, by what they have in common
		"host":    {"web1": 2, "web2": 1, "db1": 1, "cache1": 1},
		"process": {"rails 4242": 2, "nginx 4242": 1, "postgres 80": 1, "memcached 80": 1},
		"netns":   {"4026531840": 5}, // of each host another one
		"user":    {"ann": 3},        // the servers have the same uid
		"rport":   {"5432": 1, "11211": 1, "https": 1},
		"proto":   {"tcp": 3},
	} {
		v := d.view()
		v.setGroup(by)
		d.env.ports = true
		d.arrange()
		got := map[string]int{}
		for i := range v.window {
			it := &v.window[i]
			got[string(v.grouping.appendLabel(nil, it.group, &d.env))] += it.group.n
		}
		for label, n := range want {
			if got[label] != n {
				t.Errorf("%s: %v, want %v", by, got, want)
			}
		}
		if v.rows != 3 {
			t.Errorf("%s: of %d connections", by, v.rows)
		}
	}
	v := d.view()
	v.setGroup("host")
	d.press("/")
	d.typeText("host=db1")
	d.press("enter")
	d.sees("1 groups of 1", "db1", "12.0 MB")
	d.lacks("web1 ")
	d.press("esc")
	if rx, tx := d.tally.rxRate, d.tally.txRate; rx != 11_900_000+3000 || tx != 480+900 {
		t.Errorf("header has %d and %d", rx, tx)
	}
}

// TestAgainCell has what either end sent again, as far as it is known and there is room.
func TestAgainCell(t *testing.T) {
	c, s := between(1, "rails", "postgres", "10.0.0.1", "10.0.0.3", 5432)
	c.RetransPackets, s.RetransPackets = 3, 1200
	for has, want := range map[[2]bool]string{{true, true}: "3/1200 1203", {false, true}: "-/1200 1200", {true, false}: "3/- 3/-", {false, false}: "- -"} {
		j := table.NewJoint([]string{"web1", "db1"}, 0)
		for i, r := range []table.Row{c, s} {
			if !has[i] {
				r.Has &^= conn.HasPath
			}
			j.Apply(i, &table.Told{Rows: []table.Row{r}})
		}
		d := start(t, 120, 24, Config{})
		snap := j.Snapshot(time.Unix(100, 0), 100*second)
		for r := range snap.Rows() {
			var got []string
			for _, w := range []int{9, 5} {
				text, _ := d.cols.of["retrans_packets"].cell(nil, &d.env, &item{row: r, at: snap}, w)
				got = append(got, strings.TrimSpace(string(text)))
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%v: %q, want %q", has, got, want)
			}
		}
	}
}

// TestBothEndsASCII has both ends where there is ASCII alone.
func TestBothEndsASCII(t *testing.T) {
	d := hostPairs(t, 120, 24, Config{ASCII: true})
	d.sees("web1>db1", "rails>postgres")
	if text := string(d.export()); !strings.HasPrefix(text, "host,peer_host,peer_comm,peer_pid,proto,comm,pid,") || !strings.Contains(text, "\nweb1,db1,postgres,80,tcp,rails,4242,") {
		t.Errorf("exported %s", text)
	}
}

// TestOtherEndDetails opens the end that has no row of its own, from its host.
func TestOtherEndDetails(t *testing.T) {
	d := hostPairs(t, 120, 40, Config{})
	d.press("6", "enter", "down", "enter")
	d.sees("Details  tcp 10.0.0.3:5432 - 10.0.0.1:40001", "db1→web1", "loss 80%: the network between", "postgres 80   ")
	d.lacks("(closed)")
}

// TestBothEndsEvent keeps who was at the other end when both have gone.
func TestBothEndsEvent(t *testing.T) {
	d := hostPairs(t, 150, 40, Config{})
	c, s := between(9, "wget", "apache", "10.0.0.1", "10.0.0.3", 80)
	c.Event, s.Event = conn.EventClose, conn.EventClose
	j := table.NewJoint([]string{"web1", "db1"}, 0)
	tick := func(n int64, rows ...table.Row) {
		for i := range rows {
			j.Apply(i, &table.Told{Mono: n * second, Rows: rows[i : i+1]})
		}
		snap := j.Snapshot(time.Unix(n, 0), n*second)
		d.Update(frameMsg{Snapshot: snap, digests: []*digest{d.seen.digest(snap)}})
	}
	tick(200, c, s)
	tick(201)
	d.press("5")
	d.sees("Events 1 ", "wget 4242→apache 80", "close")
	d.press("/")
	d.typeText("comm=apache")
	d.press("enter")
	d.sees("Events 1 ")
	d.press("enter")
	d.sees("web1→db1", "apache 80")
}
