package output

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestAppendVisible(t *testing.T) {
	for in, want := range map[string]string{
		"":                "",
		"plain name":      "plain name",
		"\x1b[31mred":     `\x1b[31mred`,
		"a\nb":            `a\x0ab`,
		"\x00\x7f":        `\x00\x7f`,
		"\xff":            `\xff`,
		"\xe2\x82":        `\xe2\x82`,
		"\u202eexe":       `\xe2\x80\xaeexe`,
		"\u00a0":          `\xc2\xa0`,
		"ünïcode":         "ünïcode",
		"\ufffd":          "\ufffd",
		`back\slash"":\n`: `back\slash"":\n`,
	} {
		if got := string(AppendVisible(nil, []byte(in))); got != want {
			t.Errorf("AppendVisible(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestAppendJSON(t *testing.T) {
	for in, want := range map[string]string{
		"":             `""`,
		`a"b\c`:        `"a\"b\\c"`,
		"\x1b\n\x7f":   `"\u001b\u000a\u007f"`,
		"\u0085":       `"\u0085"`,
		"\u2028\u2029": `"\u2028\u2029"`,
		"\u202e":       `"\u202e"`,
		"\U000e0041":   `"\udb40\udc41"`,
		"a\xffb\xc3":   "\"a\ufffdb\ufffd\"",
		"日本 </script>": `"日本 </script>"`,
	} {
		if got := string(AppendJSON(nil, []byte(in))); got != want {
			t.Errorf("AppendJSON(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestAppendCSV(t *testing.T) {
	for in, want := range map[string]string{
		"":           "",
		"plain name": "plain name",
		"a,b":        `"a,b"`,
		"a;b":        `"a;b"`,
		`"`:          `""""`,
		"a\r\nb":     `a\x0d\x0ab`,
		"=1+1":       "'=1+1",
		`=A1,"x"`:    `"'=A1,""x"""`,
		"\t=1":       `'\x09=1`,
		"  @f":       "'  @f",
		"a=b":        "a=b",
	} {
		if got := string(AppendCSV(nil, []byte(in))); got != want {
			t.Errorf("AppendCSV(%q) = %s, want %s", in, got, want)
		}
	}
}

// FuzzEscape checks what every reader relies on, for any bytes.
func FuzzEscape(f *testing.F) {
	for _, s := range hostile {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		shown := string(AppendVisible(nil, in))
		for i, r := range shown {
			if _, size := utf8.DecodeRuneInString(shown[i:]); !printable(r, size) {
				t.Fatalf("%q on a terminal: %q", in, shown)
			}
		}
		var text string
		if err := json.Unmarshal(AppendJSON(nil, in), &text); err != nil {
			t.Fatalf("%q as JSON: %v", in, err)
		}
		if want := string([]rune(string(in))); text != want {
			t.Fatalf("%q as JSON came back as %q", in, text)
		}
		line := append(AppendCSV([]byte("1,"), in), ",2\n"...)
		records, err := csv.NewReader(bytes.NewReader(line)).ReadAll()
		if err != nil || len(records) != 1 || len(records[0]) != 3 {
			t.Fatalf("%q as CSV: %q, %v", in, records, err)
		}
		if got := strings.TrimPrefix(records[0][1], "'"); got != strings.TrimPrefix(shown, "'") {
			t.Fatalf("%q as CSV came back as %q, want %q", in, got, shown)
		}
	})
}
