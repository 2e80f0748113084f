package filter

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tcptop/internal/column"
	"tcptop/internal/conn"
	"tcptop/internal/table"
)

func anyOf(tests []test) test {
	if len(tests) == 1 {
		return tests[0]
	}
	return func(m *matcher, r *table.Row) bool {
		for _, t := range tests {
			if t(m, r) {
				return true
			}
		}
		return false
	}
}

func numberTest(c *column.Column, spans []span, null bool) test {
	return func(m *matcher, r *table.Row) bool {
		n, ok := c.Num(m.snap, r)
		if !ok {
			return null
		}
		for _, s := range spans {
			if s.from <= n && n <= s.to {
				return true
			}
		}
		return false
	}
}

func textTest(c *column.Column, values []string, null bool) test {
	return func(m *matcher, r *table.Row) bool {
		var ok bool
		m.buf, ok = c.Text(m.buf[:0], m.snap, r)
		if !ok {
			return null
		}
		return slices.ContainsFunc(values, func(v string) bool { return string(m.buf) == v })
	}
}

func addrTest(c *column.Column, ranges []addrRange, null bool) test {
	return func(_ *matcher, r *table.Row) bool {
		a, ok := c.Addr(r)
		if !ok {
			return null
		}
		for _, of := range ranges {
			if a.BitLen() == of.from.BitLen() && of.from.Compare(a) <= 0 && a.Compare(of.to) <= 0 {
				return true
			}
		}
		return false
	}
}

func regexpTest(c *column.Column, re *regexp.Regexp) test {
	return func(m *matcher, r *table.Row) bool {
		var ok bool
		m.buf, ok = c.Append(m.buf[:0], m.snap, r)
		return ok && re.Match(m.buf)
	}
}

// word makes the node for text to look for anywhere: in both ends, written
// address:port, in the remote's name and in the names of who owns the connection.
func (p *parser) word(it item) (node, *Error) {
	if it.text == "" {
		return nil, p.errorIn(it, "nothing to look for")
	}
	w := wordColumns{needle: []byte(strings.ToLower(it.text))}
	for _, name := range []string{"comm", "rname", "container", "pod", "unit"} {
		c, ok := p.cols.Find(name)
		if !ok {
			return nil, p.errorIn(it, fmt.Sprintf("no field %q to look in", name))
		}
		w.names = append(w.names, c)
	}
	it.quoted = it.quoted || !plainWord(it.text)
	return &word{item: it, test: w.match}, nil
}

// plainWord reports whether text is read as a word without quotes.
func plainWord(text string) bool {
	switch strings.ToLower(text) {
	case "and", "or", "not", "in":
		return false
	}
	for _, c := range []byte(text) {
		isPlain := '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || strings.IndexByte("._-/", c) >= 0
		if !isPlain {
			return false
		}
	}
	return true
}

type wordColumns struct {
	needle []byte // in lower case
	names  []*column.Column
}

// match writes what can be seen of the row into one buffer, so that one search is
// enough. A newline between the parts keeps a word from spanning two.
func (w *wordColumns) match(m *matcher, r *table.Row) bool {
	b := appendEnd(m.buf[:0], r, false)
	b = append(b, '\n')
	b = appendEnd(b, r, true)
	for _, c := range w.names {
		b = append(b, '\n')
		b, _ = c.Text(b, m.snap, r)
	}
	m.buf = b
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return bytes.Contains(b, w.needle)
}

// appendEnd writes one end as 10.0.0.1:443 or [2001:db8::1]:443.
func appendEnd(b []byte, r *table.Row, remote bool) []byte {
	addr, port := r.Laddr, r.Lport
	if remote {
		if r.Has&conn.HasRaddr == 0 {
			return b
		}
		addr, port = r.Raddr, r.Rport
	}
	ip := addr.Netip()
	if ip.Is4() {
		b = ip.AppendTo(b)
	} else {
		b = append(b, '[')
		b = ip.AppendTo(b)
		b = append(b, ']')
	}
	b = append(b, ':')
	return strconv.AppendUint(b, uint64(port), 10)
}
