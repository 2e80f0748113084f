package tui

import (
	"fmt"
	"strconv"
	"strings"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// notShownListed is how many owners and remotes the help page names.
const notShownListed = 8

// addNotShown says whose the connections are that have no row, and where they lead to.
func (t *textPane) addNotShown(s *table.Snapshot) {
	if s == nil || len(s.Totals) == 0 {
		return
	}
	t.lines = append(t.lines, textLine{head: "not shown"})
	all := conn.OwnerTotal{}
	for i := range s.Totals {
		all.Add(&s.Totals[i])
	}
	t.lines = append(t.lines, textLine{name: "connections", text: notShownText(&all), st: warning})
	t.addTotals("owner", conn.ByOwner(s.Totals), ownerText)
	t.addTotals("remote", conn.ByRemote(s.Totals), func(t *conn.OwnerTotal) string {
		if t.Raddr == (conn.Addr{}) {
			return "others or not known"
		}
		return t.Raddr.Netip().String()
	})
}

func (t *textPane) addTotals(of string, all []conn.OwnerTotal, name func(*conn.OwnerTotal) string) {
	for i := range all {
		if i == notShownListed {
			t.lines = append(t.lines, textLine{name: of, text: fmt.Sprintf("and %d more", len(all)-i)})
			return
		}
		t.lines = append(t.lines, textLine{name: of, text: name(&all[i]) + ": " + notShownText(&all[i])})
	}
}

func ownerText(t *conn.OwnerTotal) string {
	switch {
	case t.PID != 0:
		return string(t.Comm.Bytes()) + " " + strconv.FormatUint(uint64(t.PID), 10)
	case t.UID == conn.NoUID:
		return "others"
	}
	return "uid " + strconv.FormatUint(uint64(t.UID), 10)
}

// notShownText is how many connections t sums, and what they carried.
func notShownText(t *conn.OwnerTotal) string {
	var parts []string
	if t.Open > 0 {
		parts = append(parts, fmt.Sprintf("%d open now (rx %s, tx %s)", t.Open, bytesText(t.OpenRx), bytesText(t.OpenTx)))
	}
	if t.Conns > 0 {
		parts = append(parts, fmt.Sprintf("%d ended", t.Conns))
	}
	if t.Datagrams > 0 {
		parts = append(parts, fmt.Sprintf("%d datagrams", t.Datagrams))
	}
	if t.Conns|t.Datagrams > 0 {
		parts[len(parts)-1] += fmt.Sprintf(" (rx %s, tx %s)", bytesText(t.RxBytes), bytesText(t.TxBytes))
	}
	return strings.Join(parts, ", ")
}
