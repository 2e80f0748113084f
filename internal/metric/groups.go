package metric

import (
	"slices"

	"tcptop/internal/group"
)

// each yields a point of each group.
func each(n func(*group.Group) uint64) func(*State, func(Point)) {
	return of(func(v *group.View, yield func(Point)) {
		for i := range v.Groups {
			g := &v.Groups[i]
			labels := g.Key.Labels()
			yield(Point{Labels: labels[:], N: n(g), Since: g.Since})
		}
	})
}

// both yields what each group sent and what it received.
func both(tx, rx func(*group.Traffic) uint64) func(*State, func(Point)) {
	return of(func(v *group.View, yield func(Point)) {
		for i := range v.Groups {
			g := &v.Groups[i]
			labels := g.Key.Labels()
			yield(Point{Labels: append(labels[:], transmit), N: tx(&g.Moved), Since: g.Since})
			yield(Point{Labels: append(labels[:], receive), N: rx(&g.Moved), Since: g.Since})
		}
	})
}

// sum yields what t of a View sent and received.
func sum(t func(*group.View) *group.Traffic) func(*State, func(Point)) {
	return of(func(v *group.View, yield func(Point)) {
		yield(Point{Labels: []string{transmit}, N: t(v).TxBytes})
		yield(Point{Labels: []string{receive}, N: t(v).RxBytes})
	})
}

func groupMetrics() []Metric {
	directed := slices.Concat(groupLabels, []string{direction})
	return []Metric{
		{Name: "tcptop.group.io", Unit: "By", Kind: Counter, Labels: directed,
			Help: "Payload bytes by group; with tcptop.group.retired.io they are tcptop.host.io.",
			points: both(func(t *group.Traffic) uint64 { return t.TxBytes },
				func(t *group.Traffic) uint64 { return t.RxBytes })},
		{Name: "tcptop.group.packets", Unit: "{packet}", Kind: Counter, Labels: directed,
			Help: "TCP segments and UDP datagrams by group.",
			points: both(func(t *group.Traffic) uint64 { return t.TxPackets },
				func(t *group.Traffic) uint64 { return t.RxPackets })},
		{Name: "tcptop.group.tcp.retransmits", Unit: "{segment}", Kind: Counter, Labels: groupLabels,
			Help:   "TCP segments that were sent again, by group.",
			points: each(func(g *group.Group) uint64 { return g.Moved.Retransmits })},
		{Name: "tcptop.group.connections.opened", Unit: "{connection}", Kind: Counter, Labels: groupLabels,
			Help:   "TCP connections and UDP flows that began, by group.",
			points: each(func(g *group.Group) uint64 { return g.Opened })},
		{Name: "tcptop.group.connections", Unit: "{connection}", Kind: Gauge, Labels: groupLabels,
			Help:   "TCP connections and UDP flows by group, without listeners and what is in time-wait.",
			points: each(func(g *group.Group) uint64 { return g.Conns })},
		{Name: "tcptop.group.tcp.rtt.smoothed.max", Unit: "s", Kind: Gauge, Labels: groupLabels, per: 1e6,
			Help: "Largest smoothed round-trip time among the group's TCP connections; missing where none was measured.",
			points: of(func(v *group.View, yield func(Point)) {
				for i := range v.Groups {
					if g := &v.Groups[i]; g.RTT > 0 {
						labels := g.Key.Labels()
						yield(Point{Labels: labels[:], N: uint64(g.RTT), Since: g.Since})
					}
				}
			})},
		{Name: "tcptop.group.folded.io", Unit: "By", Kind: Counter, Labels: []string{direction},
			Help:   "Payload bytes in the group other whose own group had no place when they came.",
			points: sum(func(v *group.View) *group.Traffic { return &v.Folded })},
		{Name: "tcptop.group.retired.io", Unit: "By", Kind: Counter, Labels: []string{direction},
			Help:   "Payload bytes of groups that lost their place to another.",
			points: sum(func(v *group.View) *group.Traffic { return &v.Retired })},
		{Name: "tcptop.group.slots", Unit: "{slot}", Kind: Gauge, Labels: []string{"state"},
			Help: "Places that there are for groups, besides other.",
			points: of(func(v *group.View, yield func(Point)) {
				used := uint64(len(v.Groups) - 1)
				yield(Point{Labels: []string{"used"}, N: used})
				yield(Point{Labels: []string{"free"}, N: uint64(v.Places) - used})
			})},
		{Name: "tcptop.group.evictions", Unit: "{eviction}", Kind: Counter,
			Help: "Groups that lost their place to another.",
			points: of(func(v *group.View, yield func(Point)) {
				yield(Point{N: v.Evictions})
			})},
	}
}
