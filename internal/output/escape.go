package output

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// AppendVisible appends s to dst for a terminal: every byte of what does not
// print (control characters, invalid UTF-8, bidirectional overrides, separators
// other than a space) becomes \xNN, so that s can neither move the cursor nor
// end the line.
func AppendVisible(dst, s []byte) []byte {
	for len(s) > 0 {
		n := plainPrefix(s)
		dst = append(dst, s[:n]...)
		s = s[n:]
		if len(s) == 0 {
			break
		}
		r, size := utf8.DecodeRune(s)
		if printable(r, size) {
			dst = append(dst, s[:size]...)
		} else {
			for _, b := range s[:size] {
				dst = append(dst, '\\', 'x', hexDigits[b>>4], hexDigits[b&15])
			}
		}
		s = s[size:]
	}
	return dst
}

// AppendCSV appends s as one CSV cell: made visible as for a terminal, marked as
// text where a spreadsheet would take it for a formula, quoted where needed.
func AppendCSV(dst, s []byte) []byte {
	// A semicolon separates cells in some locales' spreadsheets.
	quoted := bytes.ContainsAny(s, "\",;")
	if quoted {
		dst = append(dst, '"')
	}
	if isFormula(s) {
		dst = append(dst, '\'')
	}
	for {
		before, after, found := bytes.Cut(s, []byte{'"'})
		dst = AppendVisible(dst, before)
		if !found {
			break
		}
		dst = append(dst, '"', '"')
		s = after
	}
	if quoted {
		dst = append(dst, '"')
	}
	return dst
}

// isFormula reports whether a spreadsheet may evaluate s: it begins, spaces
// aside, with an operator, in ASCII or full width, or with a tab or a return.
func isFormula(s []byte) bool {
	s = bytes.TrimLeft(s, " ")
	r, _ := utf8.DecodeRune(s)
	switch r {
	case '=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠':
		return true
	}
	return false
}

// AppendJSON appends s as a JSON string. What does not print is escaped, so the
// line is safe on a terminal too; invalid UTF-8 becomes U+FFFD.
func AppendJSON(dst, s []byte) []byte {
	dst = append(dst, '"')
	for len(s) > 0 {
		n := plainPrefix(s)
		dst = append(dst, s[:n]...)
		s = s[n:]
		if len(s) == 0 {
			break
		}
		r, size := utf8.DecodeRune(s)
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case printable(r, size):
			dst = append(dst, s[:size]...)
		case r == utf8.RuneError:
			dst = utf8.AppendRune(dst, utf8.RuneError)
		default:
			dst = appendUnicode(dst, r)
		}
		s = s[size:]
	}
	return append(dst, '"')
}

// appendUnicode appends r as \uNNNN, beyond the basic plane as a surrogate pair.
func appendUnicode(dst []byte, r rune) []byte {
	if r > 0xffff {
		r -= 0x10000
		dst = appendUnicode(dst, 0xd800+r>>10)
		r = 0xdc00 + r&0x3ff
	}
	return append(dst, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}

// plainPrefix is the length of the leading part of s that no format escapes:
// ASCII that prints, but for quote and backslash.
func plainPrefix(s []byte) int {
	for i, b := range s {
		if b < ' ' || b > '~' || b == '"' || b == '\\' {
			return i
		}
	}
	return len(s)
}

func printable(r rune, size int) bool {
	return !(r == utf8.RuneError && size == 1) && unicode.IsPrint(r)
}
