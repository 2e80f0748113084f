package metric

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tcptop/internal/group"
)

// maxScrapes bounds how many are answered at once.
const maxScrapes = 8

// Handler answers with the newest numbers, in the format that is asked for.
func (b *Board) Handler() http.Handler {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(newCollector(b))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true, MaxRequestsInFlight: maxScrapes})
}

// collector makes all series anew for each scrape: what is gone needs no forgetting.
type collector struct {
	board *Board
	list  []Metric
	descs []*prometheus.Desc
}

func newCollector(b *Board) *collector {
	c := &collector{board: b, list: List()}
	for i := range c.list {
		m := &c.list[i]
		labels := make([]string, len(m.Labels))
		for i, attr := range m.Labels {
			labels[i] = label(attr)
		}
		c.descs = append(c.descs, prometheus.NewDesc(m.Pull(), m.Help, labels, nil))
	}
	return c
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	state := c.board.read()
	for i := range c.list {
		m := &c.list[i]
		m.Points(state, func(p Point) { out <- constMetric(m, c.descs[i], &p) })
	}
}

func constMetric(m *Metric, d *prometheus.Desc, p *Point) prometheus.Metric {
	if m.Kind == Histogram {
		buckets, below := make(map[float64]uint64, len(group.Bounds)), uint64(0)
		for i, bound := range group.Bounds {
			below += p.Hist.Buckets[i]
			buckets[m.Value(uint64(bound))] = below
		}
		return orInvalid(d)(prometheus.NewConstHistogram(d, p.Hist.Count, m.Value(p.Hist.Sum), buckets, p.Labels...))
	}
	kind := prometheus.CounterValue
	if m.Kind == Gauge {
		kind = prometheus.GaugeValue
	}
	return orInvalid(d)(prometheus.NewConstMetric(d, kind, m.Value(p.N), p.Labels...))
}

// orInvalid has a scrape fail over a value that cannot be told, rather than the program.
func orInvalid(d *prometheus.Desc) func(prometheus.Metric, error) prometheus.Metric {
	return func(m prometheus.Metric, err error) prometheus.Metric {
		if err != nil {
			return prometheus.NewInvalidMetric(d, err)
		}
		return m
	}
}
