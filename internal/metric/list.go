package metric

import "slices"

// The labels of a group, by OpenTelemetry's names where it has one.
var groupLabels = []string{"process.executable.name", "tcptop.workload", "tcptop.peer", "server.port", "network.transport", "tcptop.role"}

const (
	transport = "network.transport"
	direction = "network.io.direction"
	transmit  = "transmit"
	receive   = "receive"
)

// List is every metric.
func List() []Metric {
	return slices.Concat(hostMetrics(), groupMetrics(), selfMetrics())
}
