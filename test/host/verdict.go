package main

import (
	"fmt"
	"strings"
)

// Aims of the medians: of what a workload gets done, and of its processor time.
const (
	aim      = 0.98
	churnAim = 0.95
)

// footprintVerdict names what misses its aim, and what lies outside of what nothing
// against nothing gave in the same rounds.
func footprintVerdict(all results) string {
	var below, outside []string
	for _, t := range titles {
		again := all.of("Footprint/" + t.name + "/with=nothing-again")
		for _, with := range []string{"tcptop", "tcptop-tcp"} {
			v := all.of("Footprint/" + t.name + "/with=" + with)
			if v == nil || again == nil {
				continue
			}
			name := strings.TrimPrefix(t.name, "load=") + " with " + strings.Replace(with, "-", " --", 1)
			least := aim
			if t.name == "load=churn" {
				least = churnAim
			}
			for _, unit := range []string{"ratio", "cpu-ratio"} {
				said := fmt.Sprintf("%s (%s %.2f)", name, strings.TrimSuffix(unit, "-ratio"), v[unit])
				if v[unit] < least {
					below = append(below, said)
				}
				if v[unit] < again[unit+"-min"] {
					outside = append(outside, said)
				}
			}
		}
	}
	return sentence(fmt.Sprintf("Medians below the aim of %.2f, of churn %.2f", aim, churnAim), below) + " " +
		sentence("Medians below all that nothing against nothing gave", outside)
}

func sentence(what string, which []string) string {
	if len(which) == 0 {
		return what + ": none."
	}
	return what + ": " + strings.Join(which, ", ") + "."
}

// scaleVerdict holds the figures against the aims for a million sockets and for a
// hundred thousand that stand still.
func scaleVerdict(all results) string {
	var said []string
	hold := func(what string, v map[string]float64, unit string, limit float64) {
		if v == nil {
			return
		}
		met := "met"
		if v[unit] > limit {
			met = "missed"
		}
		said = append(said, fmt.Sprintf("%s %s: %s, %s", what, digits(limit), digits(v[unit]), met))
	}
	million := all.of("Scale/sockets=1000000/moving=1%")
	hold("1,000,000 sockets of which 1 % move, a sweep of less than (ms)", million, "sweep-ms", 50)
	hold("their whole tick, less than (ms)", million, "tick-ms", 150)
	hold("their memory, less than (bytes per connection)", million, "bytes/conn", 400)
	hold("100,000 idle, less than (% of a core)", all.of("Scale/sockets=100000/moving=0%"), "%core-at-1s", 1)
	if len(said) == 0 {
		return ""
	}
	return "Against the aims: " + strings.Join(said, "; ") + "."
}
