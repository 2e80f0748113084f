package filter

import (
	"fmt"
	"regexp"
	"strings"

	"tcptop/internal/column"
)

// Field makes the filter of one flag: --port 80,443 is Field(cols, "port", "=",
// "80,443"). The name is as in a filter, port and addr included; operator is one
// of the language. The value is taken whole: spaces and parentheses in it need no
// quotes, and commas separate values where the operator takes a list. The error
// is an *Error whose source is the value.
func Field(cols *column.List, name, operator, value string) (*Filter, error) {
	p, f, err := flagParser(cols, name, value)
	if err != nil {
		return nil, err
	}
	ops := lexer{src: operator}
	o, ok := ops.operator()
	if !ok || !ops.atEnd() {
		return nil, p.errorAt(0, len(value), fmt.Sprintf("unknown operator %q", operator))
	}
	if msg, hint := f.refuses(o); msg != "" {
		return nil, p.errorAt(0, len(value), msg).hint("%s", hint)
	}
	items, err := p.flagItems(o)
	if err != nil {
		return nil, err
	}
	n, err := p.compile(f, o, items)
	if err != nil {
		return nil, err
	}
	return &Filter{root: n, runs: p.runs}, nil
}

// Prefix makes the filter of a flag that takes names or their beginnings,
// separated by commas, such as --container. The error is an *Error whose source
// is the value.
func Prefix(cols *column.List, name, value string) (*Filter, error) {
	p, f, err := flagParser(cols, name, value)
	if err != nil {
		return nil, err
	}
	items, err := p.flagItems(opEqual)
	if err != nil {
		return nil, err
	}
	if msg, hint := f.refuses(opMatch); msg != "" {
		return nil, p.errorAt(0, len(value), msg).hint("%s", hint)
	}
	var begins []string
	for _, it := range items {
		begins = append(begins, regexp.QuoteMeta(it.text))
	}
	pattern := item{text: "^(?:" + strings.Join(begins, "|") + ")", quoted: true, size: len(value)}
	n, err := p.compile(f, opMatch, []item{pattern})
	if err != nil {
		return nil, err
	}
	return &Filter{root: n, runs: p.runs}, nil
}

func flagParser(cols *column.List, name, value string) (*parser, field, *Error) {
	if len(value) > MaxSource {
		return nil, field{}, tooLong(value)
	}
	p := &parser{lexer: lexer{src: value}, cols: cols}
	f, ok := p.lookup(name)
	if !ok {
		return nil, f, p.errorAt(0, len(value), fmt.Sprintf("unknown field %q", name))
	}
	return p, f, nil
}

func (p *parser) flagItems(o op) ([]item, *Error) {
	if !o.list() {
		if p.src == "" {
			return nil, p.errorAt(0, 1, "value is missing")
		}
		return []item{{text: p.src, quoted: o.regexp(), size: len(p.src)}}, nil
	}
	var items []item
	pos := 0
	for part := range strings.SplitSeq(p.src, ",") {
		text := strings.TrimSpace(part)
		if text == "" {
			return nil, p.errorAt(pos, 1, "value is missing")
		}
		start := pos + strings.Index(part, text)
		items = append(items, item{text: text, pos: start, size: len(text)})
		pos += len(part) + 1
	}
	return items, nil
}
