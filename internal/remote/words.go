package remote

import (
	"fmt"

	"tcptop/internal/conn"
)

// words are the values of the fields that have a closed set of them. A word that is not
// known is the zero value: not known.
type words struct {
	proto  map[string]conn.Proto
	state  map[string]conn.State
	dir    map[string]conn.Dir
	event  map[string]conn.Event
	owner  map[string]conn.OwnerSource
	naming map[string]conn.NameSource
	ca     map[string]conn.CAState
	limit  map[string]conn.Limit
	reason map[string]conn.CloseReason
	detail map[string]conn.CloseDetail
	origin map[string]conn.Origin
	errno  map[string]conn.Errno
}

func newWords() words {
	w := words{
		proto: all(conn.TCP), state: all(conn.Established), dir: all(conn.In), event: all(conn.EventSample), owner: all(conn.OwnerConnect),
		naming: all(conn.NameDNS), ca: all(conn.CAOpen), limit: all(conn.LimitApp), reason: all(conn.FinLocal), detail: all(conn.Unread),
		origin: all(conn.FromBPF), errno: make(map[string]conn.Errno),
	}
	for e := conn.Errno(255); e > 0; e-- {
		w.errno[e.String()] = e
	}
	return w
}

// all are the values from first on by their names.
func all[T interface {
	~uint8
	fmt.Stringer
}](first T) map[string]T {
	of := make(map[string]T)
	for v := first; v.String() != ""; v++ {
		if _, known := of[v.String()]; !known {
			of[v.String()] = v
		}
	}
	return of
}

// loss is what the line of a tick says was lost since the start.
func loss(n map[string]uint64) conn.Loss {
	return conn.Loss{
		TableFull: n["table_full"], RingFull: n["ring_full"], QueueFull: n["queue_full"], FlowsFull: n["flows_full"],
		Stale: n["stale"], Skipped: n["skipped"], MissedTicks: n["missed_ticks"], TotalsFull: n["totals_full"],
		DNSFull: n["dns_full"], Unnamed: n["unnamed"], TransitionsFull: n["transitions_full"], RowsFull: n["rows_full"],
	}
}
