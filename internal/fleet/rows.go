package fleet

import (
	"fmt"
	"hash/fnv"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// late is after how long without a tick a host is slow, and gone after how long.
const (
	late = 90 * time.Second
	gone = 5 * time.Minute
)

// maxHosts bounds the hosts that are shown one by one: a row of each takes a page of the
// table. What the others move is one host's.
const maxHosts = 1000

// Snapshot makes one of an answer. mono is the clock of who shows it, at the time now;
// trouble is why there is no newer one, "" where this is.
func (r *Roll) Snapshot(a *Answer, now time.Time, mono int64, trouble string) *table.Snapshot {
	if a.Together != nil {
		return r.together(a, now, mono, trouble)
	}
	hosts := a.shown()
	index := make(map[string]int, len(hosts))
	for i := range hosts {
		index[hosts[i].Name] = i
	}
	rows := make([][]table.Row, len(hosts))
	for i := range a.Groups {
		g := &a.Groups[i]
		if h, known := index[g.Host]; known {
			rows[h] = append(rows[h], g.row())
			hosts[h].Tx -= g.Tx
			hosts[h].Rx -= g.Total - g.Tx
			hosts[h].TxBytes -= g.TxBytes
			hosts[h].RxBytes -= g.RxBytes
		}
	}
	numbers := r.number(hosts)
	for i := range hosts {
		if h := &hosts[i]; h.Known { // what is in no group that is shown, so that the sum is the host's
			rows[i] = append(rows[i], rest(h))
		}
		r.apply(a, numbers[i], &hosts[i], rows[i], now, mono, trouble)
	}
	return r.joint.Snapshot(now, mono)
}

// everybody stands for all hosts where rows are of none in particular; it is no name.
const everybody = "\x00"

// together has rows of no host, and the hosts without any. What is in none of the sums is
// in a row of its own, so that all together are the hosts'.
func (r *Roll) together(a *Answer, now time.Time, mono int64, trouble string) *table.Snapshot {
	hosts := a.shown()
	left := Host{Name: everybody, Known: true, Heard: a.Time}
	for i := range hosts {
		left.Tx, left.Rx = left.Tx+hosts[i].Tx, left.Rx+hosts[i].Rx
	}
	rows := make([]table.Row, 0, len(a.Together)+1)
	for i := range a.Together {
		g := &a.Together[i]
		rows = append(rows, g.row())
		left.Tx, left.Rx = left.Tx-g.Tx, left.Rx-(g.Total-g.Tx)
	}
	left.TxBytes, left.RxBytes = left.Tx*a.over.Seconds(), left.Rx*a.over.Seconds()
	rows = append(rows, rest(&left))
	numbers := r.number(append(hosts, left))
	for i := range hosts {
		r.apply(a, numbers[i], &hosts[i], nil, now, mono, trouble)
	}
	all := numbers[len(hosts)]
	r.apply(a, all, &left, rows, now, mono, "")
	s := r.joint.Snapshot(now, mono)
	s.Hosts[all].Name = "" // the place is nobody's
	return s
}

// rest is the row of what is in no other.
func rest(h *Host) table.Row {
	g := Group{Labels: [...]string{"other", "", "", "0", "", ""}, Total: max(h.Tx, 0) + max(h.Rx, 0), Tx: max(h.Tx, 0), TxBytes: max(h.TxBytes, 0), RxBytes: max(h.RxBytes, 0)}
	r := g.row()
	r.Remote, r.Place = &conn.Remote{Name: "other", Source: conn.NameNetwork}, &conn.Place{Workload: "other"}
	return r
}

// apply puts what is known of a host at its number.
func (r *Roll) apply(a *Answer, number int, h *Host, rows []table.Row, now time.Time, mono int64, trouble string) {
	heard := mono - int64(now.Sub(h.Heard))
	state, why := h.state(a.Time)
	if trouble != "" && state == table.HostOK {
		state, why = table.HostSlow, trouble
	}
	if h.Known || r.past || a.Time.Sub(h.Heard) > late { // else it has the rows that it had
		r.joint.Apply(number, &table.Told{Mono: heard, Full: true, Rows: rows, Origin: conn.FromBPF})
	}
	r.joint.State(number, state, why, heard)
}

// shown are the hosts, the last one standing for those that there is no room for.
func (a *Answer) shown() []Host {
	if len(a.Hosts) <= maxHosts {
		return slices.Clone(a.Hosts)
	}
	all := slices.Clone(a.Hosts[:maxHosts])
	rest := Host{Name: fmt.Sprintf("%d more hosts", len(a.Hosts)-maxHosts), Heard: a.Time}
	for i := maxHosts; i < len(a.Hosts); i++ {
		rest.Known = rest.Known || a.Hosts[i].Known
		rest.Tx += a.Hosts[i].Tx
		rest.Rx += a.Hosts[i].Rx
		rest.TxBytes += a.Hosts[i].TxBytes
		rest.RxBytes += a.Hosts[i].RxBytes
	}
	return append(all, rest)
}

// state is how well a host was known at a time.
func (h *Host) state(at time.Time) (table.HostState, string) {
	switch age := at.Sub(h.Heard).Round(time.Second); {
	case age > gone:
		return table.HostGone, fmt.Sprintf("its agent's last tick was %v ago", age)
	case age > late:
		return table.HostSlow, fmt.Sprintf("its agent's last tick was %v ago", age)
	case age < -clockOff:
		return table.HostSlow, fmt.Sprintf("its clock is %v ahead of the engine's, which does not see it tick", -age)
	case !h.Known:
		return table.HostSlow, "the engine does not say what it moves"
	case h.Lossy:
		return table.HostOK, "its agent did not see everything in the last minutes"
	case h.Off > 0:
		return table.HostOK, fmt.Sprintf("its clock is %v ahead of the engine's", h.Off.Round(time.Second))
	case h.Off < 0:
		return table.HostOK, fmt.Sprintf("its clock is %v behind the engine's", -h.Off.Round(time.Second))
	}
	return table.HostOK, ""
}

// row is a group as the screen has connections.
func (g *Group) row() table.Row {
	if g.conn != nil {
		return g.rowOf()
	}
	r := table.Row{Moved: true, TxRate: uint64(math.Round(g.Tx)), RxRate: uint64(math.Round(max(g.Total-g.Tx, 0)))}
	process, workload, peer, port, transport, role := g.Labels[0], g.Labels[1], g.Labels[2], g.Labels[3], g.Labels[4], g.Labels[5]
	h := fnv.New64a()
	for _, l := range g.Labels {
		_, _ = h.Write(append([]byte(l), 0))
	}
	r.ID.Cookie, r.Laddr = h.Sum64(), address("")
	r.Has = conn.HasBytes
	r.TxBytes, r.RxBytes = uint64(g.TxBytes), uint64(g.RxBytes)
	r.Owner.Comm = conn.MakeName(process)
	r.Place = place(workload)
	switch transport {
	case "tcp":
		r.Proto = conn.TCP
	case "udp":
		r.Proto = conn.UDP
	}
	number, _ := strconv.ParseUint(port, 10, 16)
	if peer != "" {
		r.Raddr = address(peer)
		r.Has |= conn.HasRaddr
		if _, err := netip.ParseAddr(peer); err != nil {
			r.Remote = &conn.Remote{Name: peer, Source: conn.NameNetwork}
		}
	}
	switch role {
	case "client":
		r.Dir, r.Rport = conn.Out, uint16(number)
	case "server":
		r.Dir, r.Lport = conn.In, uint16(number)
	default:
		r.Lport = uint16(number)
	}
	return r
}

// address is a peer's, of a network its first; of several networks it is 0.0.0.0, as
// where any is meant.
func address(peer string) conn.Addr {
	if prefix, err := netip.ParsePrefix(peer); err == nil {
		return conn.AddrFrom(prefix.Addr())
	}
	if a, err := netip.ParseAddr(peer); err == nil {
		return conn.AddrFrom(a)
	}
	return conn.AddrFrom(netip.IPv4Unspecified())
}

// place is what a workload's name says of where it belongs (internal/group has them so).
func place(workload string) *conn.Place {
	kind, name, _ := strings.Cut(workload, ":")
	switch kind {
	case "k8s":
		namespace, _, _ := strings.Cut(name, "/")
		return &conn.Place{Namespace: namespace, Workload: workload}
	case "container":
		return &conn.Place{Container: name}
	case "unit":
		return &conn.Place{Unit: name}
	case "user":
		return &conn.Place{User: name}
	}
	return nil
}
