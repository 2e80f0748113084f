package table

import (
	"math/bits"

	"tcptop/internal/conn"
)

// renew gives the rows of what is known better now the new one. It is no movement of a
// connection. It looks at every row, so a tick without such news, as most are, costs
// nothing.
func renew[T any](t *Table, news []conn.Change[T], of func(*conn.Conn) **T) {
	if len(news) == 0 {
		return
	}
	is := make(map[*T]*T, len(news))
	for _, n := range news {
		is[n.Was] = n.Is
	}
	var last *T // neighbours often share one
	for n, p := range t.pages {
		if p == nil {
			continue
		}
		for used := p.used; used != 0; used &= used - 1 {
			i := int32(bits.TrailingZeros32(used))
			was := *of(&p.rows[i].Conn)
			if was == nil || was == last {
				continue
			}
			if better, ok := is[was]; ok {
				s := t.slot(int32(n)*pageRows + i)
				*of(&s.Conn), p = better, s.page
			} else {
				last = was
			}
		}
	}
}
