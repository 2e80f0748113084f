package cli

import (
	"slices"
	"strings"
)

// meantTime is "; did you mean 5s?" for 5sec, 5 seconds and the like; "" where no unit
// is meant of those that the flag takes.
func meantTime(s string, units ...string) string {
	number := s[:len(s)-len(strings.TrimLeft(s, "0123456789."))]
	word := strings.ToLower(strings.TrimSpace(s[len(number):]))
	if number == "" || word == "" {
		return ""
	}
	for _, u := range units {
		if slices.Contains(unitNames[u], word) {
			return "; did you mean " + number + u + "?"
		}
	}
	return ""
}

// unitNames are how people write the units of time.
var unitNames = map[string][]string{
	"ms": {"msec", "msecs", "millis", "millisecond", "milliseconds"},
	"s":  {"sec", "secs", "second", "seconds"},
	"m":  {"min", "mins", "minute", "minutes"},
	"h":  {"hr", "hrs", "hour", "hours"},
	"d":  {"day", "days"},
	"w":  {"week", "weeks"},
}
