package cli

import (
	"tcptop/internal/conn"
	"tcptop/internal/enrich"
	"tcptop/internal/names"
)

// namer gives rows all that a number or an address only points at.
type namer struct {
	owners  *enrich.Enricher
	remotes *names.Namer
}

// namedAtOnce is how many rows stay in a processor's own cache until both have seen them.
const namedAtOnce = 256

// apply names the rows of s, a few at a time: most of what it costs is to fetch them from memory.
func (n *namer) apply(s *conn.Sample) {
	n.owners.Begin(s)
	n.remotes.Begin(s)
	for _, rows := range [][]conn.Conn{s.Conns, s.Closed} {
		for len(rows) > 0 {
			some := rows[:min(len(rows), namedAtOnce)]
			n.owners.Name(s, some)
			n.remotes.Name(some)
			rows = rows[len(some):]
		}
	}
	n.owners.End(s)
}
