package filter

import (
	"fmt"
	"net/netip"
	"strings"

	"tcptop/internal/column"
)

// parser reads
//
//	or   = and { "or" and }
//	and  = term { [ "and" ] term }
//	term = "not" term | "(" or ")" | field operator values | word
type parser struct {
	lexer
	cols *column.List
	runs bool // a field goes on with time
}

func (p *parser) or(depth int) (node, *Error) {
	var all or
	for {
		n, err := p.and(depth)
		if err != nil {
			return nil, err
		}
		all = append(all, n)
		if !p.keyword("or") {
			break
		}
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return all, nil
}

func (p *parser) and(depth int) (node, *Error) {
	var all and
	for {
		n, err := p.term(depth)
		if err != nil {
			return nil, err
		}
		all = append(all, n)
		p.space()
		if p.keyword("and") {
			continue
		}
		if p.atEnd() || p.src[p.pos] == ')' || strings.EqualFold(p.until(wordEnd), "or") {
			break
		}
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return all, nil
}

func (p *parser) term(depth int) (node, *Error) {
	p.space()
	start := p.pos
	if depth > MaxDepth {
		return nil, p.errorAt(start, 1, fmt.Sprintf("nested deeper than %d", MaxDepth))
	}
	switch {
	case p.keyword("not"):
		n, err := p.term(depth + 1)
		if err != nil {
			return nil, err
		}
		return not{n}, nil
	case p.accept('('):
		n, err := p.or(depth + 1)
		if err != nil {
			return nil, err
		}
		if !p.accept(')') {
			return nil, p.errorAt(start, 1, `"(" is not closed`)
		}
		return n, nil
	case !p.atEnd() && p.src[p.pos] == '"':
		text, err := p.quoted()
		if err != nil {
			return nil, err
		}
		return p.word(item{text: text, quoted: true, pos: start, size: p.pos - start})
	}
	return p.comparisonOrWord()
}

func (p *parser) comparisonOrWord() (node, *Error) {
	start := p.pos
	text := p.until(wordEnd)
	if err := p.misplaced(text); err != nil {
		return nil, err
	}
	if name, ok := p.colon(text); ok {
		p.pos += len(name) + 1
		f, err := p.field(name, start)
		if err != nil {
			return nil, err
		}
		return p.comparison(f, opEqual, start+len(name))
	}
	p.pos += len(text)
	end := p.pos
	p.space()
	at := p.pos
	o, ok := p.operator()
	if !ok {
		p.pos = end
		return p.word(item{text: text, pos: start, size: len(text)})
	}
	f, err := p.field(text, start)
	if err != nil {
		return nil, err
	}
	return p.comparison(f, o, at)
}

// colon returns the name before a colon that is an operator. A word such as
// fe80::1 or 10.0.0.1:443 has none; one of an unknown field has, so that a
// misspelt field is an error and not a search for text.
func (p *parser) colon(text string) (string, bool) {
	name, _, ok := strings.Cut(text, ":")
	if !ok || name == "" {
		return "", false
	}
	if _, err := netip.ParseAddr(text); err == nil {
		return "", false
	}
	if _, known := p.lookup(name); known {
		return name, true
	}
	notName := func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') }
	addressLike := strings.Trim(text, "0123456789abcdefABCDEF:./") == ""
	return name, !addressLike && strings.IndexFunc(name, notName) < 0
}

// misplaced is an error if what comes next cannot begin a term.
func (p *parser) misplaced(text string) *Error {
	switch lower := strings.ToLower(text); {
	case lower == "and" || lower == "or":
		return p.errorAt(p.pos, len(text), fmt.Sprintf("nothing for %q to join", lower))
	case text == "&&":
		return p.errorAt(p.pos, 2, `unexpected "&&"`).hint("write and")
	case text == "||":
		return p.errorAt(p.pos, 2, `unexpected "||"`).hint("write or")
	case text != "":
		return nil
	case p.atEnd():
		return p.errorAt(p.pos, 1, "filter ends where a field or word should follow")
	}
	e := p.errorAt(p.pos, 1, fmt.Sprintf("unexpected %q", p.src[p.pos:p.pos+1]))
	if p.src[p.pos] == '!' {
		return e.hint("write not")
	}
	return e
}

// comparison reads the values of f and an operator that stands at byte at.
func (p *parser) comparison(f field, o op, at int) (node, *Error) {
	if msg, hint := f.refuses(o); msg != "" {
		return nil, p.errorAt(at, p.pos-at, msg).hint("%s", hint)
	}
	items, err := p.values(o)
	if err != nil {
		return nil, err
	}
	return p.compile(f, o, items)
}
