package tui

import (
	"slices"

	"tcptop/internal/table"
)

// The views, in the order of their keys.
const (
	connections = iota
	processes
	remotes
	listeners
	events
	hosts
	workloads // from here on views that only engines fill (Config.Views)
	groups
	viewCount
)

// The names of the views that engines fill (Config.Views).
const (
	ConnectionsView = "Connections"
	GroupsView      = "Groups" // of connections, as an engine has them
	ProcessesView   = "Processes"
	RemotesView     = "Remotes"
	HostsView       = "Hosts"
	WorkloadsView   = "Workloads"
)

// view is one way to look at the rows, with its own columns, order and cursor.
type view struct {
	name     string
	columns  []string
	usual    []string
	sort     sorting
	group    string
	grouping *grouping
	unfolded map[groupKey]bool
	frozen   places // place of each row while the order is frozen
	follow   bool
	wide     bool
	sums     bool // rows are groups of connections

	window []item // the lines around the visible ones
	base   int    // place of the first of them
	total  int    // lines of all
	rows   int    // rows that match
	offset int    // place of the first visible line
	cursor itemKey
	at     int        // place of the cursor; -1 is out of the window
	alive  *table.Row // the cursor's, wherever it is; nil where that is no connection's
	place  int        // of the cursor where rows are grouped; -1 is not known
	places []place
}

// sorting is a column to sort by.
type sorting struct {
	column string
	desc   bool
}

// newViews are the views as they come, those of engines where names say which there are.
func newViews(names []string) [viewCount]*view {
	all := usualViews()
	if names != nil {
		for _, v := range all {
			v.sums = slices.Contains(names, GroupsView) && (v.name != ConnectionsView || !slices.Contains(names, ConnectionsView))
			v.told()
		}
		if !slices.Contains(names, ConnectionsView) {
			all[connections].name, all[groups].name = GroupsView, ""
		}
	}
	for _, v := range all {
		v.unfolded = make(map[groupKey]bool)
		v.usual = v.columns
		v.setGroup(v.group)
		v.at, v.place = -1, -1
	}
	return all
}

// told leaves out the columns of what engines do not tell; where rows are groups, how
// many of them there are says nothing.
func (v *view) told() {
	v.columns = slices.DeleteFunc(slices.Clone(v.columns), func(name string) bool {
		switch name {
		case "rtt_us", "retrans_packets", "lost_packets", "drops", "limit", "age_ms":
			return true
		}
		return name == "conns" && v.sums
	})
}

func usualViews() [viewCount]*view {
	rate := sorting{"rate", true}
	all := [viewCount]*view{
		connections: {name: ConnectionsView, sort: rate, columns: []string{"proto", "process", "local", "remote", "state",
			"rx_rate", "tx_rate", "rtt_us", "retrans_packets", "limit", "age_ms", "graph"}},
		processes: {name: ProcessesView, sort: rate, group: "process", columns: []string{"group", "conns", "user",
			"rx_rate", "tx_rate", "rx_bytes", "tx_bytes", "rtt_us", "retrans_packets", "limit", "age_ms", "graph"}},
		remotes: {name: RemotesView, sort: rate, group: "remote", columns: []string{"group", "conns", "process",
			"rx_rate", "tx_rate", "rx_bytes", "tx_bytes", "rtt_us", "retrans_packets", "limit", "age_ms", "graph"}},
		listeners: {name: "Listeners", sort: sorting{"local", false}, columns: []string{"proto", "process", "local",
			"backlog", "backlog_max", "drops", "accept_rate", "accept_p50_us", "accept_p99_us", "syn_queue", "listen_overflows", "syncookies_sent",
			"recv_queue", "recv_buffer", "unit", "user", "netns", "age_ms"}},
		events: {name: "Events", columns: []string{"ts", "event", "proto", "process", "local", "remote", "close_reason",
			"errno", "age_ms", "rx_bytes", "tx_bytes", "connect_us", "syn_retries", "close_detail"}},
		hosts: {name: HostsView, sort: rate, group: "host", columns: []string{"group", "conns",
			"rx_rate", "tx_rate", "rx_bytes", "tx_bytes", "rtt_us", "retrans_packets", "lost_packets", "drops", "limit", "age_ms", "graph"}},
	}
	all[workloads] = &view{name: WorkloadsView, sort: rate, group: "workload", columns: slices.Clone(all[remotes].columns)}
	all[groups] = &view{name: GroupsView, sort: rate, columns: slices.Clone(all[connections].columns)}
	return all
}

// setGroup changes what rows are grouped by; "" is nothing.
func (v *view) setGroup(by string) {
	v.group, v.grouping = by, nil
	clear(v.unfolded)
	if by != "" {
		v.grouping = newGrouping(by)
	}
}

// shownColumns is the columns with the tree in front where rows are grouped.
func (v *view) shownColumns() []string {
	if v.group == "" || len(v.columns) > 0 && v.columns[0] == "group" {
		return v.columns
	}
	if v.sums {
		return append([]string{"group"}, v.columns...)
	}
	return append([]string{"group", "conns"}, v.columns...)
}

// visible is the lines that a screen of h lines shows.
func (v *view) visible(h int) []item {
	lo := min(max(v.offset-v.base, 0), len(v.window))
	return v.window[lo:min(lo+h, len(v.window))]
}

// item is the line at place n, nil where it is not in the window.
func (v *view) item(n int) *item {
	if n < v.base || n >= v.base+len(v.window) {
		return nil
	}
	return &v.window[n-v.base]
}

// selected is the line under the cursor, nil where it is out of the window.
func (v *view) selected() *item {
	if v.cursor.kind == noItem || v.at < 0 {
		return nil
	}
	return v.item(v.at)
}
