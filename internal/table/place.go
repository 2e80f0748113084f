package table

import (
	"math/bits"

	"tcptop/internal/conn"
)

// moveTo gives the rows of places that are known better now the new ones. It is no
// movement of a connection. It looks at every row, so a tick without such news, as most
// are, costs nothing.
func (t *Table) moveTo(news []conn.PlaceChange) {
	if len(news) == 0 {
		return
	}
	is := make(map[*conn.Place]*conn.Place, len(news))
	for _, n := range news {
		is[n.Was] = n.Is
	}
	var last *conn.Place // neighbours often share a place
	for n, p := range t.pages {
		if p == nil {
			continue
		}
		for used := p.used; used != 0; used &= used - 1 {
			i := int32(bits.TrailingZeros32(used))
			was := p.rows[i].Place
			if was == nil || was == last {
				continue
			}
			if better, ok := is[was]; ok {
				s := t.slot(int32(n)*pageRows + i)
				s.Place, p = better, s.page
			} else {
				last = was
			}
		}
	}
}
