package fleet

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"tcptop/internal/group"
)

// groupBy are the labels of a group, in the order of group.Key's.
var groupBy = [group.LabelCount]string{"process_executable_name", "tcptop_workload", "tcptop_peer", "server_port", "network_transport", "tcptop_role"}

const directionLabel = "network_io_direction"

// literal is s as PromQL writes a string. (What is no UTF-8 is no label either.)
func literal(s string) string { return strconv.Quote(strings.ToValidUTF8(s, "\ufffd")) }

// oneOf matches a label that has one of values.
func oneOf(label string, values []string) string {
	escaped := make([]string, len(values))
	for i, v := range values {
		escaped[i] = regexp.QuoteMeta(v)
	}
	return label + "=~" + literal(strings.Join(escaped, "|"))
}

// promDuration is d as PromQL writes it.
func promDuration(d time.Duration) string { return strconv.Itoa(int(d/time.Millisecond)) + "ms" }

// totals is what each host moves in each direction.
func (e *Engine) totals() string {
	if e.records {
		return fmt.Sprintf("sum by (%s, %s) (instance:tcptop_io_bytes:rate1m)", e.cfg.HostLabel, directionLabel)
	}
	return fmt.Sprintf("sum by (%s, %s) (rate(tcptop_host_io_bytes_total[%s]))", e.cfg.HostLabel, directionLabel, promDuration(e.cfg.Window))
}

// heard is when each host that is remembered had its newest tick, by its own clock.
func (e *Engine) heard() string {
	return fmt.Sprintf("max by (%s) (last_over_time(tcptop_tick_timestamp_seconds[%s]))", e.cfg.HostLabel, memory)
}

// ticking is when each host whose ticks went on lately told its newest one, by the engine's
// clock. (A host that sends stamps what it sends by its own.)
func (e *Engine) ticking() string {
	return fmt.Sprintf("max by (%s) (timestamp(tcptop_tick_timestamp_seconds) and changes(tcptop_tick_timestamp_seconds[%s]) > 0)", e.cfg.HostLabel, promDuration(clockOff))
}

// lossy is what each host did not see in the last minutes.
func (e *Engine) lossy() string {
	return fmt.Sprintf(`sum by (%s) (increase(tcptop_capture_lost_events_total{reason!="missed_ticks"}[5m])) > 0`, e.cfg.HostLabel)
}

// groups are those of hosts that move most. The group other is none.
func (e *Engine) groups(hosts []string) string {
	return fmt.Sprintf(`topk(%d, sum by (%s) (rate(tcptop_group_io_bytes_total{%s,network_transport!="other"}[%s])))`,
		e.cfg.Top, e.by(), oneOf(e.cfg.HostLabel, hosts), promDuration(e.cfg.Window))
}

// moved is what each host has moved in each direction since its agent began.
func (e *Engine) moved() string {
	return fmt.Sprintf("sum by (%s, %s) (tcptop_host_io_bytes_total)", e.cfg.HostLabel, directionLabel)
}

// groupsMoved is what groups have moved in each direction since they have their place.
func (e *Engine) groupsMoved(match string) string {
	return fmt.Sprintf(`sum by (%s, %s) (tcptop_group_io_bytes_total{%s})`, e.by(), directionLabel, match)
}

// groupsSend is how fast groups send.
func (e *Engine) groupsSend(match string) string {
	return fmt.Sprintf(`sum by (%s) (rate(tcptop_group_io_bytes_total{%s,network_io_direction="transmit"}[%s]))`, e.by(), match, promDuration(e.cfg.Window))
}

// mostOf are the values of a label that move most, of all hosts together.
func (e *Engine) mostOf(label int) string {
	return fmt.Sprintf("topk(%d, sum by (%s) (%s))", e.cfg.Top, groupBy[label], e.ratesOf(label, ""))
}

// sentOf is how fast those that have values for a label send.
func (e *Engine) sentOf(label int, values []string) string {
	return fmt.Sprintf("sum by (%s) (%s)", groupBy[label], e.ratesOf(label, ","+oneOf(groupBy[label], values)+`,`+directionLabel+`="transmit"`))
}

// ratesOf are the rates of groups, as the recording rules have them or as they are told.
// The group other is none.
func (e *Engine) ratesOf(label int, match string) string {
	not := groupBy[label] + `!="other"` + match
	if e.records {
		return map[int]string{peerLabel: "peer_port", workloadLabel: "workload"}[label] + ":tcptop_io_bytes:rate1m{" + not + "}"
	}
	return fmt.Sprintf("rate(tcptop_group_io_bytes_total{%s}[%s])", not, promDuration(e.cfg.Window))
}

// of matches the groups of hosts and processes.
func (e *Engine) of(hosts, processes []string) string {
	return oneOf(e.cfg.HostLabel, hosts) + "," + oneOf(groupBy[0], processes)
}

func (e *Engine) by() string { return e.cfg.HostLabel + ", " + strings.Join(groupBy[:], ", ") }
