package tui

import (
	"time"

	"tcptop/internal/column"
	"tcptop/internal/conn"
)

// cellFunc appends one cell of a line as safe text of any length, and says how
// it looks.
type cellFunc func(dst []byte, e *env, it *item, w int) ([]byte, style)

// screenColumn is one column of the table: a field, or fields that read better
// together.
type screenColumn struct {
	name  string
	title string
	help  string
	field *column.Column // what it sorts by; nil cannot be sorted by
	width [3]int         // least, usual, most
	tight int            // least on a narrow screen; 0 is as on any
	right bool
	cell  cellFunc
}

// columnSet is every column that the screen can show, by name.
type columnSet struct {
	list  *column.List
	names []string
	of    map[string]*screenColumn
}

func newColumnSet(list *column.List) *columnSet {
	s := &columnSet{list: list, of: make(map[string]*screenColumn)}
	s.add(joined(list)...)
	for i := range list.All() {
		s.add(fieldColumn(&list.All()[i]))
	}
	s.bothCells()
	return s
}

func (s *columnSet) add(cols ...screenColumn) {
	for i := range cols {
		c := &cols[i]
		if s.of[c.name] == nil {
			s.names = append(s.names, c.name)
			s.of[c.name] = c
		}
	}
}

// pick returns the columns of those names that exist.
func (s *columnSet) pick(names []string) []*screenColumn {
	var all []*screenColumn
	for _, n := range names {
		if c := s.of[n]; c != nil {
			all = append(all, c)
		}
	}
	return all
}

// joined are the columns that are more than one field.
func joined(list *column.List) []screenColumn {
	field := func(name string) *column.Column {
		c, _ := list.Find(name)
		return c
	}
	return []screenColumn{
		{name: "process", title: "PROCESS", field: field("comm"), width: [3]int{12, 20, 24}, cell: processCell,
			help: "Name and pid of the process that the connection belongs to."},
		{name: "local", title: "LOCAL", field: field("lport"), width: [3]int{portWidth, 21, 47}, cell: localCell,
			help: "Local address and port, where there is little room the port alone; sorts by port."},
		{name: "remote", title: "REMOTE", field: field("raddr"), width: [3]int{21, 21, 47}, tight: 15, cell: remoteCell,
			help: "Remote address and port; sorts by address."},
		{name: "graph", title: "HISTORY", field: field("rate"), width: [3]int{10, 16, 20}, cell: graphCell,
			help: "Rate of both directions over the last ticks, each row to its own scale."},
		{name: "ts", title: "TIME", field: field("ts"), width: [3]int{8, 8, 8}, cell: timeCell,
			help: "When it happened, to the tick, in local time."},
		{name: "proto", title: "PROTO", field: field("proto"), width: [3]int{3, 5, 5}, cell: protoCell,
			help: "Transport protocol."},
		{name: "state", title: "STATE", field: field("state"), width: [3]int{6, 11, 11}, cell: stateCell,
			help: "TCP state as ss(8) names it; shortened where there is little room."},
		{name: "limit", title: "LIMIT", field: field("limit"), width: [3]int{8, 13, 16}, cell: limitCell,
			help: "What holds the connection back, and for which share of the tick (of a group, for which share of its bytes): app, peer-window, send-buffer, cwnd, loss, reader, idle."},
	}
}

// fieldColumn shows one field.
func fieldColumn(c *column.Column) screenColumn {
	sc := screenColumn{name: c.Name, title: c.Title, field: c, help: c.Help}
	least := max(column.Width(c.Kind), min(c.Width, 8))
	sc.width = [3]int{least, max(c.Width, least), max(c.Width, least)}
	switch {
	case c.Text != nil:
		sc.width[0] = min(c.Width, 12)
		sc.width[2] = 2 * sc.width[1]
		sc.cell = textCell(c)
	case c.Addr != nil:
		sc.width = [3]int{11, 15, 39}
		sc.cell = addrCell(c)
	case c.Kind == column.Rate:
		sc.right = true
		sc.width = [3]int{7, 9, 9}
		sc.cell = rateCell(c)
	default:
		sc.right = c.Kind != column.Time
		sc.width[0] = max(sc.width[0], len(c.Title))
		sc.width[1], sc.width[2] = max(sc.width[0], sc.width[1]), max(sc.width[0], sc.width[2])
		sc.cell = numberCell(c)
	}
	return sc
}

const missing = "-"

func numberCell(c *column.Column) cellFunc {
	return func(dst []byte, e *env, it *item, _ int) ([]byte, style) {
		if it.group != nil && it.group.hides(c.Name) {
			return dst, plain
		}
		n, ok := c.Num(it.at, it.row)
		if !ok {
			return append(dst, missing...), dim
		}
		if it.group == nil {
			n = e.zero.less(c.Name, it.row, n)
		}
		return e.units.Append(dst, c.Kind, n), countStyle(c, n)
	}
}

// countStyle marks what should be zero.
func countStyle(c *column.Column, n int64) style {
	switch {
	case n == 0:
		return dim
	case c.Name == "drops" || c.Name == "lost_packets" || c.Name == "retrans_packets" || c.Name == "backlog" || c.Name == "syn_retries" || c.Name == "send_errors":
		return warning
	}
	return plain
}

func rateCell(c *column.Column) cellFunc {
	return func(dst []byte, e *env, it *item, w int) ([]byte, style) {
		n, ok := c.Num(it.at, it.row)
		if !ok || it.group != nil && it.group.hides(c.Name) {
			return append(dst, missing...), dim
		}
		from := len(dst)
		dst = e.units.Append(dst, c.Kind, n)
		if w < 9 && len(dst)-from == 9 {
			dst = dst[:len(dst)-2] // without /s
		}
		return dst, heat(n)
	}
}

// heat is how much n bytes per second are.
func heat(n int64) style {
	switch {
	case n < 1000:
		return heat0
	case n < 1_000_000:
		return heat1
	case n < 100_000_000:
		return heat2
	}
	return heat3
}

func textCell(c *column.Column) cellFunc {
	return func(dst []byte, e *env, it *item, _ int) ([]byte, style) {
		if it.group != nil && it.group.hides(c.Name) {
			return dst, plain
		}
		var ok bool
		e.scratch, ok = c.Text(e.scratch[:0], it.at, it.row)
		if !ok {
			return append(dst, missing...), dim
		}
		return appendSafe(dst, e.scratch, e.ascii), plain
	}
}

func addrCell(c *column.Column) cellFunc {
	return func(dst []byte, e *env, it *item, _ int) ([]byte, style) {
		if it.group != nil && it.group.hides(c.Name) {
			return dst, plain
		}
		a, ok := c.Addr(it.row)
		if !ok {
			return append(dst, missing...), dim
		}
		if c.Name == "raddr" {
			return e.appendRemote(dst, it.row), plain
		}
		return e.appendHost(dst, conn.AddrFrom(a)), plain
	}
}

func processCell(dst []byte, e *env, it *item, w int) ([]byte, style) {
	o := &it.row.Owner
	if o.PID == 0 && !o.Kernel && o.Comm == (conn.Name{}) {
		return append(dst, missing...), dim
	}
	if other := it.other(); other != nil {
		return bothProcesses(dst, e, it.row, other, w), plain
	}
	from := len(dst)
	dst = e.appendComm(dst, &o.Comm)
	switch {
	case o.Kernel:
		return dst, dim
	case o.PID == 0: // several processes, as an engine has them
		return dst, plain
	}
	// The pid is never cut: it is what tells processes apart.
	e.scratch = appendPID(e.scratch[:0], it.row.Owner.PID)
	dst = trimMiddle(dst, from, max(w-len(e.scratch), 1), e.ascii)
	return append(dst, e.scratch...), plain
}

// portWidth is the cells of a colon and any port.
const portWidth = 6

func localCell(dst []byte, e *env, it *item, w int) ([]byte, style) {
	switch {
	case it.group != nil && (it.group.mixed.laddr || it.group.mixed.lport):
		return dst, plain
	case w < 2*portWidth:
		return e.appendPort(append(dst, ':'), it.row.Proto, it.row.Lport), plain
	}
	return e.appendLocalEnd(dst, it.row, w), plain
}

func remoteCell(dst []byte, e *env, it *item, w int) ([]byte, style) {
	switch {
	case it.group != nil && it.group.mixed.remote:
		return dst, plain
	case it.row.Has&conn.HasRaddr == 0:
		return append(dst, missing...), dim
	}
	return e.appendRemoteEnd(dst, it.row, w), plain
}

func timeCell(dst []byte, e *env, it *item, _ int) ([]byte, style) {
	return it.at.Time.In(e.local).AppendFormat(dst, time.TimeOnly), dim
}

func protoCell(dst []byte, e *env, it *item, w int) ([]byte, style) {
	dst = append(dst, it.row.Proto.String()...)
	if w >= 4 && it.row.Proto != 0 && !it.row.Laddr.Is4() && it.group == nil {
		dst = append(dst, '6')
	}
	return dst, plain
}

// shortStates are the states in six cells.
func shortState(s conn.State) string {
	names := [...]string{"", "estab", "syn-s", "syn-r", "fin-1", "fin-2", "t-wait", "closed", "c-wait", "l-ack", "listen", "clsing", "syn-r"}
	if int(s) < len(names) {
		return names[s]
	}
	return ""
}

func stateCell(dst []byte, e *env, it *item, w int) ([]byte, style) {
	s := it.row.State.String()
	switch {
	case s == "" && it.group != nil:
		return dst, plain
	case s == "":
		return append(dst, missing...), dim
	case w < len(s):
		s = shortState(it.row.State)
	}
	st := plain
	if it.row.State != conn.Established && it.row.State != conn.Listen {
		st = dim
	}
	return append(dst, s...), st
}

// sparkTicks is how many ticks the widest history column shows.
const sparkTicks = 40

func graphCell(dst []byte, e *env, it *item, w int) ([]byte, style) {
	if it.group != nil || it.seq != 0 {
		return dst, plain
	}
	h, n := e.history, perCell(e.ascii)*w
	h.fill(e.tally, it.row, it.closed)
	both := h.both()
	return both.appendGraph(dst, w, 0, 1, both.peak(n), e.ascii), rxGraph
}

// hides reports whether the rows of the group differ in a field whose sum says
// nothing.
func (gr *group) hides(field string) bool {
	switch field {
	case "laddr":
		return gr.mixed.laddr
	case "lport":
		return gr.mixed.lport
	case "raddr", "rport":
		return gr.mixed.remote
	case "mss", "ssthresh", "opened", "uid", "rtt_inflation", "ca_state", "ecn", "app_limited", "busy_ms", "rwnd_limited_ms",
		"sndbuf_limited_ms", "zero_window_ms", "probes":
		return gr.n > 1
	case "rx_rate", "tx_rate", "rate":
		return gr.n == 0 && gr.unlisted && !gr.rated // of TCP without a row the bytes alone are known
	}
	return false
}
