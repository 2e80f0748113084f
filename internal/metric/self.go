package metric

import (
	"strconv"

	"tcptop/internal/conn"
	"tcptop/internal/group"
)

func selfMetrics() []Metric {
	return append(exportMetrics(), []Metric{
		{Name: "tcptop.capture.lost.events", Unit: "{event}", Kind: Counter, Labels: []string{"reason"},
			Help: "What was not seen or not kept on the way to the sums, by cause; bytes of what had no row are in the host's sums and in the group other.",
			points: of(func(v *group.View, yield func(Point)) {
				for _, l := range lost(&v.Loss) {
					yield(Point{Labels: []string{l.reason}, N: l.n})
				}
			})},
		{Name: "tcptop.capture.unlisted.connections", Unit: "{connection}", Kind: Gauge,
			Help: "Open connections beyond --max-conns, which no group has: their bytes count when they end.",
			points: of(func(v *group.View, yield func(Point)) {
				yield(Point{N: v.NotShown})
			})},
		{Name: "tcptop.tick.timestamp", Unit: "s", Kind: Gauge, per: 1e9,
			Help: "When the newest numbers were measured, in seconds since 1970.",
			points: of(func(v *group.View, yield func(Point)) {
				yield(Point{N: uint64(v.Time.UnixNano())})
			})},
		{Name: "tcptop.process.cpu", Unit: "s", Kind: Counter, per: 1e9,
			Help:   "Processor time of tcptop itself, its own runs of BPF programs included.",
			points: cost(func(c *conn.Cost) uint64 { return c.CPU })},
		{Name: "tcptop.process.resident", Unit: "By", Kind: Gauge,
			Help:   "Memory that tcptop holds, mapped BPF maps included.",
			points: cost(func(c *conn.Cost) uint64 { return c.Resident })},
		{Name: "tcptop.bpf.maps", Unit: "By", Kind: Gauge,
			Help:   "Memory that the kernel keeps for tcptop's BPF maps.",
			points: cost(func(c *conn.Cost) uint64 { return c.Maps })},
		{Name: "tcptop.bpf.runs", Unit: "{run}", Kind: Counter, Labels: []string{"program", "own"},
			Help:   "Runs of tcptop's BPF programs as far as the kernel timed them; own are in tcptop's time, the others in that of whoever uses the network.",
			points: programs(func(p *conn.Program) uint64 { return p.Runs })},
		{Name: "tcptop.bpf.time", Unit: "s", Kind: Counter, per: 1e9, Labels: []string{"program", "own"},
			Help:   "Time that these runs took.",
			points: programs(func(p *conn.Program) uint64 { return p.Time })},
		{Name: "tcptop.build.info", Kind: Gauge, Labels: []string{"version"},
			Help: "1, with the version of tcptop.",
			points: func(s *State, yield func(Point)) {
				yield(Point{Labels: []string{s.Version}, N: 1})
			}},
	}...)
}

type cause struct {
	reason string
	n      uint64
}

// lost are the causes by which a sum can lack something.
func lost(l *conn.Loss) []cause {
	return []cause{
		{"table_full", l.TableFull}, {"ring_full", l.RingFull}, {"queue_full", l.QueueFull}, {"flows_full", l.FlowsFull},
		{"skipped", l.Skipped}, {"missed_ticks", l.MissedTicks}, {"totals_full", l.TotalsFull}, {"rows_full", l.RowsFull},
	}
}

// cost yields what is known of tcptop's own cost.
func cost(n func(*conn.Cost) uint64) func(*State, func(Point)) {
	return of(func(v *group.View, yield func(Point)) {
		if v.Cost.Mono != 0 && n(&v.Cost) != 0 {
			yield(Point{N: n(&v.Cost)})
		}
	})
}

// programs yields a point of each BPF program, once the kernel has timed any.
func programs(n func(*conn.Program) uint64) func(*State, func(Point)) {
	return func(s *State, yield func(Point)) {
		if s.View == nil || !s.timed {
			return
		}
		for i := range s.View.Programs {
			p := &s.View.Programs[i]
			yield(Point{Labels: []string{p.Name, strconv.FormatBool(p.Own)}, N: n(p)})
		}
	}
}

func exportMetrics() []Metric {
	exporter, dropped := []string{"exporter"}, []string{"exporter", "reason"}
	exports := func(n func(*Export) uint64) func(*State, func(Point)) {
		return func(s *State, yield func(Point)) {
			for i := range s.Exports {
				yield(Point{Labels: []string{s.Exports[i].Name}, N: n(&s.Exports[i])})
			}
		}
	}
	drops := func(n func(*Dropped) uint64) func(*State, func(Point)) {
		return func(s *State, yield func(Point)) {
			for _, e := range s.Exports {
				for i := range e.Dropped {
					yield(Point{Labels: []string{e.Name, e.Dropped[i].Reason}, N: n(&e.Dropped[i])})
				}
			}
		}
	}
	return []Metric{
		{Name: "tcptop.export.records.sent", Unit: "{record}", Kind: Counter, Labels: exporter,
			Help: "Flow records that the engine has taken.", points: exports(func(e *Export) uint64 { return e.Sent })},
		{Name: "tcptop.export.retries", Unit: "{retry}", Kind: Counter, Labels: exporter,
			Help: "Deliveries that were tried again.", points: exports(func(e *Export) uint64 { return e.Retries })},
		{Name: "tcptop.export.dropped.records", Unit: "{record}", Kind: Counter, Labels: dropped,
			Help: "Flow records that were given up, by cause.", points: drops(func(d *Dropped) uint64 { return d.Records })},
		{Name: "tcptop.export.dropped.io", Unit: "By", Kind: Counter, Labels: dropped,
			Help: "Payload bytes that these records told of.", points: drops(func(d *Dropped) uint64 { return d.Bytes })},
		{Name: "tcptop.export.spool", Unit: "By", Kind: Gauge, Labels: exporter,
			Help: "Size of what waits for the engine.", points: exports(func(e *Export) uint64 { return e.Spooled })},
		{Name: "tcptop.export.oldest.spooled.timestamp", Unit: "s", Kind: Gauge, Labels: exporter, per: 1e9,
			Help: "When the oldest record that waits was made, in seconds since 1970; missing where none waits.",
			points: func(s *State, yield func(Point)) {
				for _, e := range s.Exports {
					if !e.Oldest.IsZero() {
						yield(Point{Labels: []string{e.Name}, N: uint64(e.Oldest.UnixNano())})
					}
				}
			}},
	}
}
