package filter

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// op is an operator in its canonical spelling.
type op string

const (
	opEqual        op = "="
	opNotEqual     op = "!="
	opLess         op = "<"
	opLessEqual    op = "<="
	opGreater      op = ">"
	opGreaterEqual op = ">="
	opMatch        op = "~"
	opNotMatch     op = "!~"
	opIn           op = "in"
)

func (o op) negated() bool { return o == opNotEqual || o == opNotMatch }
func (o op) regexp() bool  { return o == opMatch || o == opNotMatch }
func (o op) list() bool    { return o == opEqual || o == opNotEqual || o == opIn }

// lexer reads pieces of a source; which piece to expect is the parser's to know,
// because a colon is an operator after a field and part of an address elsewhere.
type lexer struct {
	src string
	pos int // in bytes
}

func (l *lexer) atEnd() bool { return l.pos >= len(l.src) }

func (l *lexer) rest() string { return l.src[l.pos:] }

func (l *lexer) space() {
	l.pos = len(l.src) - len(strings.TrimLeftFunc(l.rest(), unicode.IsSpace))
}

// accept skips c if it comes next.
func (l *lexer) accept(c byte) bool {
	if l.atEnd() || l.src[l.pos] != c {
		return false
	}
	l.pos++
	return true
}

// until returns what comes before the next space or one of stop, without
// skipping it.
func (l *lexer) until(stop string) string {
	rest := l.rest()
	if i := strings.IndexFunc(rest, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(stop, r) }); i >= 0 {
		return rest[:i]
	}
	return rest
}

// keyword skips word, in any case, if it comes next and ends there.
func (l *lexer) keyword(word string) bool {
	if !strings.EqualFold(l.until(wordEnd), word) {
		return false
	}
	l.pos += len(word)
	return true
}

// What ends a word where a field may stand, and one where a value stands.
const (
	wordEnd  = `()",=!<>~`
	valueEnd = `()",`
)

// operator skips an operator if one comes next.
func (l *lexer) operator() (op, bool) {
	for _, o := range []struct {
		text string
		op   op
	}{
		{"!=", opNotEqual}, {"!~", opNotMatch}, {"<=", opLessEqual}, {">=", opGreaterEqual},
		{"==", opEqual}, {"=~", opMatch},
		{"=", opEqual}, {"<", opLess}, {">", opGreater}, {"~", opMatch},
	} {
		if strings.HasPrefix(l.rest(), o.text) {
			l.pos += len(o.text)
			return o.op, true
		}
	}
	if l.keyword("in") {
		return opIn, true
	}
	return "", false
}

// quoted skips a quoted string and returns what it stands for. Only \" and \\ are
// escapes: other backslashes stay, for regular expressions.
func (l *lexer) quoted() (string, *Error) {
	var b strings.Builder
	for i := l.pos + 1; i < len(l.src); i++ {
		switch c := l.src[i]; {
		case c == '"':
			l.pos = i + 1
			return b.String(), nil
		case c == '\\' && i+1 < len(l.src) && (l.src[i+1] == '"' || l.src[i+1] == '\\'):
			i++
			b.WriteByte(l.src[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", l.errorAt(l.pos, 1, "quote is not closed")
}

func quote(b *strings.Builder, s string) {
	b.WriteByte('"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	b.WriteByte('"')
}

// pattern skips an unquoted regular expression, which ends at a space or at a
// parenthesis that it did not open itself, and returns it.
func (l *lexer) pattern() string {
	start, depth, class := l.pos, 0, -1 // class is where a [ was opened
	for l.pos < len(l.src) {
		r, size := utf8.DecodeRuneInString(l.rest())
		switch {
		case unicode.IsSpace(r):
			return l.src[start:l.pos]
		case r == '\\' && l.pos+1 < len(l.src):
			_, next := utf8.DecodeRuneInString(l.src[l.pos+1:])
			size += next
		case class >= 0:
			if first := strings.TrimPrefix(l.src[class+1:l.pos], "^"); r == ']' && first != "" {
				class = -1
			}
		case r == '[':
			class = l.pos
		case r == '(':
			depth++
		case r == ')' && depth == 0:
			return l.src[start:l.pos]
		case r == ')':
			depth--
		}
		l.pos += size
	}
	return l.src[start:]
}
