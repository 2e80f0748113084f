package tui

import (
	"tcptop/internal/conn"
	"tcptop/internal/filter"
	"tcptop/internal/table"
)

// skim is what a view knows of pages that have not changed since it looked at their
// rows: how many match, and which comes first. It need not look again at those that end
// up behind the window.
type skim struct {
	of     skimmed
	pages  []skimmedPage
	cursor conn.ID // the row that was looked for last
	pos    int32   // where it was; -1 is nowhere
	blind  bool    // all rows must be looked at
}

// skimmed is what decides which rows match and in which order. The zero one says that it
// isn't known.
type skimmed struct {
	view   int
	filter *filter.Filter
	field  string
	desc   bool
	zero   *zeroed
}

// skimmedPage is a page whose rows were looked at.
type skimmedPage struct {
	table.Version
	rows  uint8     // that match
	first candidate // of these, without its row
}

// skimmed is what the rows of v depend on now, zero where they don't follow from what each
// row says: where that goes on with time, or where a place is not the row's own.
func (m *Model) skimmed(v *view, o *ordering) skimmed {
	if m.shown.First || m.shown.Hosts != nil || o.Column.Runs || m.bar.filter.Runs() || v.frozen != nil || len(m.pins) > 0 {
		return skimmed{}
	}
	return skimmed{m.current, m.bar.filter, o.Column.Name, o.Desc, m.env.zero}
}

// begin starts to look at rows, for the cursor's among them.
func (k *skim) begin(of skimmed, cursor conn.ID) {
	if of != k.of {
		k.of = of
		clear(k.pages)
	}
	if k.blind = of == (skimmed{}) || cursor != k.cursor; k.blind {
		k.cursor, k.pos = cursor, -1
	}
}

// knows reports whether the rows of a page need not be looked at, since s takes none, and how many match.
func (k *skim) knows(at int, p table.Page, s *selection) (rows int, known bool) {
	if k.blind || at >= len(k.pages) || k.pages[at].Version != p.Version() {
		return 0, false
	}
	page := &k.pages[at]
	if page.rows > 0 && (!s.full || s.cut(&page.first) || s.compare(&page.first, &s.worst) <= 0) {
		return 0, false
	}
	return int(page.rows), true
}

// note keeps what is known of a page now.
func (k *skim) note(at int, p table.Page, rows int, first candidate) {
	if k.of == (skimmed{}) {
		return
	}
	for len(k.pages) <= at {
		k.pages = append(k.pages, skimmedPage{})
	}
	first.row = nil
	k.pages[at] = skimmedPage{p.Version(), uint8(rows), first}
}
