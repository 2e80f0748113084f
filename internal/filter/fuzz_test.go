package filter_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"tcptop/internal/filter"
)

// FuzzParse holds for every source: no panic, an error lies within the source, and
// a filter's canonical form reads as an equal filter.
func FuzzParse(f *testing.F) {
	for _, src := range append(typical(), `comm~"a b" or (not "x\"y")`, "raddr in (::1, 10.0.0.1-10.0.0.9)", "日本=\x00\xff", "a&&b",
		"opened<=2026-01-02T03:04:05.6Z", "comm~[]a)]", "user=none,1 state!=null", "cc::1 proto:udp 1.2.3.4:5") {
		f.Add(src)
	}
	cols := columns()
	f.Fuzz(func(t *testing.T, src string) {
		parsed, err := filter.Parse(src, cols)
		if err != nil {
			checkError(t, err)
			return
		}
		text := parsed.String()
		again, err := filter.Parse(text, cols)
		if err != nil {
			if len(text) > filter.MaxSource {
				return // quotes made it longer
			}
			t.Fatalf("%q became %q: %v", src, text, err)
		}
		if again.String() != text || matching(again) != matching(parsed) {
			t.Fatalf("%q became %q, then %q", src, text, again)
		}
	})
}

// FuzzField holds the same for flags.
func FuzzField(f *testing.F) {
	f.Add("port", "=", "80,443-500")
	f.Add("comm", "~", "a (b|c) ")
	f.Add("addr", "in", "::1,10.0.0.0/8")
	f.Add("user", "!=", `or,"x`)
	cols := columns()
	f.Fuzz(func(t *testing.T, name, op, value string) {
		parsed, err := filter.Field(cols, name, op, value)
		if err != nil {
			checkError(t, err)
			return
		}
		again, err := filter.Parse(parsed.String(), cols)
		if err != nil {
			if len(parsed.String()) > filter.MaxSource {
				return
			}
			t.Fatalf("%q %q %q became %q: %v", name, op, value, parsed, err)
		}
		if matching(again) != matching(parsed) {
			t.Fatalf("%q %q %q became %q, which matches other rows", name, op, value, parsed)
		}
	})
}

func checkError(t *testing.T, err error) {
	t.Helper()
	var fe *filter.Error
	if !errors.As(err, &fe) {
		t.Fatalf("%T is no Error", err)
	}
	runes := utf8.RuneCountInString(fe.Src)
	if fe.Col < 1 || fe.Col > runes+1 || fe.Width < 1 || fe.Col+fe.Width > runes+2 {
		t.Fatalf("%v: column %d, width %d of %d characters", err, fe.Col, fe.Width, runes)
	}
	if lines := strings.Split(fe.Pointer(), "\n"); len(lines) != 2 || strings.Trim(lines[1], " ") != strings.Repeat("^", strings.Count(lines[1], "^")) {
		t.Fatalf("pointer %q", fe.Pointer())
	}
	if strings.ContainsAny(err.Error()+fe.Hint, "\n\x1b") {
		t.Fatalf("message %q", err)
	}
}
