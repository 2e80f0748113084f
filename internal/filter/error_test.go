package filter_test

import (
	"errors"
	"strings"
	"testing"

	"tcptop/internal/filter"
)

func TestErrors(t *testing.T) {
	for _, tc := range []struct {
		src, pointer, msg, hint string
	}{
		{"rport=443 and rt>50ms", "              ^^", `unknown field "rt" at column 15`, "did you mean rtt_us?"},
		{"prot:udp", "^^^^", `unknown field "prot" at column 1`, "did you mean proto?"},
		{"Rtt>5", "^^^", `unknown field "Rtt" at column 1`, "did you mean rtt_us?"},
		{"zzzzzz=5", "^^^^^^", `unknown field "zzzzzz" at column 1`, "put text to search for in quotes"},
		{"rtt~x", "   ^", "rtt_us is a number, ~ is for text at column 4", "use = != < <= > >= or in"},
		{"opened !~ x", "       ^^", "opened is a time, !~ is for text at column 8", "use = != < <= > >= or in"},
		{"state<listen", "     ^", "state is text and has no order at column 6", "use = != ~ !~ or in"},
		{"raddr >= 10.0.0.1", "      ^^", "raddr is an address and has no order at column 7", "use = != ~ !~ or in"},
		{"partial>true", "       ^", "partial is true or false, > is not for it at column 8", "use =true or =false"},
		{"partial=maybe", "        ^^^^^", `"maybe" is neither true nor false at column 9`, ""},
		{"state=foo", "      ^^^", `"foo" is no state at column 7`, "one of established syn-sent syn-recv fin-wait-1 fin-wait-2 time-wait closed close-wait last-ack listen closing"},
		{"state=listen,estab", "             ^^^^^", `"estab" is no state at column 14`, "did you mean established?"},
		{"proto=TCP", "      ^^^", `"TCP" is no proto at column 7`, "did you mean tcp?"},
		{"port=80,70000", "        ^^^^^", "70000 is not within 0 and 65535 at column 9", ""},
		{"port=http", "     ^^^^", `"http" is no number for lport at column 6`, "digits only"},
		{"port=443-80", "     ^^^^^^", `range "443-80" runs backwards at column 6`, ""},
		{"port<80-90", "     ^^^^^", "< takes one value, not a range at column 6", "ranges are for = != and in"},
		{"rtt<5,6", "     ^", "< takes one value at column 6", "lists are for = != and in"},
		{"rtt>50msec", "    ^^^^^^", `"50msec" is no number for rtt_us at column 5`, "digits, then nothing for µs or one of us ms s m h"},
		{"rtt>-5", "    ^^", `"" is no number for rtt_us at column 5`, "digits, then nothing for µs or one of us ms s m h"},
		{"rtt>1.0005ms", "    ^^^^^^^^", "1.0005ms is not a whole number of µs at column 5", ""},
		{"rtt>null", "    ^^^^", "null is neither more nor less than a number at column 5", ""},
		{"rate>1T", "     ^^", `"1T" is no number for rate at column 6`, "digits, then nothing for bytes/s or one of k M G Ki Mi Gi"},
		{"rate>99999999999G", "     ^^^^^^^^^^^^", "99999999999G is too large at column 6", ""},
		{"raddr in 10.0.0", "         ^^^^^^", `"10.0.0" is no address at column 10`, "such as 10.0.0.7, 10.0.0.0/8, 10.0.0.1-10.0.0.9 or 2001:db8::/32"},
		{"opened>now", "       ^^^", `"now" is no time at column 8`, "such as 2026-01-31 or 2026-01-31T12:00:00Z"},
		{"comm~a(b", "     ^^^", "missing closing ) in regular expression at column 6", ""},
		{"comm~x*[b-a]", "        ^^^", "invalid character class range in regular expression at column 9", ""},
		{"comm~" + strings.Repeat("x{999}", 12), "     " + strings.Repeat("^", 71), "regular expression is too large at column 6", ""},
		{"comm=", "     ^", "= needs a value at column 6", ""},
		{"state=listen,", "             ^", "= needs a value at column 14", ""},
		{"comm= and x", "      ^^^", "= needs a value at column 7", ""},
		{`comm="abc`, "     ^", "quote is not closed at column 6", ""},
		{`""`, "^^", "nothing to look for at column 1", ""},
		{"(a or b", "^", `"(" is not closed at column 1`, ""},
		{"a) b", " ^", `")" without its "(" at column 2`, ""},
		{"state in (listen", "         ^", `"(" is not closed at column 10`, ""},
		{"a and", "     ^", "filter ends where a field or word should follow at column 6", ""},
		{"a and or b", "      ^^", `nothing for "or" to join at column 7`, ""},
		{"AND a", "^^^", `nothing for "and" to join at column 1`, ""},
		{"not", "   ^", "filter ends where a field or word should follow at column 4", ""},
		{"()", " ^", `unexpected ")" at column 2`, ""},
		{"a && b", "  ^^", `unexpected "&&" at column 3`, "write and"},
		{"!comm=a", "^", `unexpected "!" at column 1`, "write not"},
		{"a,b", " ^", `unexpected "," at column 2`, ""},
		{"=5", "^", `unexpected "=" at column 1`, ""},
		{"日本 rtt~x", "        ^", "rtt_us is a number, ~ is for text at column 7", "use = != < <= > >= or in"},
		{"é\trtt~x", "     ^", "rtt_us is a number, ~ is for text at column 6", "use = != < <= > >= or in"},
		{"e\u0301 rtt~x", "     ^", "rtt_us is a number, ~ is for text at column 7", "use = != < <= > >= or in"},
		{"\x1b[2J rtt~x", "        ^", "rtt_us is a number, ~ is for text at column 9", "use = != < <= > >= or in"},
	} {
		_, err := filter.Parse(tc.src, columns())
		var fe *filter.Error
		if !errors.As(err, &fe) {
			t.Errorf("%s: %v, want an Error", tc.src, err)
			continue
		}
		_, carets, _ := strings.Cut(fe.Pointer(), "\n")
		if fe.Error() != tc.msg || fe.Hint != tc.hint || carets != tc.pointer {
			t.Errorf("%s\n%s\n%s (hint %q)\nwant\n%s\n%s (hint %q)", tc.src, fe.Pointer(), fe, fe.Hint, tc.pointer, tc.msg, tc.hint)
		}
	}
}

func TestPointer(t *testing.T) {
	for _, tc := range []struct{ name, src, want string }{
		{"control characters are replaced", "a\x1b[2J\tb\u202e &&", "a\ufffd[2J b\ufffd &&\n         ^^"},
		{"bytes that are no text are replaced", "\xff\xfe &&", "\ufffd\ufffd &&\n   ^^"},
		{"the start of a long source is cut", strings.Repeat("x ", 100) + "&&", "…" + strings.Repeat("x ", 25) + "&&\n" + strings.Repeat(" ", 51) + "^^"},
		{"the rest of a long source is cut", "&& " + strings.Repeat("x ", 100), "&& " + strings.Repeat("x ", 36) + "x…\n^^"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := filter.Parse(tc.src, columns())
			var fe *filter.Error
			if !errors.As(err, &fe) {
				t.Fatalf("%v, want an Error", err)
			}
			if got := fe.Pointer(); got != tc.want {
				t.Errorf("got\n%s\nwant\n%s", got, tc.want)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	for _, tc := range []struct {
		name, src, msg string
	}{
		{"length", strings.Repeat("é", filter.MaxSource), "filter is longer than 4096 bytes at column 2049"},
		{"parentheses", strings.Repeat("(", 2000) + "a", "nested deeper than 64 at column 66"},
		{"not", strings.Repeat("not ", 1000) + "a", "nested deeper than 64 at column 261"},
	} {
		if _, err := filter.Parse(tc.src, columns()); err == nil || err.Error() != tc.msg {
			t.Errorf("%s: %v, want %s", tc.name, err, tc.msg)
		}
	}
	deep := strings.Repeat("(", filter.MaxDepth) + "ssh" + strings.Repeat(")", filter.MaxDepth)
	if got := matching(parse(t, deep)); got != "ssh" {
		t.Errorf("%d parentheses match %q", filter.MaxDepth, got)
	}
	long := strings.Repeat("a ", filter.MaxSource/2)
	parse(t, long)
}
