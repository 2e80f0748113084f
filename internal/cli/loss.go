package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"tcptop/internal/column"
	"tcptop/internal/conn"
	"tcptop/internal/output"
	"tcptop/internal/table"
)

// maxOwners is how many owners of lost rows a line names.
const maxOwners = 3

// lossReport tells stderr what the stream does not show.
type lossReport struct {
	stderr io.Writer
	total  conn.Loss
	totals []conn.OwnerTotal
}

// tick prints a line if something was lost since the tick before.
func (l *lossReport) tick(s *table.Snapshot) {
	if s.Lost == (conn.Loss{}) {
		return
	}
	l.total = s.Loss
	l.totals = append(l.totals[:0], s.Totals...)
	fmt.Fprint(l.stderr, message("lost in this tick: "+lossText(s.Lost)+ownersText(s.Totals), ""))
}

// end prints the sum if anything was lost at all.
func (l *lossReport) end() {
	if l.total == (conn.Loss{}) {
		return
	}
	fmt.Fprint(l.stderr, message("lost since start: "+lossText(l.total)+ownersText(l.totals), ""))
}

func lossText(l conn.Loss) string {
	var parts []string
	for _, p := range []struct {
		n    uint64
		what string
	}{
		{l.TableFull, "rows (kernel table full)"},
		{l.RingFull, "closed rows (kernel ring full)"},
		{l.QueueFull, "closed rows (queue full)"},
		{l.RowsFull, "rows (--max-conns reached)"},
		{l.FlowsFull, "datagrams (kernel flow table full)"},
		{l.TotalsFull, "rows missing from the sums by owner too (too many owners)"},
		{l.DNSFull, "DNS messages (names of remotes that are not known)"},
		{l.TransitionsFull, "changes of state (no room)"},
		{l.Stale, "readings (socket went away; read again in the next tick)"},
		{l.Skipped, "events (the kernel ran no hook for them)"},
		{l.Unnamed, "names of cgroups or containers (not looked up)"},
		{l.MissedTicks, "ticks (not taken in time)"},
	} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	return strings.Join(parts, ", ")
}

// ownersText names the owners that lost most rows, with all that the lost rows
// have carried since start.
func ownersText(totals []conn.OwnerTotal) string {
	if len(totals) == 0 {
		return ""
	}
	most := slices.SortedFunc(slices.Values(totals), func(a, b conn.OwnerTotal) int {
		return cmp.Or(cmp.Compare(b.Conns, a.Conns), cmp.Compare(b.RxBytes+b.TxBytes, a.RxBytes+a.TxBytes),
			cmp.Compare(a.PID, b.PID), cmp.Compare(a.UID, b.UID))
	})
	var b strings.Builder
	b.WriteString("; not in rows since start, by owner:")
	for i, t := range most[:min(len(most), maxOwners)] {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, " %s (rows %d, rx %s, tx %s)", ownerName(&t), t.Conns, size(t.RxBytes), size(t.TxBytes))
	}
	if more := len(most) - maxOwners; more > 0 {
		fmt.Fprintf(&b, " and %d more", more)
	}
	return b.String()
}

func ownerName(t *conn.OwnerTotal) string {
	if t.PID == 0 {
		return fmt.Sprintf("uid %d", t.UID)
	}
	return fmt.Sprintf("%s[%d]", output.AppendVisible(nil, t.Comm.Bytes()), t.PID)
}

func size(n uint64) string { return strings.TrimLeft(string(column.AppendBytes(nil, n)), " ") }
