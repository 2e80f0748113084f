package tui

import (
	"strings"
	"testing"
	"time"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// engineFrame is what an engine tells: a row of a peer that is many addresses.
func engineFrame(d *driver, at int64, peer string) {
	r := table.Row{Conn: conn.Conn{ID: conn.ID{Cookie: 1}, Has: conn.HasBytes | conn.HasRaddr, Proto: conn.TCP, Dir: conn.Out, Rport: 443,
		Remote: &conn.Remote{Name: peer, Source: conn.NameNetwork}, Place: &conn.Place{Workload: "k8s:shop/\x1b[2J"}}, Moved: true, RxRate: 3000}
	j := table.NewJoint([]string{"web1"}, 0)
	j.Apply(0, &table.Told{Mono: at, Full: true, Rows: []table.Row{r}})
	j.State(0, table.HostOK, "", at)
	s := j.Snapshot(time.Unix(0, at), at)
	d.Update(frameMsg{Snapshot: s, digests: []*digest{d.seen.digest(s)}})
}

// The views are those that the engines can fill, and each tells what is looked at.
func TestEngineViews(t *testing.T) {
	var looked []string
	cfg := Config{Host: "engine", Views: []string{ProcessesView, RemotesView, HostsView, WorkloadsView, GroupsView, ConnectionsView},
		Viewed: func(view string) bool { looked = append(looked, view); return view == RemotesView }}
	d := start(t, 120, 24, cfg)
	engineFrame(d, 100*second, "internet")
	d.sees("1 connections", "Connections 1")
	d.lacks("+0/s", "RTT", "LIMIT")
	d.press("3")
	d.sees(asking, "internet", "1 groups")
	d.lacks("CONNS")
	engineFrame(d, 101*second, "10.0.0.0/24")
	d.sees("10.0.0.0/24", "Remotes 1 groups")
	d.lacks(asking)
	d.press("4")
	d.sees("no engine that is asked knows of listeners")
	d.press("7")
	d.sees("Workloads 1 groups", `k8s:shop/\x1b`)
	d.press("8")
	d.sees("Groups 1", "10.0.0.0/24:443")
	d.press("tab", "tab", "tab", "tab")
	if got := strings.Join(looked, " "); got != "Remotes Workloads Groups Connections Processes Remotes Hosts" {
		t.Errorf("looked at %s", got)
	}
}

// With groups alone the first view has them, and there is no other.
func TestGroupsAlone(t *testing.T) {
	d := start(t, 120, 24, Config{Host: "engine", Views: []string{ProcessesView, RemotesView, HostsView, WorkloadsView, GroupsView}, Viewed: func(string) bool { return false }})
	engineFrame(d, 100*second, "internet")
	d.sees("Groups 1", "1 groups")
	d.press("8")
	d.sees("Groups 1")
	d.press("shift+tab")
	d.sees("Workloads 1 groups")
	if hints := strings.Join(d.hints, " "); strings.Contains(hints, "8") {
		t.Error(hints)
	}
}
