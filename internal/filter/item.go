package filter

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"

	"tcptop/internal/column"
)

// item is one value as written in the source.
type item struct {
	text   string
	quoted bool // "none" is text, none is a missing value
	pos    int  // in bytes
	size   int
}

// null reports whether the item stands for a missing value.
func (it item) null() bool { return !it.quoted && (it.text == "null" || it.text == "none") }

// write writes the item so that it is read again as the same, as a value or, more
// narrowly, as a word.
func (it item) write(b *strings.Builder) {
	needsQuotes := it.text == "" || joins(it.text) || strings.IndexByte("=~", it.text[0]) >= 0 || strings.ContainsFunc(it.text, func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune(valueEnd, r)
	})
	if it.quoted || needsQuotes {
		quote(b, it.text)
		return
	}
	b.WriteString(it.text)
}

// values reads what follows an operator: a regular expression, one value, or a
// list.
func (p *parser) values(o op) ([]item, *Error) {
	p.space()
	if o.regexp() {
		it, err := p.item(o, p.pattern)
		it.quoted = true
		return []item{it}, err
	}
	open := p.pos
	inParentheses := o == opIn && p.accept('(')
	items, err := p.list(o)
	if err != nil {
		return nil, err
	}
	if inParentheses {
		if p.space(); !p.accept(')') {
			return nil, p.errorAt(open, 1, `"(" is not closed`)
		}
	}
	return items, nil
}

func (p *parser) list(o op) ([]item, *Error) {
	var items []item
	for {
		p.space()
		it, err := p.item(o, p.plain)
		if err != nil {
			return nil, err
		}
		items = append(items, it)
		end := p.pos
		p.space()
		comma := p.pos
		if !p.accept(',') {
			p.pos = end
			return items, nil
		}
		if !o.list() {
			return nil, p.errorAt(comma, 1, fmt.Sprintf("%s takes one value", o)).hint("lists are for = != and in")
		}
	}
}

// plain skips and returns an unquoted value.
func (p *parser) plain() string {
	text := p.until(valueEnd)
	p.pos += len(text)
	return text
}

func (p *parser) item(o op, unquoted func() string) (item, *Error) {
	it := item{pos: p.pos}
	if !p.atEnd() && p.src[p.pos] == '"' {
		text, err := p.quoted()
		if err != nil {
			return it, err
		}
		it.text, it.quoted = text, true
	} else if it.text = unquoted(); it.text == "" || joins(it.text) {
		return it, p.errorAt(it.pos, len(it.text), fmt.Sprintf("%s needs a value", o))
	}
	it.size = p.pos - it.pos
	return it, nil
}

// joins reports whether text joins terms: where a value belongs, it shows that the
// value was forgotten.
func joins(text string) bool { return strings.EqualFold(text, "and") || strings.EqualFold(text, "or") }

func (l *lexer) errorIn(it item, msg string) *Error { return l.errorAt(it.pos, it.size, msg) }

// texts checks values against a closed set.
func (p *parser) texts(c *column.Column, items []item) ([]string, *Error) {
	values := make([]string, 0, len(items))
	for _, it := range items {
		if c.Values != nil && !slices.Contains(c.Values, it.text) {
			e := p.errorIn(it, fmt.Sprintf("%q is no %s", it.text, c.Name))
			if near := column.Nearest(it.text, c.Values); near != "" {
				return nil, e.hint("did you mean %s?", near)
			}
			return nil, e.hint("one of %s", strings.Join(c.Values, " "))
		}
		values = append(values, it.text)
	}
	return values, nil
}

// maxInstructions bounds a compiled regular expression, as x{1000} repeated would
// otherwise cost every row a million steps per byte.
const maxInstructions = 10_000

func (p *parser) regexp(it item) (*regexp.Regexp, *Error) {
	parsed, err := syntax.Parse(it.text, syntax.Perl)
	if err != nil {
		return nil, p.badRegexp(it, err)
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil, p.badRegexp(it, err)
	}
	if len(prog.Inst) > maxInstructions {
		return nil, p.errorIn(it, "regular expression is too large")
	}
	re, err := regexp.Compile(it.text)
	if err != nil {
		return nil, p.badRegexp(it, err)
	}
	return re, nil
}

func (p *parser) badRegexp(it item, err error) *Error {
	msg := err.Error()
	if se, ok := errors.AsType[*syntax.Error](err); ok {
		msg = fmt.Sprintf("%s in regular expression", se.Code)
		if i := strings.Index(p.src[it.pos:it.pos+it.size], se.Expr); i >= 0 && se.Expr != "" {
			return p.errorAt(it.pos+i, len(se.Expr), msg)
		}
	}
	return p.errorIn(it, msg)
}
