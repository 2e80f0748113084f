package filter_test

import (
	"errors"
	"testing"

	"tcptop/internal/filter"
)

func TestField(t *testing.T) {
	for _, tc := range []struct {
		name, op, value string
		text, want      string
	}{
		{"port", "=", "22,443,8000-8100", "port=22,443,8000-8100", "https listener ssh timewait"},
		{"lport", "=", " 443 , 8080 ", "lport=443,8080", "https listener timewait"},
		{"addr", "=", "10.0.0.0/8,::1", "addr=10.0.0.0/8,::1", "https dns timewait"},
		{"comm", "~", "^(ssh|My App)$", `comm~"^(ssh|My App)$"`, "ssh leak"},
		{"comm", "!~", `"`, `comm!~"\""`, everyRow},
		{"comm", "=", "My App,and", `comm="My App","and"`, "leak"},
		{"user", "=", "ann", "user=ann", "ssh"},
		{"user", "=", "1000,www-data", "user=1000,www-data", "https listener ssh"},
		{"netns", "=", "4026531840", "netns=4026531840", "https"},
		{"pid", "in", "100,200", "pid in 100,200", "https listener ssh"},
		{"rtt", ">", "50ms", "rtt_us>50ms", "https"},
	} {
		f, err := filter.Field(columns(), tc.name, tc.op, tc.value)
		if err != nil {
			t.Errorf("%s %s %s: %v", tc.name, tc.op, tc.value, err)
			continue
		}
		if f.String() != tc.text || matching(f) != tc.want {
			t.Errorf("%s %s %s: %s matches %q, want %s, %q", tc.name, tc.op, tc.value, f, matching(f), tc.text, tc.want)
		}
		if again := parse(t, f.String()); again.String() != tc.text {
			t.Errorf("%s reads as %s", tc.text, again)
		}
	}
}

func TestPrefix(t *testing.T) {
	f, err := filter.Prefix(columns(), "unit", "docker,session-1.s")
	if err != nil {
		t.Fatal(err)
	}
	if want := `unit~"^(?:docker|session-1\\.s)"`; f.String() != want || matching(f) != "https listener ssh" {
		t.Errorf("%s matches %q", f, matching(f))
	}
	if again := parse(t, f.String()); matching(again) != matching(f) {
		t.Errorf("%s reads as %s", f, again)
	}
}

func TestFieldErrors(t *testing.T) {
	for _, tc := range []struct {
		name, op, value, msg, pointer string
	}{
		{"port", "=", "80,é,443", `"é" is no number for lport at column 4`, "80,é,443\n   ^"},
		{"port", "=", "80,", "value is missing at column 4", "80,\n   ^"},
		{"port", "=", "", "value is missing at column 1", "\n^"},
		{"comm", "~", "", "value is missing at column 1", "\n^"},
		{"comm", "~", "ssh (", "missing closing ) in regular expression at column 1", "ssh (\n^^^^^"},
		{"pid", "~", "1", "pid is a number, ~ is for text at column 1", "1\n^"},
		{"pid", "?", "12", `unknown operator "?" at column 1`, "12\n^^"},
		{"nope", "=", "12", `unknown field "nope" at column 1`, "12\n^^"},
	} {
		_, err := filter.Field(columns(), tc.name, tc.op, tc.value)
		var fe *filter.Error
		if !errors.As(err, &fe) || fe.Error() != tc.msg || fe.Pointer() != tc.pointer {
			t.Errorf("%s %s %q: %v\n%s", tc.name, tc.op, tc.value, err, fe.Pointer())
		}
	}
	if _, err := filter.Prefix(columns(), "pid", "1"); err == nil {
		t.Error("a number has no prefix")
	}
}
