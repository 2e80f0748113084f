package metric

import (
	"slices"
	"testing"

	"github.com/prometheus/otlptranslator"

	"tcptop/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// What comes by OTLP gets the same names from Prometheus and from the Collector as what
// is asked for, labels too.
func TestNames(t *testing.T) {
	names := otlptranslator.NewMetricNamer("", otlptranslator.UnderscoreEscapingWithSuffixes)
	var labels otlptranslator.LabelNamer
	types := map[Kind]otlptranslator.MetricType{Counter: otlptranslator.MetricTypeMonotonicCounter, Gauge: otlptranslator.MetricTypeGauge, Histogram: otlptranslator.MetricTypeHistogram}
	var seen []string
	for _, m := range List() {
		name, err := names.Build(otlptranslator.Metric{Name: m.Name, Unit: m.Unit, Type: types[m.Kind]})
		if err != nil || name != m.Pull() {
			t.Errorf("%s is %s when pulled, and %s (%v) when pushed", m.Name, m.Pull(), name, err)
		}
		for _, attr := range m.Labels {
			if name, err := labels.Build(attr); err != nil || name != label(attr) {
				t.Errorf("%s is %s when pulled, and %s (%v) when pushed", attr, label(attr), name, err)
			}
		}
		if slices.Contains(seen, m.Pull()) {
			t.Errorf("%s twice", m.Pull())
		}
		seen = append(seen, m.Pull())
		if m.Help == "" || m.Help[len(m.Help)-1] != '.' {
			t.Errorf("%s: help %q", m.Name, m.Help)
		}
	}
}
