package metric

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/otlptranslator"
	export "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"

	"tcptop/internal/group"
)

// receiver is an engine that takes OTLP.
type receiver struct {
	*httptest.Server
	got    chan *export.ExportMetricsServiceRequest
	header http.Header
	status int
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{got: make(chan *export.ExportMetricsServiceRequest, 10), status: http.StatusOK}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		unzipped, err := gzip.NewReader(q.Body)
		if err != nil {
			t.Error(err)
			return
		}
		body, err := io.ReadAll(unzipped)
		all := new(export.ExportMetricsServiceRequest)
		if err != nil || proto.Unmarshal(body, all) != nil {
			t.Errorf("%v: %d bytes", err, len(body))
		}
		r.header = q.Header
		w.WriteHeader(r.status)
		r.got <- all
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) push(t *testing.T, b *Board) *Push {
	t.Helper()
	u, err := url.Parse(r.URL + "/v1/metrics")
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPush(t.Context(), b, PushConfig{URL: u, Host: "web-1", Interval: time.Hour, Headers: map[string]string{"X-Scope-OrgID": "ops"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return p
}

// What is pushed is, by the names and labels that an engine makes of it, what is pulled.
func TestPushIsPull(t *testing.T) {
	h, r := busy(), newReceiver(t)
	if err := r.push(t, h.board).Send(t.Context()); err != nil {
		t.Fatal(err)
	}
	all := <-r.got
	if diff := cmp.Diff(pulled(t, h.board), pushed(t, all)); diff != "" {
		t.Error(diff)
	}
	if r.header.Get("X-Scope-OrgID") != "ops" {
		t.Errorf("%v", r.header)
	}
	var resource []string
	for _, kv := range all.ResourceMetrics[0].Resource.Attributes {
		resource = append(resource, kv.Key+"="+kv.Value.GetStringValue())
	}
	slices.Sort(resource)
	if diff := cmp.Diff([]string{"host.name=web-1", "service.instance.id=web-1", "service.name=tcptop", "service.version=1.2.3"}, resource); diff != "" {
		t.Error(diff)
	}
}

func TestPushEarlyAndRefused(t *testing.T) {
	h, r := newHost(group.Config{}), newReceiver(t)
	p := r.push(t, h.board)
	if err := p.Send(t.Context()); err != nil {
		t.Error(err)
	}
	if n := len((<-r.got).ResourceMetrics[0].ScopeMetrics); n != 0 {
		t.Errorf("%d scopes before there is anything to tell", n)
	}
	r.status = http.StatusServiceUnavailable
	if err := p.Send(t.Context()); err == nil {
		t.Error("what was refused is no error")
	}
	if len(r.got) != 1 { // once, and not again
		t.Errorf("%d requests", len(r.got))
	}
}

// pulled is what a scrape has: name{labels} and value.
func pulled(t *testing.T, b *Board) map[string]string {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(newCollector(b))
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, f := range families {
		for _, m := range f.Metric {
			var labels []string
			for _, l := range m.Label {
				if l.GetValue() != "" {
					labels = append(labels, l.GetName()+"="+l.GetValue())
				}
			}
			value := ""
			switch h := m.GetHistogram(); {
			case h != nil:
				value = fmt.Sprint(h.GetSampleCount(), h.GetSampleSum())
				below := uint64(0)
				for _, bucket := range h.Bucket {
					value += fmt.Sprintf(" %v:%d", bucket.GetUpperBound(), bucket.GetCumulativeCount()-below)
					below = bucket.GetCumulativeCount()
				}
			case m.GetCounter() != nil:
				value = fmt.Sprint(m.GetCounter().GetValue())
			default:
				value = fmt.Sprint(m.GetGauge().GetValue())
			}
			all[series1(f.GetName(), labels)] = value
		}
	}
	return all
}

func series1(name string, labels []string) string {
	slices.Sort(labels)
	return name + "{" + strings.Join(labels, ",") + "}"
}

// pushed is the same of what came by OTLP, with Prometheus' own translation.
func pushed(t *testing.T, r *export.ExportMetricsServiceRequest) map[string]string {
	t.Helper()
	names := otlptranslator.NewMetricNamer("", otlptranslator.UnderscoreEscapingWithSuffixes)
	all := map[string]string{}
	put := func(m *otlp.Metric, kind otlptranslator.MetricType, attrs []*common.KeyValue, value string) {
		name, err := names.Build(otlptranslator.Metric{Name: m.Name, Unit: m.Unit, Type: kind})
		if err != nil {
			t.Error(err)
		}
		var labels []string
		for _, kv := range attrs {
			key, err := (&otlptranslator.LabelNamer{}).Build(kv.Key)
			if err != nil {
				t.Error(err)
			}
			text := kv.Value.GetStringValue()
			if i, isInt := kv.Value.Value.(*common.AnyValue_IntValue); isInt {
				text = fmt.Sprint(i.IntValue)
			}
			labels = append(labels, key+"="+text)
		}
		all[series1(name, labels)] = value
	}
	number := func(p *otlp.NumberDataPoint) string {
		if i, isInt := p.Value.(*otlp.NumberDataPoint_AsInt); isInt {
			return fmt.Sprint(float64(i.AsInt))
		}
		return fmt.Sprint(p.GetAsDouble())
	}
	for _, m := range r.ResourceMetrics[0].ScopeMetrics[0].Metrics {
		switch data := m.Data.(type) {
		case *otlp.Metric_Sum:
			if !data.Sum.IsMonotonic || data.Sum.AggregationTemporality != otlp.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE {
				t.Errorf("%s is no counter", m.Name)
			}
			for _, p := range data.Sum.DataPoints {
				put(m, otlptranslator.MetricTypeMonotonicCounter, p.Attributes, number(p))
			}
		case *otlp.Metric_Gauge:
			for _, p := range data.Gauge.DataPoints {
				put(m, otlptranslator.MetricTypeGauge, p.Attributes, number(p))
			}
		case *otlp.Metric_Histogram:
			for _, p := range data.Histogram.DataPoints {
				value := fmt.Sprint(p.Count, p.GetSum())
				for i, bound := range p.ExplicitBounds {
					value += fmt.Sprintf(" %v:%d", bound, p.BucketCounts[i])
				}
				put(m, otlptranslator.MetricTypeHistogram, p.Attributes, value)
			}
		}
	}
	return all
}
