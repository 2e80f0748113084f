package probe

import (
	"bytes"
	"strconv"
)

// listenStats are the counters of a network namespace that tell of its listeners, as
// nstat(8) names them: TcpExtListenOverflows, TcpExtListenDrops, TcpExtSyncookiesSent.
type listenStats struct{ overflows, drops, cookies uint64 }

// parseListenStats reads /proc/net/netstat: for each group a line of names and one of
// values (netstat_seq_show, net/ipv4/proc.c). ok is false where one is missing.
func parseListenStats(text []byte) (s listenStats, ok bool) {
	prefix := []byte("TcpExt:")
	var names [][]byte
	for line := range bytes.Lines(text) {
		if !bytes.HasPrefix(line, prefix) {
			continue
		}
		fields := bytes.Fields(line[len(prefix):])
		if names == nil {
			names = fields
			continue
		}
		return listenStatsOf(names, fields)
	}
	return s, false
}

func listenStatsOf(names, values [][]byte) (s listenStats, ok bool) {
	found := 0 // a bit for each, since a name may come twice
	for i := range min(len(names), len(values)) {
		var to *uint64
		var bit int
		switch string(names[i]) {
		case "ListenOverflows":
			to, bit = &s.overflows, 1
		case "ListenDrops":
			to, bit = &s.drops, 2
		case "SyncookiesSent":
			to, bit = &s.cookies, 4
		default:
			continue
		}
		n, err := strconv.ParseUint(string(values[i]), 10, 64)
		if err != nil {
			return listenStats{}, false
		}
		*to = n
		found |= bit
	}
	if found != 1|2|4 {
		return listenStats{}, false
	}
	return s, true
}
