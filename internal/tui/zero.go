package tui

import (
	"math"
	"strconv"

	"tcptop/internal/column"
	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// maxZeroed bounds the connections whose counters are remembered at zeroing.
const maxZeroed = 1 << 18

// zeroed is what the counters were when they were last set to zero.
type zeroed struct {
	at     string // the time, for people
	counts map[conn.ID]counts
}

type counts struct {
	rxBytes, txBytes, rxPackets, txPackets, retransBytes uint64
	retransPackets, drops                                uint32
}

func countsOf(r *table.Row) counts {
	return counts{r.RxBytes, r.TxBytes, r.RxPackets, r.TxPackets, r.RetransBytes, r.RetransPackets, r.Drops}
}

// zero remembers the counters of every row of s.
func zero(s *table.Snapshot) *zeroed {
	z := &zeroed{at: s.Time.Format("15:04:05"), counts: make(map[conn.ID]counts, min(s.Len(), maxZeroed))}
	for r := range s.Ends() {
		if len(z.counts) == maxZeroed {
			break
		}
		z.counts[r.ID] = countsOf(r)
	}
	return z
}

// column is c counting from the zeroing on. The nil zeroed changes nothing.
func (z *zeroed) column(c *column.Column) *column.Column {
	if z == nil || c.Num == nil || !zeroable(c.Name) {
		return c
	}
	since := *c
	since.Num = func(s *table.Snapshot, r *table.Row) (int64, bool) {
		n, ok := c.Num(s, r)
		return z.less(c.Name, r, n), ok
	}
	return &since
}

// less is n, the value of a field of r, without what it was at the zeroing.
func (z *zeroed) less(field string, r *table.Row, n int64) int64 {
	if z == nil {
		return n
	}
	was, known := z.counts[r.ID]
	if !known {
		return n
	}
	return max(n-was.of(field), 0)
}

// zeroable reports whether a field is counted from the zeroing on.
func zeroable(field string) bool {
	switch field {
	case "rx_bytes", "tx_bytes", "rx_packets", "tx_packets", "retrans_bytes", "retrans_packets", "drops":
		return true
	}
	return false
}

func (was *counts) of(field string) int64 {
	switch field {
	case "rx_bytes":
		return clamp(was.rxBytes)
	case "tx_bytes":
		return clamp(was.txBytes)
	case "rx_packets":
		return clamp(was.rxPackets)
	case "tx_packets":
		return clamp(was.txPackets)
	case "retrans_bytes":
		return clamp(was.retransBytes)
	case "retrans_packets":
		return int64(was.retransPackets)
	case "drops":
		return int64(was.drops)
	}
	return 0
}

func clamp(n uint64) int64 { return int64(min(n, math.MaxInt64)) }

func appendPID(dst []byte, pid uint32) []byte {
	return strconv.AppendUint(append(dst, ' '), uint64(pid), 10)
}
