package column

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// List is every field in the contract's order. It never changes once made.
type List struct {
	cols  []Column
	own   int            // of cols
	index map[string]int // names and their short forms
}

// New makes the list.
func New() *List {
	l := &List{index: make(map[string]int)}
	for _, g := range []struct {
		name   string
		fields []Column
	}{
		{"frame", frameFields()},
		{"identity", identityFields()},
		{"owner", ownerFields()},
		{"place", placeFields()},
		{"traffic", trafficFields()},
		{"path", pathFields()},
		{"queues", append(queueFields(), udpFields()...)},
		{"listeners", listenerFields()},
		{"verdict", verdictFields()},
		{"life", lifeFields()},
		{"honesty", honestyFields()},
	} {
		for _, c := range g.fields {
			c.Group = g.name
			l.cols = append(l.cols, c)
		}
	}
	l.own = len(l.cols)
	for _, c := range peerFields(l.cols) {
		c.Group = "peer"
		l.cols = append(l.cols, c)
	}
	l.addNames()
	return l
}

// addNames indexes every name, and every name less its unit where that is no
// other field's: rtt for rtt_us, age for age_ms, but not rx for rx_bytes or
// rx_packets.
func (l *List) addNames() {
	short := make(map[string][]int)
	for i := range l.cols {
		name := l.cols[i].Name
		l.index[name] = i
		if stem := withoutUnit(name); stem != name {
			short[stem] = append(short[stem], i)
		}
	}
	for stem, of := range short {
		if _, taken := l.index[stem]; !taken && len(of) == 1 {
			l.index[stem] = of[0]
		}
	}
	l.index["proc"] = l.index["comm"]
}

func withoutUnit(name string) string {
	for _, unit := range []string{"_us", "_ms", "_bytes", "_packets"} {
		if stem, ok := strings.CutSuffix(name, unit); ok {
			return stem
		}
	}
	return name
}

// All returns every field in the contract's order. The caller must not change it.
func (l *List) All() []Column { return l.cols }

// Own returns the fields without those of the other end, which rows of one host do not
// have. The caller must not change it.
func (l *List) Own() []Column { return l.cols[:l.own] }

// Names returns the name of every field in the contract's order.
func (l *List) Names() []string {
	all := make([]string, len(l.cols))
	for i := range l.cols {
		all[i] = l.cols[i].Name
	}
	return all
}

type shortForm struct{ short, name string }

// shortForms lists what Find takes besides the names, in the order of the fields.
func (l *List) shortForms() []shortForm {
	var all []shortForm
	for short, i := range l.index {
		if name := l.cols[i].Name; short != name {
			all = append(all, shortForm{short, name})
		}
	}
	slices.SortFunc(all, func(a, b shortForm) int {
		return cmp.Or(l.index[a.name]-l.index[b.name], cmp.Compare(a.short, b.short))
	})
	return all
}

// Find returns the field of that name or short form.
func (l *List) Find(name string) (*Column, bool) {
	i, ok := l.index[name]
	if !ok {
		return nil, false
	}
	return &l.cols[i], true
}

// Pick returns the fields of a comma-separated list such as "ts,pid,rtt" in that
// order. The error is a *FieldError.
func (l *List) Pick(names string) ([]*Column, error) {
	var picked []*Column
	col := 1
	for part := range strings.SplitSeq(names, ",") {
		name := strings.TrimSpace(part)
		at := col + utf8.RuneCountInString(part) - utf8.RuneCountInString(strings.TrimLeftFunc(part, unicode.IsSpace))
		c, ok := l.Find(name)
		if !ok {
			return nil, l.unknown(name, at)
		}
		if slices.Contains(picked, c) {
			return nil, &FieldError{Name: name, Col: at, Msg: "named twice"}
		}
		picked = append(picked, c)
		col += utf8.RuneCountInString(part) + 1
	}
	return picked, nil
}

func (l *List) unknown(name string, col int) *FieldError {
	e := &FieldError{Name: name, Col: col, Msg: "unknown"}
	if name == "" {
		e.Msg = "missing"
		return e
	}
	if near := Nearest(name, l.Names()); near != "" {
		e.Hint = "did you mean " + near + "?"
	}
	return e
}

// FieldError is a name that is no field.
type FieldError struct {
	Name string
	Col  int    // where it starts, in characters from 1
	Msg  string // what is wrong with it
	Hint string // what may have been meant; "" where nothing is near
}

func (e *FieldError) Error() string {
	if e.Name == "" {
		return fmt.Sprintf("field name missing at column %d", e.Col)
	}
	return fmt.Sprintf("field %q at column %d: %s", e.Name, e.Col, e.Msg)
}
