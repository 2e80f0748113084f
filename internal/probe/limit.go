package probe

import "tcptop/internal/conn"

// Bits of tcptopConn.Limits, as in bpf/conn.h.
const (
	limitApp = 1 << iota
	limitCwnd
	limitSndbuf
	limitECN
	limitChronoShift = 4
)

// decodeLimits fills what says where a sender stands; jiffy is in ns.
func decodeLimits(c *conn.Conn, s *tcptopConn, jiffy uint64) {
	of := func(chrono int) uint64 { return uint64(s.Chrono[chrono]) * jiffy / 1000 }
	c.RwndLimited, c.SndbufLimited = of(1), of(2)
	c.Busy = of(0) + c.RwndLimited + c.SndbufLimited // as tcp_info has it
	c.Chrono = conn.Chrono(s.Limits >> limitChronoShift & 3)
	c.AppLimited = s.Limits&limitApp != 0
	c.CwndLimited = s.Limits&limitCwnd != 0
	c.SndbufFull = s.Limits&limitSndbuf != 0
	c.ECN = s.Limits&limitECN != 0
	c.CAState, c.Probes, c.CEPackets = conn.CAState(s.CaState), s.Probes, s.DeliveredCe
}
