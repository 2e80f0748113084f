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
	when := func(t time.Time) int64 { return mono - int64(now.Sub(t)) }
	numbers := r.number(hosts)
	for i := range hosts {
		h := &hosts[i]
		if h.Known { // what is in no group that is shown, so that the sum is the host's
			rest := Group{Labels: [...]string{"other", "", "", "0", "", ""}, Total: max(h.Tx, 0) + max(h.Rx, 0), Tx: max(h.Tx, 0),
				TxBytes: max(h.TxBytes, 0), RxBytes: max(h.RxBytes, 0)}
			rows[i] = append(rows[i], rest.row())
		}
		state, why := h.state(a.Time)
		if trouble != "" && state == table.HostOK {
			state, why = table.HostSlow, trouble
		}
		if h.Known || r.past || a.Time.Sub(h.Heard) > late { // else it has the rows that it had
			r.joint.Apply(numbers[i], &table.Told{Mono: when(h.Heard), Full: true, Rows: rows[i], Origin: conn.FromBPF})
		}
		r.joint.State(numbers[i], state, why, when(h.Heard))
	}
	return r.joint.Snapshot(now, mono)
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
	if peer != "" {
		r.Remote = &conn.Remote{Name: peer}
	}
	switch transport {
	case "tcp":
		r.Proto = conn.TCP
	case "udp":
		r.Proto = conn.UDP
	}
	number, _ := strconv.ParseUint(port, 10, 16)
	switch role {
	case "client":
		r.Dir, r.Rport, r.Raddr = conn.Out, uint16(number), address(peer)
		r.Has |= conn.HasRaddr
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
		namespace, pod, _ := strings.Cut(name, "/")
		return &conn.Place{Namespace: namespace, Pod: pod}
	case "container":
		return &conn.Place{Container: name}
	case "unit":
		return &conn.Place{Unit: name}
	case "user":
		return &conn.Place{User: name}
	}
	return nil
}
