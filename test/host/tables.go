package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// sheet is a table in Markdown.
type sheet struct{ lines []string }

func newSheet(heads ...string) *sheet {
	s := &sheet{}
	s.row(heads...)
	s.lines = append(s.lines, "|"+strings.Repeat("---|", len(heads)))
	return s
}

func (s *sheet) row(cells ...string) { s.lines = append(s.lines, "| "+strings.Join(cells, " | ")+" |") }

func (s *sheet) String() string { return strings.Join(s.lines, "\n") + "\n" }

// spread is a median with its range.
func spread(v map[string]float64, unit string) string {
	if _, ok := v[unit]; !ok {
		return ""
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f)", v[unit], v[unit+"-min"], v[unit+"-max"])
}

// spreadMS is one in milliseconds.
func spreadMS(v map[string]float64, unit string) string {
	return fmt.Sprintf("%s (%s–%s)", digits(v[unit]), digits(v[unit+"-min"]), digits(v[unit+"-max"]))
}

// spreadMiB is one in whole MiB.
func spreadMiB(v map[string]float64, unit string) string {
	return fmt.Sprintf("%.0f (%.0f–%.0f)", v[unit], v[unit+"-min"], v[unit+"-max"])
}

// digits is a number with two or three of them.
func digits(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v < 1 && v > -1:
		return strconv.FormatFloat(v, 'g', 2, 64)
	case v < 100:
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	return grouped(int64(v + 0.5))
}

func grouped(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// nanoseconds is a time for people.
func nanoseconds(v float64) string {
	if v >= 1000 {
		return digits(v/1000) + " µs"
	}
	return digits(v) + " ns"
}

// titles are workloads as the page calls them; the operation in brackets.
var titles = []struct{ name, title string }{
	{"load=messages", "64-byte TCP messages in one thread (one)"},
	{"load=rr/conns=1", "request/response, 1 connection (both ways)"},
	{"load=rr/conns=64", "request/response, 64 connections"},
	{"load=bulk/conns=1", "bulk, 1 connection (128 KiB)"},
	{"load=bulk/conns=8", "bulk, 8 connections"},
	{"load=churn", "connect, exchange, close (a connection, both ends)"},
	{"load=udp/connected=false", "UDP 64 bytes, unconnected (a datagram there)"},
	{"load=udp/connected=true", "UDP 64 bytes, connected"},
}

func footprintTable(all results) string {
	speed := newSheet("workload (an operation)", "nothing again", "tcptop", "tcptop --tcp", "BPF, default", "BPF, --tcp")
	cpu := newSheet("processor time", "nothing again", "tcptop", "tcptop --tcp")
	for _, t := range titles {
		of := func(with string) map[string]float64 { return all.of("Footprint/" + t.name + "/with=" + with) }
		bpf := func(with string) string {
			v := all.of("Footprint/" + t.name + "/with=" + with + "/prog=all")
			if v == nil {
				return ""
			}
			return nanoseconds(v["ns/op"])
		}
		again, ours, tcp := of("nothing-again"), of("tcptop"), of("tcptop-tcp")
		if again == nil {
			continue
		}
		speed.row(t.title, spread(again, "ratio"), spread(ours, "ratio"), spread(tcp, "ratio"), bpf("tcptop"), bpf("tcptop-tcp"))
		if _, has := again["p99-ratio"]; has {
			speed.row("— its p99 latency, more is slower", spread(again, "p99-ratio"), spread(ours, "p99-ratio"), spread(tcp, "p99-ratio"), "", "")
		}
		cpu.row(t.title, spread(again, "cpu-ratio"), spread(ours, "cpu-ratio"), spread(tcp, "cpu-ratio"))
		if lines := of("tcptop-jsonl"); lines != nil {
			const title = "— with every row streamed, `-b -o jsonl`"
			speed.row(title, "", "", spread(lines, "ratio"), "", bpf("tcptop-jsonl"))
			cpu.row(title, "", "", spread(lines, "cpu-ratio"))
		}
	}
	return speed.String() + "\n" + cpu.String() + "\n" + footprintVerdict(all) + "\n"
}

func hooksTable(all results) string {
	s := newSheet("hooks", "TCP messages", "BPF", "UDP unconnected", "BPF", "UDP connected", "BPF", "knows")
	for _, h := range []struct{ name, title, knows string }{
		{"none-again", "none, again", ""},
		{"tcptop", "tcptop's", "all that [columns.md](columns.md) says"},
		{"empty", "the same, empty", "nothing"},
		{"skb", "root cgroup_skb, both ways", "arrivals, not reads; no owner of a reader"},
		{"calls", "send and receive calls", "no peer of an unconnected socket, no GSO, no GRO"},
		{"calls+peers", "the same with cgroup sendmsg/recvmsg", "no GSO, no GRO"},
	} {
		cells := []string{h.title}
		for _, load := range []string{"load=messages", "load=udp/connected=false", "load=udp/connected=true"} {
			name := "UDPHooks/" + load + "/hooks=" + h.name
			cells = append(cells, spread(all.of(name), "cpu-ratio"))
			if v := all.of(name + "/prog=all"); v != nil && h.name != "none-again" {
				cells = append(cells, nanoseconds(v["ns/op"]))
			} else {
				cells = append(cells, "")
			}
		}
		s.row(append(cells, h.knows)...)
	}
	return s.String()
}

func churnTable(all results) string {
	s := newSheet("hooks", "connections per second", "processor time", "BPF", "knows")
	for _, h := range []struct{ name, title, knows string }{
		{"none-again", "none, again", ""},
		{"tcptop", "tcptop's", "all that [columns.md](columns.md) says"},
		{"empty", "the same, empty", "nothing"},
		{"hash", "one, with a hash by socket and a ring", "who connected, bytes; not who accepted, nothing before the end"},
	} {
		v, bpf := all.of("ChurnHooks/hooks="+h.name), ""
		if p := all.of("ChurnHooks/hooks=" + h.name + "/prog=all"); p != nil && h.name != "none-again" {
			bpf = nanoseconds(p["ns/op"])
		}
		s.row(h.title, spread(v, "ratio"), spread(v, "cpu-ratio"), bpf, h.knows)
	}
	return s.String()
}

func scaleTable(all results) string {
	s := newSheet("sockets", "moving", "sweep, ms", "all else, ms", "a tick, ms", "of a core, passes too", "own memory, MiB", "BPF maps, MiB", "bytes per connection")
	for _, n := range []int{1_000, 10_000, 100_000, 1_000_000} {
		for _, percent := range []int{0, 1, 10, 100} {
			v := all.of(fmt.Sprintf("Scale/sockets=%d/moving=%d%%", n, percent))
			if v == nil {
				continue
			}
			s.row(grouped(int64(n)), fmt.Sprintf("%d %%", percent), spreadMS(v, "sweep-ms"), spreadMS(v, "go-ms"), spreadMS(v, "tick-ms"),
				digits(v["%core-at-1s"])+" %", digits(v["own-MiB"]), digits(v["maps-MiB"]), digits(v["bytes/conn"]))
		}
	}
	return s.String() + "\n" + scaleVerdict(all) + "\n"
}

func tickTable(all results) string {
	s := newSheet("sockets", "none moved", "10 % moved", "all moved", "per idle slot", "per moved socket", "decode, per row", "table, per row")
	begin := newSheet("sockets", "first tick", "loading the programs", "owners", "sockets of all namespaces", "sweep and decode", "table")
	for _, n := range []int{1_000, 10_000, 100_000} {
		none, tenth, whole := all.of(fmt.Sprintf("Sweep/sockets=%d/moving=0%%", n)), all.of(fmt.Sprintf("Sweep/sockets=%d/moving=10%%", n)), all.of(fmt.Sprintf("Sweep/sockets=%d/moving=100%%", n))
		first := all.of(fmt.Sprintf("First/sockets=%d/tick", n))
		if none == nil || first == nil {
			continue
		}
		s.row(grouped(int64(n)), digits(none["sweep-ms"])+" ms", digits(tenth["sweep-ms"])+" ms", digits(whole["sweep-ms"])+" ms",
			nanoseconds(none["ns/slot"]), nanoseconds(whole["ns/moved"]), nanoseconds(whole["decode-ns/row"]), nanoseconds(whole["apply-ns/row"]))
		begin.row(grouped(int64(n)), digits(first["ns/op"]/1e6)+" ms", digits(first["load-ms"])+" ms", digits(first["owners-ms"])+" ms",
			digits(first["tcp-ms"])+" ms", digits(first["sweep+decode-ms"])+" ms", digits(first["apply-ms"])+" ms")
	}
	return s.String() + "\n" + begin.String()
}

func memoryTable(all results) string {
	kernel := all.of("Memory")
	least, most := 0.0, 0.0
	for _, r := range all {
		if v, ok := r.values["bytes/row"]; ok {
			if least == 0 || v < least {
				least = v
			}
			most = max(most, v)
		}
	}
	s := newSheet("", "kernel", "Go")
	row := digits(least)
	if digits(most) != row {
		row += " to " + digits(most)
	}
	s.row("connection", digits(kernel["bytes/conn"])+" bytes", row+" bytes")
	s.row("UDP flow", digits(kernel["bytes/flow"])+" bytes", "the same")
	s.row("all together, with 131,072 slots", digits(kernel["fixed-bytes"]/1e6)+" MB, most of it the ring", "")
	return s.String()
}

func stormTable(all results) string {
	v := all.of("Storm")
	s := newSheet("connections per second", "ends that are rows", "with their owner", "lost and said so", "lost unsaid", "bytes wrong")
	s.row(digits(v["conns/s"]), percentOf(v["%ends-as-rows"]), percentOf(v["%ends-with-owner"]), grouped(int64(v["ends-lost-and-said"])), grouped(int64(v["ends-unsaid"])), grouped(int64(v["bytes-wrong"])))
	return s.String()
}

// percentOf does not make all of what is nearly so.
func percentOf(v float64) string {
	return strconv.FormatFloat(v, 'f', -1, 64) + " %"
}

func soakTable(all results) string {
	v := all.of("Soak")
	s := newSheet("", "own memory in a minute, MiB", "BPF maps, mapped", "descriptors", "threads", "goroutines")
	for _, when := range []string{"start", "end"} {
		title := "once there are time-wait sockets"
		if when == "end" {
			title = grouped(int64(v["conns"])) + " connections later"
		}
		s.row(title, spreadMiB(v, when+"-own-MiB"), digits(v[when+"-maps-MiB"])+" MiB", digits(v[when+"-descriptors"]), digits(v[when+"-threads"]), digits(v[when+"-goroutines"]))
	}
	return s.String()
}

func peersTable(all results) string {
	s := newSheet("tool", "of a core", "memory, MiB", "short processes, right process", "error of bytes", "request/response", "its processor time", "churn", "its processor time")
	load := func(name, with string) (string, string) {
		v := all.of("Peers/load=" + name + "/with=" + with)
		return spread(v, "ratio"), spread(v, "cpu-ratio")
	}
	rr, rrCPU := load("rr/conns=1", "nothing-again")
	churn, churnCPU := load("churn", "nothing-again")
	s.row("nothing, again", "", "", "", "", rr, rrCPU, churn, churnCPU)
	for _, name := range []string{"tcptop", "ss", "nethogs", "iftop", "iptraf-ng", "tcptrack"} {
		cost, seen := all.of("Peers/cost/peer="+name), all.of("Peers/seen/peer="+name)
		if cost == nil {
			why := all.of("peer " + name)
			cells := []string{name, "not measured"}
			for w := range why {
				cells[1] = w
			}
			s.row(append(cells, slices.Repeat([]string{""}, 7)...)...)
			continue
		}
		short, wrong := "none named", "none told"
		if v, has := seen["%short-with-process"]; has {
			short = percentOf(v)
		}
		if v, has := seen["%bytes-wrong"]; has {
			wrong = fmt.Sprintf("%+.3g %%", v)
			if v == 0 {
				wrong = "0"
			}
		}
		rr, rrCPU := load("rr/conns=1", name)
		churn, churnCPU := load("churn", name)
		s.row(name, digits(cost["%core"])+" %", digits(cost["MiB"]), short, wrong, rr, rrCPU, churn, churnCPU)
	}
	return s.String()
}
