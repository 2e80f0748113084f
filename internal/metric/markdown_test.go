package metric

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"tcptop/internal/testkit"
)

// docs/metrics.md says what the list says.
func TestMarkdown(t *testing.T) { testkit.Golden(t, "../../docs/metrics.md", markdown()) }

func markdown() []byte {
	var b bytes.Buffer
	b.WriteString(`# Metrics of tcptop agent

What ` + "`tcptop agent`" + ` tells engines ([fleet.md](fleet.md)). The list in ` + "`internal/metric`" + ` makes this page (` + "`go test ./internal/metric -update`" + `), the
answers of ` + "`--listen`" + ` and what ` + "`--otlp`" + ` sends. The first name is Prometheus', the second OpenTelemetry's; engines make the first of the second (TestNames, TestPushIsPull).

Counters begin at 0 with the agent, those of a group when it gets its place; what was moved before that is not in them. Bytes are payload, each once. A metric that is missing is
not known; none is 0 for that reason. Labels in OpenTelemetry have dots for the underscores and no empty values.

| metric | | labels | |
|---|---|---|---|
`)
	for _, m := range List() {
		var labels []string
		for _, attr := range m.Labels {
			labels = append(labels, "`"+label(attr)+"`")
		}
		unit := m.Unit
		if unit != "" {
			unit = ", `" + unit + "`"
		}
		fmt.Fprintf(&b, "| `%s`<br>`%s` | %s%s | %s | %s |\n", m.Pull(), m.Name, m.Kind, unit, shorten(labels), m.Help)
	}
	b.WriteString("\n¹ `" + strings.Join(pulls(groupLabels), "`, `") + "`\n")
	return b.Bytes()
}

func pulls(attrs []string) (all []string) {
	for _, a := range attrs {
		all = append(all, label(a))
	}
	return all
}

// shorten writes the labels of a group once, below.
func shorten(labels []string) string {
	if len(labels) < len(groupLabels) {
		return strings.Join(labels, ", ")
	}
	return strings.Join(append([]string{"group¹"}, labels[len(groupLabels):]...), ", ")
}
