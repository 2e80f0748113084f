package cli

import (
	"slices"

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
	for rows := range slices.Chunk(s.Conns, namedAtOnce) {
		n.owners.Name(s, rows)
		n.remotes.Name(rows)
	}
	for rows := range slices.Chunk(s.Closed, namedAtOnce) {
		n.owners.Name(s, rows)
		n.remotes.NameClosed(rows)
	}
	n.owners.End(s)
}
