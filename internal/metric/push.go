package metric

import (
	"context"
	"crypto/tls"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"tcptop/internal/group"
)

// PushConfig says where numbers are pushed to, and as whose.
type PushConfig struct {
	URL      *url.URL // of OTLP's metrics endpoint over HTTP
	Host     string
	Interval time.Duration
	Headers  map[string]string
	TLS      *tls.Config // nil takes the system's authorities
}

// Push sends the Board's numbers by OTLP. What cannot be sent is not kept: the next
// numbers say as much, since they are sums.
type Push struct {
	cfg      PushConfig
	reader   *sdk.ManualReader
	exporter *otlpmetrichttp.Exporter
}

// NewPush makes a Push; nothing is sent yet.
func NewPush(ctx context.Context, b *Board, cfg PushConfig) (*Push, error) {
	options := []otlpmetrichttp.Option{
		otlpmetrichttp.WithEndpointURL(cfg.URL.String()),
		otlpmetrichttp.WithCompression(otlpmetrichttp.GzipCompression),
		otlpmetrichttp.WithTimeout(max(cfg.Interval, time.Second)),
		otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig{}), // the next interval is the retry
	}
	if len(cfg.Headers) > 0 {
		options = append(options, otlpmetrichttp.WithHeaders(cfg.Headers))
	}
	if cfg.TLS != nil {
		options = append(options, otlpmetrichttp.WithTLSClientConfig(cfg.TLS))
	}
	exporter, err := otlpmetrichttp.New(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("set up OTLP: %w", err)
	}
	p := &Push{cfg: cfg, exporter: exporter}
	p.reader = sdk.NewManualReader(sdk.WithProducer(producer{b, List()}))
	// The provider ties the reader to what the numbers are of.
	sdk.NewMeterProvider(sdk.WithReader(p.reader), sdk.WithResource(resource.NewSchemaless(
		attribute.String("service.name", "tcptop"),
		attribute.String("service.instance.id", cfg.Host),
		attribute.String("service.version", b.version),
		attribute.String("host.name", cfg.Host),
	)))
	return p, nil
}

// Run sends until ctx ends, and tells report of each delivery that failed and of the first
// that did not.
func (p *Push) Run(ctx context.Context, report func(error)) {
	tick := time.NewTicker(p.cfg.Interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			report(p.Send(ctx))
		}
	}
}

// Send sends the newest numbers.
func (p *Push) Send(ctx context.Context) error {
	var all metricdata.ResourceMetrics
	if err := p.reader.Collect(ctx, &all); err != nil {
		return err
	}
	return p.exporter.Export(ctx, &all)
}

// Close frees what the Push holds.
func (p *Push) Close(ctx context.Context) error { return p.exporter.Shutdown(ctx) }

// producer gives the SDK all series as they are. (Its own instruments would keep series
// that are gone, and have no histogram that is read like a counter.)
type producer struct {
	board *Board
	list  []Metric
}

// Produce implements sdk.Producer.
func (p producer) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	state := p.board.read()
	if state.View == nil {
		return nil, nil
	}
	scope := metricdata.ScopeMetrics{Scope: instrumentation.Scope{Name: "tcptop", Version: state.Version}}
	for i := range p.list {
		m := &p.list[i]
		if data := m.data(state); data != nil {
			scope.Metrics = append(scope.Metrics, metricdata.Metrics{Name: m.Name, Description: m.Help, Unit: m.Unit, Data: data})
		}
	}
	return []metricdata.ScopeMetrics{scope}, nil
}

// data is m's points in the SDK's form; nil where there is none.
func (m *Metric) data(s *State) metricdata.Aggregation {
	if m.Kind == Histogram {
		return m.histogram(s)
	}
	if m.per == 0 {
		return numbers(m, s, func(n uint64) int64 { return int64(min(n, math.MaxInt64)) })
	}
	return numbers(m, s, m.Value)
}

func numbers[N int64 | float64](m *Metric, s *State, value func(uint64) N) metricdata.Aggregation {
	var points []metricdata.DataPoint[N]
	m.Points(s, func(p Point) {
		points = append(points, metricdata.DataPoint[N]{Attributes: m.attributes(p.Labels), StartTime: s.since(&p), Time: s.View.Time, Value: value(p.N)})
	})
	switch {
	case points == nil:
		return nil
	case m.Kind == Gauge:
		return metricdata.Gauge[N]{DataPoints: points}
	}
	return metricdata.Sum[N]{DataPoints: points, Temporality: metricdata.CumulativeTemporality, IsMonotonic: true}
}

func (m *Metric) histogram(s *State) metricdata.Aggregation {
	var h metricdata.Histogram[float64]
	h.Temporality = metricdata.CumulativeTemporality
	m.Points(s, func(p Point) {
		point := metricdata.HistogramDataPoint[float64]{Attributes: m.attributes(p.Labels), StartTime: s.since(&p), Time: s.View.Time,
			Count: p.Hist.Count, Sum: m.Value(p.Hist.Sum)}
		above := p.Hist.Count
		for i, bound := range group.Bounds {
			point.Bounds = append(point.Bounds, m.Value(uint64(bound)))
			point.BucketCounts = append(point.BucketCounts, p.Hist.Buckets[i])
			above -= p.Hist.Buckets[i]
		}
		point.BucketCounts = append(point.BucketCounts, above)
		h.DataPoints = append(h.DataPoints, point)
	})
	if h.DataPoints == nil {
		return nil
	}
	return h
}

func (s *State) since(p *Point) time.Time {
	if p.Since.IsZero() {
		return s.View.Began
	}
	return p.Since
}

// attributes are labels, without those that have no value.
func (m *Metric) attributes(labels []string) attribute.Set {
	all := make([]attribute.KeyValue, 0, len(labels))
	for i, value := range labels {
		switch port, err := strconv.Atoi(value); {
		case value == "":
		case m.Labels[i] == "server.port" && err == nil:
			all = append(all, attribute.Int(m.Labels[i], port))
		default:
			all = append(all, attribute.String(m.Labels[i], value))
		}
	}
	return attribute.NewSet(all...)
}
