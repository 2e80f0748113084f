package filter

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"tcptop/internal/column"
)

// span is a range of whole numbers, both ends included.
type span struct{ from, to int64 }

// spans turns an operator and its values into the ranges that they allow.
func (p *parser) spans(c *column.Column, o op, items []item) ([]span, *Error) {
	all := make([]span, 0, len(items))
	for _, it := range items {
		s, err := p.span(c, it)
		if err != nil {
			return nil, err
		}
		if isRange := s.from != s.to && c.Kind != column.Time; isRange && !o.list() {
			return nil, p.errorIn(it, fmt.Sprintf("%s takes one value, not a range", o)).hint("ranges are for = != and in")
		}
		switch o {
		case opLess:
			s = span{math.MinInt64, s.from - 1}
		case opLessEqual:
			s = span{math.MinInt64, s.to}
		case opGreater:
			s = span{s.to + 1, math.MaxInt64}
		case opGreaterEqual:
			s = span{s.from, math.MaxInt64}
		}
		all = append(all, s)
	}
	return all, nil
}

func (p *parser) span(c *column.Column, it item) (span, *Error) {
	switch c.Kind {
	case column.Time:
		return p.moment(it)
	case column.Bool:
		switch it.text {
		case "true":
			return span{1, 1}, nil
		case "false":
			return span{0, 0}, nil
		}
		return span{}, p.errorIn(it, fmt.Sprintf("%q is neither true nor false", it.text))
	}
	low, high, isRange := strings.Cut(it.text, "-")
	from, err := p.number(c, it, low)
	if err != nil || !isRange {
		return span{from, from}, err
	}
	to, err := p.number(c, it, high)
	if err == nil && from > to {
		err = p.errorIn(it, fmt.Sprintf("range %q runs backwards", it.text))
	}
	return span{from, to}, err
}

// moment is the time that it names, as long as its last digit is: a day, a second
// or, with a fraction, the millisecond that times are printed to.
func (p *parser) moment(it item) (span, *Error) {
	step := 24 * time.Hour
	t, err := time.Parse(time.DateOnly, it.text)
	if err != nil {
		t, err = time.Parse(time.RFC3339, it.text)
		step = time.Second
		if strings.Contains(it.text, ".") {
			step = time.Millisecond
		}
	}
	if err != nil || t.Year() < 1970 || t.Year() > 2200 {
		return span{}, p.errorIn(it, fmt.Sprintf("%q is no time", it.text)).hint("such as 2026-01-31 or 2026-01-31T12:00:00Z")
	}
	from := t.Truncate(step).UnixNano()
	return span{from, from + int64(step) - 1}, nil
}

// unit is what a suffix multiplies by.
type unit struct {
	suffix   string
	num, den uint64
}

func unitsOf(k column.Kind) []unit {
	switch k {
	case column.Micros:
		return []unit{{"us", 1, 1}, {"µs", 1, 1}, {"ms", 1e3, 1}, {"s", 1e6, 1}, {"m", 60e6, 1}, {"h", 3600e6, 1}}
	case column.Millis:
		return []unit{{"us", 1, 1e3}, {"µs", 1, 1e3}, {"ms", 1, 1}, {"s", 1e3, 1}, {"m", 60e3, 1}, {"h", 3600e3, 1}}
	case column.Count, column.Bytes, column.Rate:
		return []unit{{"k", 1e3, 1}, {"M", 1e6, 1}, {"G", 1e9, 1}, {"Ki", 1 << 10, 1}, {"Mi", 1 << 20, 1}, {"Gi", 1 << 30, 1}}
	}
	return nil
}

// number reads text, part of it, as a value of c in c's unit.
func (p *parser) number(c *column.Column, it item, text string) (int64, *Error) {
	end := strings.TrimLeft(text, "0123456789.")
	digits, u := strings.TrimSuffix(text, end), unit{num: 1, den: 1}
	if end != "" {
		found := false
		for _, known := range unitsOf(c.Kind) {
			if known.suffix == end {
				u, found = known, true
			}
		}
		if !found || digits == "" {
			return 0, p.badNumber(c, it, text)
		}
	}
	whole, fraction, _ := strings.Cut(digits, ".")
	if len(fraction) > 12 {
		return 0, p.badNumber(c, it, text)
	}
	n, err := strconv.ParseUint(whole+fraction, 10, 64)
	if err != nil || whole == "" {
		return 0, p.badNumber(c, it, text)
	}
	for range fraction {
		u.den *= 10
	}
	return p.scaled(c, it, text, n, u)
}

func (p *parser) scaled(c *column.Column, it item, text string, n uint64, u unit) (int64, *Error) {
	high, low := bits.Mul64(n, u.num)
	if high >= u.den {
		return 0, p.errorIn(it, fmt.Sprintf("%s is too large", text))
	}
	value, rest := bits.Div64(high, low, u.den)
	largest := uint64(math.MaxInt64 - 1) // leaves room for the one that > adds
	if c.Max > 0 {
		largest = uint64(c.Max)
	}
	switch {
	case value > largest && c.Max > 0:
		return 0, p.errorIn(it, fmt.Sprintf("%s is not within 0 and %d", text, c.Max))
	case value > largest:
		return 0, p.errorIn(it, fmt.Sprintf("%s is too large", text))
	case rest != 0:
		return 0, p.errorIn(it, fmt.Sprintf("%s is not a whole number of %s", text, unitName(c)))
	}
	return int64(value), nil
}

func unitName(c *column.Column) string {
	if c.Unit == "" {
		return c.Name
	}
	return c.Unit
}

func (p *parser) badNumber(c *column.Column, it item, text string) *Error {
	e := p.errorIn(it, fmt.Sprintf("%q is no number for %s", text, c.Name))
	var suffixes []string
	for _, u := range unitsOf(c.Kind) {
		if u.suffix != "µs" {
			suffixes = append(suffixes, u.suffix)
		}
	}
	if suffixes == nil {
		return e.hint("digits only")
	}
	return e.hint("digits, then nothing for %s or one of %s", unitName(c), strings.Join(suffixes, " "))
}
