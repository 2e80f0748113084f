package kernel

import (
	"encoding/csv"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"tcptop/internal/output"
	"tcptop/internal/testkit"
)

// TestHostileComm has processes with names that attack what shows them.
func TestHostileComm(t *testing.T) {
	for _, comm := range []string{
		"\x1b[31mred\x1b[0m", "\x1b]0;title\a", "two\nlines", "cr\rback", "a,b;c", `say "hi"`, "=1+1", "-2", "\ttab",
		"\xff\xfe\x80raw", "caf\xc3", "\u202egnp.exe", "\u0085next", "\x7f\b\b", `back\slash`, "[CLOSED]", " ", "null",
	} {
		t.Run(strconv.Quote(comm), func(t *testing.T) {
			t.Parallel()
			ns := testkit.NetNS(t)
			load := testkit.Start(t, ns, "bulk", "-n", "1", "-max", "10", "-hold", "-comm", comm)
			load.Ready()
			args := append([]string{"-n", "1", "-d", "100ms", "--fields", "pid,comm,cmdline,exe"}, netns(ns)...)
			pid := strconv.Itoa(load.PID())
			for format, check := range map[string]func(t *testing.T, lines []byte, pid, comm string) error{
				"jsonl": commInJSON, "csv": commInCSV, "text": commInText,
			} {
				lines, _ := output1(t, append(args, "-o", format)...)
				if err := check(t, lines, pid, comm); err != nil {
					t.Errorf("%s: %v", format, err)
				}
			}
			load.Finish()
		})
	}
}

// clean requires valid UTF-8 without a control byte but newline.
func clean(text string) error {
	if !utf8.ValidString(text) {
		return errors.New("not valid UTF-8")
	}
	if i := strings.IndexFunc(text, func(r rune) bool {
		return r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 || r == '\u202e'
	}); i >= 0 {
		return fmt.Errorf("a control character: %q", text[i:])
	}
	return nil
}

func commInJSON(t *testing.T, lines []byte, pid, comm string) error {
	var want strings.Builder // as encoding/json reads it: each invalid byte is U+FFFD
	for _, r := range comm {
		want.WriteRune(r)
	}
	rows := parse(t, lines)
	for _, r := range rows {
		if r["comm"] != want.String() || r["pid"] != pid {
			return fmt.Errorf("pid %s, comm %q", r["pid"], r["comm"])
		}
	}
	if len(rows) < 2 {
		return fmt.Errorf("%d rows", len(rows))
	}
	return clean(string(lines))
}

func commInCSV(_ *testing.T, lines []byte, pid, comm string) error {
	want := string(output.AppendVisible(nil, []byte(comm)))
	rows, err := csv.NewReader(strings.NewReader(string(lines))).ReadAll()
	if err != nil {
		return err
	}
	for _, r := range rows[1:] {
		// A quotation mark in front says text, for what a spreadsheet would evaluate.
		if got := strings.TrimPrefix(r[1], "'"); got != want || r[0] != pid {
			return fmt.Errorf("pid %s, comm %q, want %q", r[0], r[1], want)
		}
	}
	if len(rows) < 3 {
		return fmt.Errorf("%d lines", len(rows))
	}
	return clean(string(lines))
}

func commInText(_ *testing.T, lines []byte, pid, comm string) error {
	want := string(output.AppendVisible(nil, []byte(comm)))
	rows := strings.Split(strings.TrimSuffix(string(lines), "\n"), "\n")
	for _, r := range rows[1:] {
		if _, rest, found := strings.Cut(r, pid+" "); !found || !strings.HasPrefix(rest, want) {
			return fmt.Errorf("line %q, want %s %s", r, pid, want)
		}
	}
	if len(rows) < 3 {
		return fmt.Errorf("%d lines", len(rows))
	}
	return clean(string(lines))
}
