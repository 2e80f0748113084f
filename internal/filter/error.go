package filter

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// Error is what is wrong with a filter and where.
type Error struct {
	Src   string // the filter
	Col   int    // where it starts, in characters from 1; one past the last at the end
	Width int    // how many characters are meant, at least 1
	Msg   string
	Hint  string // what may have been meant; "" for none
}

func (e *Error) Error() string { return fmt.Sprintf("%s at column %d", e.Msg, e.Col) }

// pointerWidth is how much of a long source Pointer shows, in screen cells.
const pointerWidth = 76

// Pointer returns two lines: the source, with everything that a terminal would
// obey replaced, and carets under the part that is meant. A long source is cut
// around that part.
func (e *Error) Pointer() string {
	var line, carets strings.Builder
	runes := []rune(e.Src)
	first := e.firstShown(runes)
	if first > 0 {
		line.WriteRune('…')
		carets.WriteByte(' ')
	}
	cells, marked := 0, 0
	for i := first; i < len(runes); i++ {
		shown, w := printable(runes[i])
		if cells+w > pointerWidth {
			line.WriteRune('…')
			break
		}
		line.WriteRune(shown)
		cells += w
		mark := byte(' ')
		if i+1 >= e.Col && i+1 < e.Col+e.Width {
			mark = '^'
			marked += w
		}
		for range w {
			carets.WriteByte(mark)
		}
	}
	if marked == 0 {
		carets.WriteByte('^')
	}
	return line.String() + "\n" + strings.TrimRight(carets.String(), " ")
}

// firstShown is the first character that leaves room for what is meant.
func (e *Error) firstShown(runes []rune) int {
	const lead = pointerWidth * 2 / 3
	first, cells := min(e.Col-1, len(runes)), 0
	for first > 0 {
		_, w := printable(runes[first-1])
		if cells+w > lead {
			break
		}
		cells += w
		first--
	}
	return first
}

// printable is what to show for r and how many screen cells that takes.
func printable(r rune) (rune, int) {
	switch {
	case r == '\t':
		return ' ', 1
	case unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Me, r):
		return r, 0
	case !unicode.IsPrint(r):
		return utf8.RuneError, 1
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return r, 2
	}
	return r, 1
}

func tooLong(src string) *Error {
	cut := MaxSource
	for cut > 0 && !utf8.RuneStart(src[cut]) {
		cut--
	}
	src = src[:cut]
	return &Error{Src: src, Col: utf8.RuneCountInString(src) + 1, Width: 1,
		Msg: fmt.Sprintf("filter is longer than %d bytes", MaxSource)}
}

// errorAt is an error about size bytes of the source from byte pos.
func (l *lexer) errorAt(pos, size int, msg string) *Error {
	pos = min(pos, len(l.src))
	end := min(pos+size, len(l.src))
	return &Error{
		Src:   l.src,
		Col:   utf8.RuneCountInString(l.src[:pos]) + 1,
		Width: max(1, utf8.RuneCountInString(l.src[pos:end])),
		Msg:   msg,
	}
}

func (e *Error) hint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}
