package cli

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"tcptop/internal/column"
)

// The types below are flag values (pflag.Value).

// seconds is a Go duration or a number of seconds, not less than shortest.
type seconds time.Duration

const shortest = 100 * time.Millisecond

func (v *seconds) Type() string   { return "time" }
func (v *seconds) String() string { return time.Duration(*v).String() }

func (v *seconds) Set(s string) error {
	d, err := time.ParseDuration(s)
	if err != nil {
		d, err = time.ParseDuration(s + "s")
	}
	if err != nil {
		return errors.New("not a duration, such as 1s, 500ms or 2" + meantTime(s, "ms", "s", "m", "h"))
	}
	if d < shortest {
		return fmt.Errorf("less than %v", shortest)
	}
	*v = seconds(d)
	return nil
}

// rotation is a size, an age or both, separated by a comma: 100M, 24h, 1G,7d.
type rotation struct {
	size int64         // bytes
	age  time.Duration // 0 is not given
}

func (v *rotation) Type() string { return "size|age" }

func (v *rotation) String() string {
	var parts []string
	if v.size > 0 {
		parts = append(parts, strconv.FormatInt(v.size, 10))
	}
	if v.age > 0 {
		parts = append(parts, v.age.String())
	}
	return strings.Join(parts, ",")
}

func (v *rotation) Set(s string) error {
	*v = rotation{}
	for part := range strings.SplitSeq(s, ",") {
		part = strings.TrimSpace(part)
		size, isSize := parseSize(part)
		age, isAge := parseAge(part)
		switch {
		case isSize && v.size == 0 && size >= 1<<10:
			v.size = size
		case isAge && v.age == 0 && age >= time.Second:
			v.age = age
		case isSize && v.size == 0, isAge && v.age == 0:
			return fmt.Errorf("%s is too little", part)
		default:
			return errors.New("neither a size, such as 100M, nor an age, such as 24h, nor one of each" + meantTime(part, "s", "m", "h", "d", "w"))
		}
	}
	return nil
}

// parseSize reads bytes: digits and one of k M G (1000) Ki Mi Gi (1024).
func parseSize(s string) (int64, bool) {
	digits := strings.TrimRight(s, "kKMGi")
	unit, known := map[string]int64{"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}[s[len(digits):]]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || !known || n < 0 || n > math.MaxInt64/unit {
		return 0, false
	}
	return n * unit, true
}

// parseAge reads a Go duration, or days or weeks: 7d, 2w. A bare number is none.
func parseAge(s string) (time.Duration, bool) {
	unit := 24 * time.Hour
	digits, found := strings.CutSuffix(s, "d")
	if !found {
		digits, found = strings.CutSuffix(s, "w")
		unit *= 7
	}
	if n, err := strconv.ParseUint(digits, 10, 16); found && err == nil {
		return time.Duration(n) * unit, true
	}
	d, err := time.ParseDuration(s)
	return d, err == nil && d > 0
}

// positive is a number from 1 up; 0 is not given.
type positive int

func (v *positive) Type() string { return "n" }

func (v *positive) String() string {
	if *v == 0 {
		return ""
	}
	return strconv.Itoa(int(*v))
}

func (v *positive) Set(s string) error {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil || n == 0 {
		return errors.New("not a number from 1 up")
	}
	*v = positive(n)
	return nil
}

// history is how much of the past to keep: 0 or a length of time, a second at least.
type history time.Duration

func (v *history) Type() string { return "time" }
func (v *history) String() string {
	s := time.Duration(*v).String()
	if short, found := strings.CutSuffix(s, "m0s"); found {
		return short + "m"
	}
	return s
}

func (v *history) Set(s string) error {
	d, ok := parseAge(s)
	switch {
	case s == "0" || s == "0s":
		d = 0
	case !ok:
		return errors.New("not a length of time, such as 10m or 2h")
	case d < time.Second:
		return errors.New("less than a second")
	}
	*v = history(d)
	return nil
}

// choice is one word of a fixed set.
type choice struct {
	word string
	of   []string
}

func (v *choice) Type() string   { return strings.Join(v.of, "|") }
func (v *choice) String() string { return v.word }

func (v *choice) Set(s string) error {
	if !slices.Contains(v.of, s) {
		msg := "not one of " + strings.Join(v.of, ", ")
		near := column.Nearest(s, v.of)
		if i := slices.IndexFunc(v.of, func(of string) bool {
			return len(s) > 1 && strings.HasPrefix(of, s[:2]) && max(len(of)-len(s), len(s)-len(of)) < 2
		}); near == "" && i >= 0 {
			near = v.of[i] // of few words, one that begins so and is as long is near enough
		}
		if near != "" {
			msg += "; did you mean " + near + "?"
		}
		return errors.New(msg)
	}
	v.word = s
	return nil
}

// bytesValue is a number of bytes, leastSize at least.
type bytesValue int64

func (v *bytesValue) Type() string { return "size" }

func (v *bytesValue) String() string {
	for _, u := range []struct {
		unit int64
		name string
	}{{1e9, "G"}, {1 << 30, "Gi"}, {1e6, "M"}, {1 << 20, "Mi"}, {1e3, "k"}, {1 << 10, "Ki"}} {
		if n := int64(*v); n >= u.unit && n%u.unit == 0 {
			return strconv.FormatInt(n/u.unit, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(*v), 10)
}

func (v *bytesValue) Set(s string) error {
	n, ok := parseSize(s)
	switch {
	case !ok:
		return errors.New("not a size, such as 500M or 10G")
	case n < leastSize:
		return errors.New("less than 1Mi")
	}
	*v = bytesValue(n)
	return nil
}

// ageValue is a length of time, a minute at least.
type ageValue time.Duration

func (v *ageValue) Type() string { return "age" }

func (v *ageValue) String() string {
	d := time.Duration(*v)
	if day := 24 * time.Hour; d >= day && d%day == 0 {
		return strconv.Itoa(int(d/day)) + "d"
	}
	return d.String()
}

func (v *ageValue) Set(s string) error {
	d, ok := parseAge(s)
	switch {
	case !ok:
		return errors.New("not an age, such as 36h or 7d" + meantTime(s, "m", "h", "d", "w"))
	case d < time.Minute:
		return errors.New("less than a minute")
	}
	*v = ageValue(d)
	return nil
}
