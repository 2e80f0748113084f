package filter

import (
	"fmt"
	"slices"

	"tcptop/internal/column"
)

// field is what a name in a filter stands for: one column, or one of each side.
type field struct {
	name string
	cols []*column.Column
}

// sides are the names that stand for either side of a connection.
func sides(name string) []string {
	switch name {
	case "port":
		return []string{"lport", "rport"}
	case "addr":
		return []string{"laddr", "raddr"}
	}
	return nil
}

func (p *parser) lookup(name string) (field, bool) {
	if both := sides(name); both != nil {
		f := field{name: name}
		for _, side := range both {
			if c, ok := p.cols.Find(side); ok {
				f.cols = append(f.cols, c)
			}
		}
		return f, len(f.cols) > 0
	}
	c, ok := p.cols.Find(name)
	if !ok {
		return field{}, false
	}
	return field{name: c.Name, cols: []*column.Column{c}}, true
}

// field is lookup with an error that names the nearest field.
func (p *parser) field(name string, pos int) (field, *Error) {
	f, ok := p.lookup(name)
	if ok {
		return f, nil
	}
	e := p.errorAt(pos, len(name), fmt.Sprintf("unknown field %q", name))
	if near := column.Nearest(name, append(p.cols.Names(), "port", "addr", "rtt", "proc")); near != "" {
		return f, e.hint("did you mean %s?", near)
	}
	return f, e.hint("put text to search for in quotes")
}

// refuses returns why the field's type does not go with o, and what does; "" if
// it does.
func (f field) refuses(o op) (msg, hint string) {
	if o.list() {
		return "", ""
	}
	kind := f.cols[0].Kind
	isText := kind == column.Text || kind == column.IP
	isOrdered := !isText && kind != column.Bool
	switch {
	case o.regexp() && isText, !o.regexp() && isOrdered:
		return "", ""
	case isText:
		return fmt.Sprintf("%s is %s and has no order", f.name, noun(kind)), "use = != ~ !~ or in"
	case isOrdered:
		return fmt.Sprintf("%s is %s, %s is for text", f.name, noun(kind), o), "use = != < <= > >= or in"
	}
	return fmt.Sprintf("%s is %s, %s is not for it", f.name, noun(kind), o), "use =true or =false"
}

func noun(k column.Kind) string {
	switch k {
	case column.Text:
		return "text"
	case column.IP:
		return "an address"
	case column.Bool:
		return "true or false"
	case column.Time:
		return "a time"
	}
	return "a number"
}

// compile checks the values against the field's type.
func (p *parser) compile(f field, o op, items []item) (*comparison, *Error) {
	n := &comparison{name: f.name, op: o, items: items}
	var tests []test
	for _, c := range f.cols {
		t, err := p.test(c, o, items)
		if err != nil {
			return nil, err
		}
		tests = append(tests, t)
		p.runs = p.runs || c.Runs
	}
	if f.name == "user" && o.list() {
		if t := p.uidTest(items); t != nil {
			tests = append(tests, t)
		}
	}
	n.test = anyOf(tests)
	return n, nil
}

func (p *parser) test(c *column.Column, o op, items []item) (test, *Error) {
	if o.regexp() {
		re, err := p.regexp(items[0])
		if err != nil {
			return nil, err
		}
		return regexpTest(c, re), nil
	}
	null := slices.ContainsFunc(items, item.null)
	if null && !o.list() {
		return nil, p.errorIn(items[0], fmt.Sprintf("null is neither more nor less than %s", noun(c.Kind)))
	}
	items = slices.DeleteFunc(slices.Clone(items), item.null)
	switch c.Kind {
	case column.Text:
		values, err := p.texts(c, items)
		return textTest(c, values, null), err
	case column.IP:
		ranges, err := p.addrs(items)
		return addrTest(c, ranges, null), err
	}
	spans, err := p.spans(c, o, items)
	return numberTest(c, spans, null), err
}

// uidTest lets user=1000 name a user by id; nil if no item is an id.
func (p *parser) uidTest(items []item) test {
	c, ok := p.cols.Find("uid")
	if !ok {
		return nil
	}
	var spans []span
	for _, it := range items {
		if n, err := p.number(c, it, it.text); err == nil {
			spans = append(spans, span{n, n})
		}
	}
	if spans == nil {
		return nil
	}
	return numberTest(c, spans, false)
}
