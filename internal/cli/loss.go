package cli

import (
	"fmt"
	"io"
	"strings"

	"tcptop/internal/column"
	"tcptop/internal/conn"
	"tcptop/internal/output"
	"tcptop/internal/table"
)

// maxOwners is how many owners and remotes of lost rows a line names.
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
	fmt.Fprint(l.stderr, message("lost in this tick: "+lossText(s.Lost)+notShownText("; not shown now", s.Totals)+endedText(s.Totals), ""))
}

// end prints the sum if anything was lost at all.
func (l *lossReport) end() {
	if l.total == (conn.Loss{}) {
		return
	}
	fmt.Fprint(l.stderr, message("lost since start: "+lossText(l.total)+endedText(l.totals), ""))
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
		{l.TotalsFull, "rows or datagrams missing from the sums by owner too (too many owners)"},
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

// endedText names the owners and remotes of most lost rows, and of datagrams that had none, with all
// that these have carried since start.
func endedText(totals []conn.OwnerTotal) string {
	row := func(t *conn.OwnerTotal) string {
		var n []string
		if t.Conns > 0 {
			n = append(n, fmt.Sprintf("rows %d", t.Conns))
		}
		if t.Datagrams > 0 {
			n = append(n, fmt.Sprintf("datagrams %d", t.Datagrams))
		}
		if n == nil {
			return ""
		}
		return fmt.Sprintf("%s, rx %s, tx %s", strings.Join(n, ", "), size(t.RxBytes), size(t.TxBytes))
	}
	if text := listedByBoth(totals, row); text != "" {
		return "; not in rows since start, " + text
	}
	return ""
}

// notShownText says likewise how many connections are open and have no row, after what.
func notShownText(what string, totals []conn.OwnerTotal) string {
	row := func(t *conn.OwnerTotal) string {
		if t.Open == 0 {
			return ""
		}
		return fmt.Sprintf("%d, rx %s, tx %s", t.Open, size(t.OpenRx), size(t.OpenTx))
	}
	text := listedByBoth(totals, row)
	if text == "" {
		return ""
	}
	n := uint64(0)
	for i := range totals {
		n += totals[i].Open
	}
	return fmt.Sprintf("%s: %d connections, %s", what, n, text)
}

// listedByBoth names the first owners and the first remotes for which there is something to say.
func listedByBoth(totals []conn.OwnerTotal, say func(*conn.OwnerTotal) string) string {
	owners := listed("by owner", conn.ByOwner(totals), ownerName, say)
	if owners == "" {
		return ""
	}
	return owners + "; " + listed("by remote", conn.ByRemote(totals), remoteName, say)
}

// listed names the first of all for which there is something to say.
func listed(by string, all []conn.OwnerTotal, name, say func(*conn.OwnerTotal) string) string {
	var b strings.Builder
	n := 0
	for i := range all {
		text := say(&all[i])
		if text == "" {
			continue
		}
		if n++; n > maxOwners {
			continue
		}
		if n > 1 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, " %s (%s)", name(&all[i]), text)
	}
	switch {
	case n == 0:
		return ""
	case n > maxOwners:
		fmt.Fprintf(&b, " and %d more", n-maxOwners)
	}
	return by + ":" + b.String()
}

func ownerName(t *conn.OwnerTotal) string {
	switch {
	case t.PID != 0:
		return fmt.Sprintf("%s[%d]", output.AppendVisible(nil, t.Comm.Bytes()), t.PID)
	case t.UID == conn.NoUID:
		return "others"
	}
	return fmt.Sprintf("uid %d", t.UID)
}

func remoteName(t *conn.OwnerTotal) string {
	if t.Raddr == (conn.Addr{}) {
		return "others or not known"
	}
	return t.Raddr.Netip().String()
}

func size(n uint64) string { return strings.TrimLeft(string(column.AppendBytes(nil, n)), " ") }
