package record

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// errTime is what every mistake in a time gets.
var errTime = errors.New("no time: write 03:10, 03:10:30, 2h ago, yesterday 03:10, 2026-11-25 03:10 or RFC 3339")

// ParseTime reads a moment as people write it. now is the present; near is a moment of
// the recording, in the zone of times without one: a bare clock time such as 03:10 is
// the last one at or before near.
func ParseTime(s string, now, near time.Time) (time.Time, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return time.Time{}, errTime
	}
	if s == "now" {
		return now, nil
	}
	if ago, ok := strings.CutSuffix(s, "ago"); ok {
		return before(now, strings.TrimSpace(ago))
	}
	if ago, ok := strings.CutPrefix(s, "-"); ok {
		return before(now, ago)
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, s, near.Location()); err == nil {
			return t, nil
		}
	}
	day, clock, back := near, s, true
	for word, days := range map[string]int{"yesterday": -1, "today": 0} {
		if rest, ok := strings.CutPrefix(s, word); ok {
			day, clock, back = now.In(near.Location()).AddDate(0, 0, days), strings.TrimSpace(rest), false
		}
	}
	for _, layout := range []string{"15:04:05", "15:04"} {
		c, err := time.Parse(layout, clock)
		if err != nil {
			continue
		}
		t := time.Date(day.Year(), day.Month(), day.Day(), c.Hour(), c.Minute(), c.Second(), c.Nanosecond(), near.Location())
		if back && t.After(near) {
			t = time.Date(day.Year(), day.Month(), day.Day()-1, c.Hour(), c.Minute(), c.Second(), c.Nanosecond(), near.Location())
		}
		return t, nil
	}
	return time.Time{}, errTime
}

// before is now less a length such as 90s, 2h30m, 3d or "2 hours".
func before(now time.Time, s string) (time.Time, error) {
	d, err := ParseAge(s)
	if err != nil {
		return time.Time{}, errTime
	}
	return now.Add(-d), nil
}

// units are what ParseAge takes besides Go's.
var units = map[string]time.Duration{
	"s": time.Second, "sec": time.Second, "second": time.Second,
	"m": time.Minute, "min": time.Minute, "minute": time.Minute,
	"h": time.Hour, "hour": time.Hour,
	"d": 24 * time.Hour, "day": 24 * time.Hour, "w": 7 * 24 * time.Hour, "week": 7 * 24 * time.Hour,
}

// ParseAge reads a length of time: a Go duration, or a number of seconds, minutes,
// hours, days or weeks such as 7d or "2 hours".
func ParseAge(s string) (time.Duration, error) {
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return d, nil
	}
	digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
	n, err := strconv.ParseUint(s[:digits], 10, 32)
	word := strings.TrimSpace(s[digits:])
	unit, ok := units[word]
	if !ok {
		unit, ok = units[strings.TrimSuffix(word, "s")]
	}
	if err != nil || !ok || n > uint64(time.Duration(1<<63-1)/unit) {
		return 0, fmt.Errorf("%q is no length of time, such as 36h or 7d", s)
	}
	return time.Duration(n) * unit, nil
}
