package tui

import (
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/width"
)

const hexDigits = "0123456789abcdef"

// maxText is how many bytes of outside text one cell of the screen looks at.
const maxText = 1024

// appendSafe appends s for a terminal, so that the screen and the terminal agree
// on how many cells each character takes. What does not print becomes \xNN byte
// by byte; what combines with its neighbours or runs right to left, \u{N}. Of a
// long text the middle is left out.
func appendSafe(dst, s []byte, ascii bool) []byte {
	if len(s) > maxText {
		head, tail := s[:maxText/2], s[len(s)-maxText/2:]
		for len(tail) > 0 && !utf8.RuneStart(tail[0]) {
			tail = tail[1:]
		}
		dst = appendSafe(dst, head, ascii)
		dst = append(dst, ellipsis(ascii)...)
		return appendSafe(dst, tail, ascii)
	}
	plain := true
	for _, b := range s {
		plain = plain && ' ' <= b && b <= '~'
	}
	if plain {
		return append(dst, s...)
	}
	if !ascii && utf8.Valid(s) {
		s = norm.NFC.Bytes(s)
	}
	for len(s) > 0 {
		r, size := utf8.DecodeRune(s)
		dst = appendRune(dst, r, s[:size], ascii)
		s = s[size:]
	}
	return dst
}

func appendRune(dst []byte, r rune, raw []byte, ascii bool) []byte {
	switch {
	case ' ' <= r && r <= '~', !ascii && cells(r) > 0 && len(raw) > 1:
		return append(dst, raw...)
	case len(raw) > 1 && unicode.IsPrint(r):
		dst = append(dst, `\u{`...)
		started := false
		for shift := 20; shift >= 0; shift -= 4 {
			d := r >> shift & 15
			if started = started || d != 0 || shift == 0; started {
				dst = append(dst, hexDigits[d])
			}
		}
		return append(dst, '}')
	}
	for _, b := range raw {
		dst = append(dst, '\\', 'x', hexDigits[b>>4], hexDigits[b&15])
	}
	return dst
}

// scripts are those whose letters stand alone, left to right, in a known number
// of cells.
func standsAlone(r rune) bool {
	return unicode.In(r, unicode.Latin, unicode.Greek, unicode.Cyrillic, unicode.Armenian, unicode.Georgian,
		unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Bopomofo) ||
		0xac00 <= r && r <= 0xd7a3 // composed Hangul
}

// cells is how many screen cells r takes; 0 is none or not sure.
func cells(r rune) int {
	switch {
	case r < ' ' || r == utf8.RuneError:
		return 0
	case r <= '~':
		return 1
	case !unicode.IsPrint(r) || unicode.Is(unicode.M, r):
		return 0
	case 0x1f1e6 <= r && r <= 0x1f1ff, 0x1f3fb <= r && r <= 0x1f3ff: // join with their neighbours
		return 0
	case unicode.In(r, unicode.L, unicode.Nl, unicode.No) && !standsAlone(r) && !unicode.Is(unicode.Common, r):
		return 0
	case unicode.Is(unicode.Nd, r) && !unicode.Is(unicode.Common, r):
		return 0
	case unicode.Is(unicode.P, r) && !unicode.Is(unicode.Common, r):
		return 0
	}
	n := 1
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		n = 2
	}
	if n == 1 && (r < 0x1100 || 0x2500 <= r && r < 0x25a0 || 0x2800 <= r && r < 0x2900) {
		return 1 // below the first wide one, lines and braille: nobody differs
	}
	// Unicode's versions disagree on some, and so do terminals.
	if s := string(r); ansi.StringWidth(s) != n || ansi.StringWidthWc(s) != n {
		return 0
	}
	return n
}

// textWidth is how many cells safe text takes.
func textWidth(s []byte) int {
	n := 0
	for i := 0; i < len(s); {
		if s[i] < utf8.RuneSelf {
			n++
			i++
			continue
		}
		r, size := utf8.DecodeRune(s[i:])
		n += max(cells(r), 1)
		i += size
	}
	return n
}

// headOf is the longest start of safe text that fits w cells, and its width.
func headOf(s []byte, w int) ([]byte, int) {
	n := 0
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRune(s[i:])
		c := max(cells(r), 1)
		if n+c > w {
			return s[:i], n
		}
		n += c
		i += size
	}
	return s, n
}

// tailOf is the longest end of safe text that fits w cells.
func tailOf(s []byte, w int) []byte {
	n := 0
	for i := len(s); i > 0; {
		r, size := utf8.DecodeLastRune(s[:i])
		c := max(cells(r), 1)
		if n+c > w {
			return s[i:]
		}
		n += c
		i -= size
	}
	return s
}

func ellipsis(ascii bool) string {
	if ascii {
		return "~"
	}
	return "…"
}

// trimMiddle cuts safe text from position from on to w cells, leaving out its middle.
func trimMiddle(dst []byte, from, w int, ascii bool) []byte {
	if len(dst)-from <= w || textWidth(dst[from:]) <= w {
		return dst
	}
	if w <= 1 {
		return append(dst[:from], ellipsis(ascii)[:min(w, len(ellipsis(ascii)))*len(ellipsis(ascii))]...)
	}
	tail := tailOf(dst[from:], (w-1)/2)
	head, _ := headOf(dst[from:], w-1-textWidth(tail))
	// tail lies behind head in the same array: the ellipsis may overlap it.
	kept := append([]byte(nil), tail...)
	dst = append(dst[:from+len(head)], ellipsis(ascii)...)
	return append(dst, kept...)
}
