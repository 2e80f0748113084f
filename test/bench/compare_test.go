package bench

import (
	"slices"
	"testing"

	"tcptop/internal/testkit"
)

// comparison is a workload under several subjects, the first of which is none.
type comparison struct {
	load     workload
	free     bool    // nobody asks what BPF programs take
	longer   float64 // a run takes so many times what others take; 0 is once
	subjects []subject
	effort   effort
	outcomes [][]outcome // by subject and round
	costs    [][]cost    // by subject
}

// bench runs every subject once per round, so that what else the machine does hits
// all alike, and prints a line for each.
func (c *comparison) bench(b *testing.B) {
	c.effort = asked(b)
	c.effort.seconds *= max(c.longer, 1)
	c.outcomes = make([][]outcome, len(c.subjects))
	c.costs = make([][]cost, len(c.subjects))
	ns := testkit.NetNS(b)
	for round := range c.effort.pairs {
		for i := range c.subjects {
			s := (i + round) % len(c.subjects) // nobody is always first
			c.outcomes[s] = append(c.outcomes[s], c.once(b, ns, c.subjects[s]))
		}
	}
	for s := range c.subjects {
		if c.free {
			break
		}
		c.costs[s] = c.price(b, ns, c.subjects[s])
	}
	for s := range c.subjects {
		b.Run(c.subjects[s].name, func(b *testing.B) { c.report(b, s) })
		for _, p := range c.costs[s] {
			b.Run(c.subjects[s].name+"/prog="+p.program, p.report)
		}
	}
}

func (c *comparison) once(b *testing.B, ns *testkit.NS, s subject) outcome {
	if s.within != nil {
		defer s.within(b, ns)()
	} else {
		_, stop := s.start(b)
		defer stop()
	}
	return c.load.run(b, ns, c.effort.seconds)
}

// report prints a subject's speed and ratios to none in the same round: of speed, of
// processor time (which other work on the machine hardly moves), of latency.
func (c *comparison) report(b *testing.B, s int) {
	b.ReportMetric(1e9/middle(c.each(s, func(o, _ outcome) float64 { return o.OpsPerSec })), "ns/op")
	b.ReportMetric(middle(c.each(s, func(o, _ outcome) float64 { return o.CPU })), "cpu-ns/op")
	if s == 0 {
		return
	}
	spread(b, c.each(s, func(o, none outcome) float64 { return o.OpsPerSec / none.OpsPerSec }), "ratio")
	spread(b, c.each(s, func(o, none outcome) float64 { return none.CPU / o.CPU }), "cpu-ratio")
	if c.outcomes[0][0].P99 > 0 {
		spread(b, c.each(s, func(o, none outcome) float64 { return o.P99 / none.P99 }), "p99-ratio")
	}
}

// each is a value of every round, sorted.
func (c *comparison) each(s int, value func(o, none outcome) float64) (values []float64) {
	for round, o := range c.outcomes[s] {
		values = append(values, value(o, c.outcomes[0][round]))
	}
	slices.Sort(values)
	return values
}

func spread(b *testing.B, sorted []float64, unit string) {
	b.ReportMetric(middle(sorted), unit)
	b.ReportMetric(sorted[0], unit+"-min")
	b.ReportMetric(sorted[len(sorted)-1], unit+"-max")
}

// middle is the median of what is sorted.
func middle(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
