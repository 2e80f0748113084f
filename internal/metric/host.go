package metric

import (
	"tcptop/internal/conn"
	"tcptop/internal/group"
)

// of is points of what a View has; there is none before the first tick.
func of(points func(*group.View, func(Point))) func(*State, func(Point)) {
	return func(s *State, yield func(Point)) {
		if s.View != nil {
			points(s.View, yield)
		}
	}
}

// transports are the values of network.transport; unknown is of those for whose protocol there was no room.
var transports = [conn.UDP + 1]string{"unknown", "tcp", "udp"}

func hostMetrics() []Metric {
	return []Metric{
		{Name: "tcptop.host.io", Unit: "By", Kind: Counter, Labels: []string{transport, direction},
			Help: "Payload bytes of all sockets of the host, each byte once. Exact, and never cut short.",
			points: of(func(v *group.View, yield func(Point)) {
				for i, m := range v.Host.Moved {
					yield(Point{Labels: []string{transports[i], transmit}, N: m.TxBytes})
					yield(Point{Labels: []string{transports[i], receive}, N: m.RxBytes})
				}
			})},
		{Name: "tcptop.host.packets", Unit: "{packet}", Kind: Counter, Labels: []string{transport, direction},
			Help: "TCP segments and UDP datagrams of all sockets of the host that had a row.",
			points: of(func(v *group.View, yield func(Point)) {
				for _, p := range []conn.Proto{conn.TCP, conn.UDP} {
					yield(Point{Labels: []string{transports[p], transmit}, N: v.Host.Moved[p].TxPackets})
					yield(Point{Labels: []string{transports[p], receive}, N: v.Host.Moved[p].RxPackets})
				}
			})},
		{Name: "tcptop.host.connections", Unit: "{connection}", Kind: Gauge, Labels: []string{transport, "network.connection.state"},
			Help: "TCP sockets by state, listeners too, and UDP flows.", points: of(connections)},
		{Name: "tcptop.host.connections.opened", Unit: "{connection}", Kind: Counter, Labels: []string{transport},
			Help: "TCP connections and UDP flows that began.",
			points: of(func(v *group.View, yield func(Point)) {
				for _, p := range []conn.Proto{conn.TCP, conn.UDP} {
					yield(Point{Labels: []string{transports[p]}, N: v.Host.Opened[p]})
				}
			})},
		{Name: "tcptop.host.connections.closed", Unit: "{connection}", Kind: Counter, Labels: []string{transport, "reason"},
			Help: "TCP connections and UDP flows that ended, by reason.", points: of(closed)},
		{Name: "tcptop.host.tcp.retransmits", Unit: "{segment}", Kind: Counter,
			Help: "TCP segments that were sent again.",
			points: of(func(v *group.View, yield func(Point)) {
				yield(Point{N: v.Host.Moved[conn.TCP].Retransmits})
			})},
		{Name: "tcptop.host.tcp.rtt.smoothed", Unit: "s", Kind: Histogram, per: 1e6,
			Help: "Smoothed round-trip time of TCP connections that moved, once per tick and connection.",
			points: of(func(v *group.View, yield func(Point)) {
				yield(Point{Hist: &v.Host.RTT})
			})},
	}
}

// connections yields the states that a socket can be seen in.
func connections(v *group.View, yield func(Point)) {
	for i, n := range v.Host.States {
		if state := conn.State(i); state != 0 && state != conn.Closed {
			yield(Point{Labels: []string{"tcp", state.String()}, N: n})
		}
	}
	yield(Point{Labels: []string{"udp", ""}, N: v.Host.Flows})
}

// closed yields the reasons that each protocol has.
func closed(v *group.View, yield func(Point)) {
	for p, reasons := range v.Host.Closed {
		for i, n := range reasons {
			reason := conn.CloseReason(i)
			idle, unknown := reason == conn.Idle, reason == 0
			switch conn.Proto(p) {
			case conn.TCP:
				if idle {
					continue
				}
			case conn.UDP:
				if !idle && !unknown {
					continue
				}
			default:
				if !unknown {
					continue
				}
			}
			name := reason.String()
			if unknown {
				name = "unknown"
			}
			yield(Point{Labels: []string{transports[p], name}, N: n})
		}
	}
}
